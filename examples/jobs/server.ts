import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { nodeHead, type NodeRequest, sendAnswer } from '@tidings/server/node';
import { Runs } from '@tidings/server/runs';
import type { Answer, Example } from '../site/example.ts';
import { reply } from '../site/reply.ts';
import { serveAlone } from '../site/serve.ts';

/** What the page works with: a hub with the queue and the runs, and a worker in another process. */
interface Workshop {
  readonly hub: Hub;
  readonly url: string;
  readonly runs: Runs;
}

let opened: Promise<Workshop> | undefined;
let made = 0;

/** Opens the workshop with the first request. */
function workshop(): Promise<Workshop> {
  opened ??= open();
  return opened;
}

async function open(): Promise<Workshop> {
  const log = new MemoryLog();
  const hub = new Hub({ log });
  const server = createServer(hub);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Its standard input ends when this process does, and the worker with it.
  spawn(process.execPath, [join(import.meta.dirname, 'worker.ts'), url], { stdio: ['pipe', 'inherit', 'inherit'] });
  return { hub, url, runs: new Runs({ log }) };
}

/** Puts a job into the queue, and says where it can be followed, also by `tidings listen`. */
const add: Answer = async (_request, response) => {
  const { hub, url } = await workshop();
  const id = `primes-${(made += 1)}`;
  await hub.publish('queue', { data: id });
  // A run that no worker has begun is unknown. Its first event says that one has.
  const begun = { topics: [`runs/${id}`], lastEventId: 'earliest', signal: AbortSignal.timeout(10_000) };
  const { done } = await hub.events(begun).next();
  if (done) return reply(response, 503, 'No worker takes the job.\n');
  const listen = `tidings listen runs/${id} --since earliest --hub ${url}`;
  reply(response, 202, JSON.stringify({ id, listen }), { 'Content-Type': 'application/json' });
};

/** What a job has said so far, and then what it says, until it is over: then the page does not come back. */
const follow: Answer = async (request, response) => {
  const { runs } = await workshop();
  sendAnswer(request, response, await runs.answer(nodeHead(request), idOf(request), { errors: true }));
};

/** Stops a job, wherever its worker is. */
const stop: Answer = async (request, response) => {
  const { runs } = await workshop();
  const id = idOf(request);
  if (!/^[\w-]{1,100}$/.test(id)) return reply(response, 400, 'That is no id of a job.\n');
  const { state } = await runs.stop(id);
  reply(response, 200, `${state}\n`);
};

function idOf({ url = '' }: NodeRequest): string {
  return new URLSearchParams(url.split('?')[1]).get('id') ?? 'none';
}

export const jobs: Example = {
  name: 'jobs',
  pages: { '': 'index.html' },
  streams: { add, follow, stop },
};

if (import.meta.main) await serveAlone(jobs, 4160);
