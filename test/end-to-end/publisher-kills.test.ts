import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { decodeEventStream } from '@tidings/wire';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { randomNumbers } from '../seed.ts';

/** How often publishers are killed in all, and how many there are at a time. */
const KILLS = 200;
const WORKERS = 4;

/** The program of a publisher in one file, which starts sooner. */
async function bundleProgram(folder: string): Promise<string> {
  const outfile = join(folder, 'publisher.mjs');
  const entry = fileURLToPath(new URL('publisher-process.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node', logLevel: 'error' });
  return outfile;
}

/** When a publisher is killed: its request has come and is not passed on, it is stored and not answered, or half of the answer was sent. */
const MOMENTS = ['before', 'stored', 'half'] as const;
type Moment = (typeof MOMENTS)[number];

async function startHub(): Promise<number> {
  const hub = new Hub({ log: new MemoryLog() });
  const server = createServer(hub);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    server.close();
    await hub.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A publisher's process, over its lives. */
class Worker {
  readonly topic: string;
  readonly file: string;
  readonly #program: string;
  readonly #url: string;
  /** How many events each life has seen accepted. */
  readonly accepted: number[] = [];
  /** The life that is to be killed, and when: at that request, in that moment. */
  #child: ChildProcess | undefined;
  #requests = 0;
  #killAt = 0;
  #moment: Moment | undefined;

  constructor(program: string, url: string, topic: string, file: string) {
    this.#program = program;
    this.#url = url;
    this.topic = topic;
    this.file = file;
  }

  /** One life, up to its request of this number and that moment of it, or to its end. */
  async live(killAt = Infinity, moment?: Moment): Promise<void> {
    const life = this.accepted.push(0) - 1;
    this.#requests = 0;
    this.#killAt = killAt;
    this.#moment = moment;
    const args = [this.#program, this.#url, this.topic, this.file, String(life), moment ? '-' : '3'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8').on('data', (lines: string) => {
      this.accepted[life] = (this.accepted[life] ?? 0) + lines.split('\n').length - 1;
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (moment ? signal !== 'SIGKILL' : code !== 0)
      throw new Error(`life ${life} of ${this.topic} ended with ${signal ?? code}`);
  }

  /** A request of it has come. Returns when it is to be killed in this one. */
  requested(): Moment | undefined {
    return ++this.#requests === this.#killAt ? this.#moment : undefined;
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }
}

/** Stands between the publishers and the hub, and kills them. */
async function startProxy(hubPort: number, workers: ReadonlyMap<string, Worker>): Promise<string> {
  const server = http.createServer((request, response) => void pass(request, response));
  async function pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const worker = workers.get(String(request.headers['x-worker']))!;
    const body = await buffer(request).catch(() => undefined);
    if (!body) return;
    const moment = worker.requested();
    if (moment === 'before') return worker.kill();
    const { host: _, ...headers } = request.headers;
    const passed = http.request({ port: hubPort, method: 'POST', path: request.url, headers });
    passed.end(body);
    const [answer] = (await once(passed, 'response')) as [http.IncomingMessage];
    const answered = await buffer(answer);
    if (moment === 'stored') return worker.kill();
    response.writeHead(answer.statusCode!, answer.headers);
    if (!moment) return void response.end(answered);
    response.write(answered.subarray(0, answered.length / 2), () => worker.kill());
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** All events of a topic. */
async function eventsOf(port: number, topic: string): Promise<string[]> {
  const { body } = await fetch(`http://127.0.0.1:${port}/topics/${topic}?lastEventId=earliest`);
  const found: string[] = [];
  for await (const { type, data } of decodeEventStream(body!)) {
    if (type === 'message') found.push(data);
    if (data === 'end') return found.slice(0, -1);
  }
  return found;
}

test(`a publisher with an outbox is killed ${KILLS} times between its request and the answer, and each event is stored once and in order`, async () => {
  const random = randomNumbers();
  const folder = mkdtempSync(join(tmpdir(), 'tidings-kills-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = await bundleProgram(folder);
  const workers = new Map<string, Worker>();
  const hubPort = await startHub();
  const url = await startProxy(hubPort, workers);
  for (let n = 0; n < WORKERS; n++)
    workers.set(`w${n}`, new Worker(program, url, `w${n}`, join(folder, `outbox-${n}`)));
  const kills = Array.from({ length: KILLS / WORKERS }, () => ({
    at: 1 + Math.floor(random() * 4),
    moment: MOMENTS[Math.floor(random() * MOMENTS.length)]!,
  }));
  await Promise.all(
    [...workers.values()].map(async (worker) => {
      for (const { at, moment } of kills) await worker.live(at, moment);
      await worker.live();
    }),
  );
  for (const { topic, accepted } of workers.values()) {
    await fetch(`http://127.0.0.1:${hubPort}/topics/${topic}`, { method: 'POST', body: 'end' });
    const found = await eventsOf(hubPort, topic);
    let at = 0;
    for (const [life, count] of accepted.entries()) {
      let n = 0;
      for (; found[at] === `${life}.${n}`; n++) at++;
      expect(n, `events of life ${life} of ${topic}`).toBeGreaterThanOrEqual(count);
    }
    // Nothing is left over: no event is twice, or out of its order.
    expect(found.slice(at)).toEqual([]);
  }
}, 600_000);
