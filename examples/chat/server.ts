import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { eventStream, type NodeRequest } from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';
import type { Answer, Example } from '../site/example.ts';
import { reply } from '../site/reply.ts';
import { serveAlone } from '../site/serve.ts';
import { createModel, type ModelCounts } from './model.ts';
import { ChatServers } from './servers.ts';

/** A hub, a stand-in for the model, and two servers of the chat. */
interface Workshop {
  readonly hub: Hub;
  readonly counts: Readonly<ModelCounts>;
  readonly servers: ChatServers;
}

let opened: Promise<Workshop> | undefined;

/** Opens the workshop with the first request. */
function workshop(): Promise<Workshop> {
  opened ??= open();
  return opened;
}

async function open(): Promise<Workshop> {
  const hub = new Hub({ log: new MemoryLog() });
  const { server, counts } = createModel();
  const [hubUrl, modelUrl] = await Promise.all([listen(createServer(hub)), listen(server)]);
  return { hub, counts, servers: await ChatServers.start(hubUrl, `${modelUrl}/v1`) };
}

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What is asked in a chat, from its first question on, so that a second tab knows of an answer that the first one has asked for. */
const news: Answer = async (request, response) => {
  const { hub } = await workshop();
  await eventStream(request, response, async function* ({ signal, lastEventId }): AsyncGenerator<EventFields> {
    const topic = `chats/${encodeURIComponent(parameter(request, 'chat'))}`;
    const events = hub.events({ topics: [topic], lastEventId: lastEventId || 'earliest', signal });
    for await (const event of events) if ('id' in event) yield { id: event.id, data: event.data };
  });
};

const model: Answer = async (_request, response) => {
  const { counts } = await workshop();
  reply(response, 200, JSON.stringify(counts), { 'Content-Type': 'application/json' });
};

const kill: Answer = async (request, response) => {
  const { servers } = await workshop();
  await servers.kill(parameter(request, 'server'));
  reply(response, 200, 'It is dead.\n');
};

/** Every other path is one of the chat's servers: `api/chat` and what is below it. */
const pass: Answer = async (request, response) => {
  const { servers } = await workshop();
  const [, path] = /\/(api\/.*)$/.exec(request.url ?? '') ?? [];
  if (path === undefined) reply(response, 404, 'There is nothing here.\n');
  else await servers.pass(request, response, path);
};

function parameter({ url = '' }: NodeRequest, name: string): string {
  return new URLSearchParams(url.split('?')[1]).get(name) ?? '';
}

export const chat: Example = {
  name: 'chat',
  pages: { '': 'index.html' },
  streams: { news, model, kill },
  otherwise: pass,
};

if (import.meta.main) await serveAlone(chat, 4170);
