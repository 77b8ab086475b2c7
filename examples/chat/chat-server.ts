// One of the chat's servers, in a process of its own. It keeps nothing: what the others have to know is at the hub.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { argv, stderr, stdin, stdout } from 'node:process';
import { answerUIMessages, startUIMessages } from '@tidings/server/ai-sdk';
import { nodeHead, sendAnswer } from '@tidings/server/node';
import { Runs } from '@tidings/server/runs';
import { askByAiSdk, askByOpenAi, type ChatMessage } from './answers.ts';
import { Chats } from './chats.ts';

const [, , hub = '', model = '', server = ''] = argv;
const runs = new Runs({ hub });
const chats = new Chats(hub, runs);

/** What a page may send, in bytes: a question is an event of the hub, which takes up to a MiB. */
const MAX_BODY_BYTES = 1_000_000;

const NAMES = { 'ai-sdk': 'the AI SDK', openai: 'openai' } as const;

interface Asked {
  readonly id: string;
  readonly messages: readonly ChatMessage[];
  readonly by: keyof typeof NAMES;
}

/** Whether a body asks a question: what a chat keeps is read by all of its pages. */
function isAsked(body: unknown): body is Asked {
  const { id, messages, by } = (body ?? {}) as Partial<Asked>;
  const last = Array.isArray(messages) ? (messages.at(-1) as Partial<ChatMessage> | null | undefined) : undefined;
  if (!isName(id) || !isName(last?.id) || !Object.hasOwn(NAMES, String(by))) return false;
  const isPart = (part: unknown): boolean => typeof part === 'object' && part !== null;
  return last?.role === 'user' && Array.isArray(last.parts) && last.parts.every(isPart);
}

/** Ids of chats and of their messages are in paths, and in the names of topics. */
function isName(id: unknown): boolean {
  return typeof id === 'string' && /^[\w-]{1,100}$/.test(id);
}

/** The JSON of a body; undefined if that is too large. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // The answer still has to go to who sends too much.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString());
}

/** Starts an answer, once, and streams it. It goes on when the page has gone. */
async function send(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = await bodyOf(request);
  if (asked === undefined) {
    return void response.writeHead(413, { Connection: 'close' }).end(`A body has at most ${MAX_BODY_BYTES} bytes.\n`);
  }
  if (!isAsked(asked)) return void response.writeHead(400).end('The last message is not a question.\n');
  const { id: chat, messages, by } = asked;
  const question = messages.at(-1) as ChatMessage;
  const run = Chats.runOf(chat, question.id);
  const ask = by === 'openai' ? askByOpenAi : askByAiSdk;
  const metadata = { server, by: NAMES[by] };
  const options = { lease: '3s' } as const;
  await startUIMessages(
    runs,
    run,
    ({ signal }) => ask({ messages, model, metadata, id: Chats.answerTo(question.id), signal }),
    options,
  );
  // When it can be followed, the other tabs are told.
  await chats.ask(chat, question);
  sendAnswer(request, response, await answerUIMessages(runs, nodeHead(request), run));
}

/** Goes on with the answer under way, from its start. One that is over is for a page that does not have it: it has ended since the page got the messages. */
async function resume(request: IncomingMessage, response: ServerResponse, chat: string): Promise<void> {
  const newest = await chats.newest(chat);
  if (!newest) return void response.writeHead(204).end();
  const replay = request.headers['x-last-message'] !== newest.id;
  sendAnswer(request, response, await answerUIMessages(runs, nodeHead(request), newest.run, { replay }));
}

/** Stops the answer under way, whichever server makes it. */
async function stop(response: ServerResponse, chat: string): Promise<void> {
  const newest = await chats.newest(chat);
  const { state } = newest ? await runs.stop(newest.run) : { state: 'unknown' };
  response.end(state);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, chat = '', what = ''] = /^\/api\/chat(?:\/([\w-]{1,100})(?:\/(\w+))?)?$/.exec(request.url ?? '') ?? [];
  if (request.method === 'POST' && chat === '') await send(request, response);
  else if (request.method === 'POST' && what === 'stop') await stop(response, chat);
  else if (what === 'stream') await resume(request, response, chat);
  else if (chat !== '' && what === '') response.end(JSON.stringify(await chats.messages(chat)));
  else response.writeHead(404).end('There is nothing here.\n');
}

// Whoever has started this process has gone.
stdin.on('end', () => process.exit()).resume();

const http = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    if (error instanceof SyntaxError) return void response.writeHead(400).end('The body is no JSON.\n');
    stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    if (!response.headersSent) response.writeHead(500).end('Something went wrong here.\n');
  });
});
await once(http.listen(0, '127.0.0.1'), 'listening');
stdout.write(`http://127.0.0.1:${(http.address() as AddressInfo).port}\n`);
