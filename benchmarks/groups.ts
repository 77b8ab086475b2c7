// Many small groups: the method of the benchmark that Centrifugo has published, on this machine.
//
// Theirs: a million WebSocket connections to 20 servers with 5 of Redis beside them. Each connection has two channels: one of its own, and one of a group of ten. About 500,000 messages a second are delivered, which is one for each
// connection every two seconds, while 200,000 connections a minute come and go. They report a p99 of 200 ms from publishing to delivery, 40 processors for the servers (12,500 deliveries a second each), and 30 KB of memory a connection.
// How the messages were divided between both kinds of channels is not said, nor does Redis keep them on disk.
//
// Ours: `tidings serve` with a log on disk, and 10,000 listeners in another process, each with a topic of its own and one of a group of ten. Every group gets an event in turn, one request each, over eight connections; meanwhile connections with a listener come and go, in the
// same proportion as theirs. At the same number of deliveries for each listener as theirs, and at four times as many. An event has 100 bytes of data with the time when it was made, and each listener is checked to get each of its events. The cost
// is the processor time of all processes of the hub.

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { hasSinkInC, Listeners } from './load/listeners.ts';
import { Publisher, publishRequest } from './load/publisher.ts';
import { ServeCommand } from './load/serve.ts';
import { openFiles } from './parts/open-files.ts';
import { stamped } from './parts/stamped.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Many small groups';

// What a process has open besides
const OTHER_FILES = 300;
const GROUPS = Math.floor(Math.min(10_000, openFiles() - OTHER_FILES) / 10);
const LISTENERS = GROUPS * 10;
/** Deliveries a second for each listener. */
const RATES = [0.5, 2];
const ROUNDS = 10;
const PUBLISHERS = 8;
/** Connections that come and go in a second, for each listener. */
const COMING = 200_000 / 60 / 1_000_000;
const STAY_MS = 3_000;
const LEFT_ALONE_MS = 5_000;

/** Prints the table. Takes about a minute. */
export async function run(): Promise<void> {
  if (!hasSinkInC() || process.platform !== 'linux') {
    console.log(`${title}: left out, because the listeners need gcc and epoll`);
    return;
  }
  console.log(`${title}: ${LISTENERS} listeners, each with a topic of its own and one of a group of ten, while others come and go.
CPU: processor time of the hub, in cores, and how many events it delivers in a second of it. Memory as it is, for each listener.`);
  const hub = await ServeCommand.start();
  const stops: (() => Promise<void> | void)[] = [() => hub.stop()];
  try {
    const publishers = await Promise.all(Array.from({ length: PUBLISHERS }, () => Publisher.connect(hub.port)));
    stops.push(() => publishers.forEach((publisher) => publisher.close()));
    const empty = hub.resident();
    const target = '/topics?match=own/{n}&match=group/{t}';
    const listeners = new Listeners({ port: hub.port, count: LISTENERS, target });
    stops.push(() => listeners.leave());
    await listeners.connected;
    await sleep(LEFT_ALONE_MS);
    const memory = (hub.resident() - empty) / LISTENERS;
    await publish(hub, publishers, listeners, Math.max(...RATES), 2);
    const rows: string[][] = [];
    for (const rate of RATES) {
      const { p50, p99, cores, perCore } = await publish(hub, publishers, listeners, rate, ROUNDS * rate);
      rows.push([figure(rate * LISTENERS), ...[p50, p99, cores, perCore, memory].map((value) => figure(value))]);
    }
    printTable(['deliveries/s', 'p50, ms', 'p99, ms', 'CPU, cores', 'deliveries/s to a core', 'memory, KiB'], rows);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

interface GroupFigures {
  readonly p50: number;
  readonly p99: number;
  readonly cores: number;
  readonly perCore: number;
}

/** Publishes to every group so many times, so that each listener gets events at a rate, while connections come and go. */
async function publish(
  hub: ServeCommand,
  publishers: readonly Publisher[],
  listeners: Listeners,
  rate: number,
  times: number,
): Promise<GroupFigures> {
  const count = GROUPS * times;
  const all = listeners.expect(times);
  const before = hub.cpu();
  const start = performance.now();
  const stopComing = comeAndGo(hub.port);
  const waiting: Buffer[] = [];
  const idle = [...publishers];
  const sending = new Set<Promise<void>>();
  const send = (): void => {
    while (waiting.length > 0) {
      const publisher = idle.pop();
      if (!publisher) return;
      const request = waiting.shift() ?? Buffer.alloc(0);
      const sent = publisher.publish(request).then(() => {
        idle.push(publisher);
        sending.delete(sent);
        send();
      });
      sending.add(sent);
    }
  };
  for (let made = 0; made < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - start) / 1000) * GROUPS * rate));
    for (; made < due; made += 1) waiting.push(publishRequest(`group/${made % GROUPS}`, stamped()));
    send();
    await Promise.race([sleep(1), ...sending]);
  }
  await all;
  while (sending.size > 0) await Promise.all(sending);
  const seconds = (performance.now() - start) / 1000;
  const cpu = (hub.cpu() - before) / 1e6;
  stopComing();
  const { p50, p99 } = await listeners.latencies();
  return { p50, p99, cores: cpu / seconds, perCore: (LISTENERS * times) / cpu };
}

/** Listeners with topics of their own connect and leave, until the returned function is called. */
function comeAndGo(port: number): () => void {
  let number = 0;
  const timer = setInterval(
    () => {
      number += 1;
      const socket = connect(port, '127.0.0.1', () => {
        const target = `/topics?match=guest/${number}&match=guests/${Math.floor(number / 10)}`;
        socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
      });
      socket.on('error', () => {}).resume();
      setTimeout(() => socket.destroy(), STAY_MS);
    },
    1000 / (COMING * LISTENERS),
  );
  return () => clearInterval(timer);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
