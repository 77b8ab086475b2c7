// Topics: how long a publish waits while pages show a list of 100,000 topics.
//
// Method: the hub, with its log on a real folder, is a process of its own. It has 100,000 topics of one event each. 1,000 events of 100 bytes a second are published to
// one more topic, 10 every 10 ms, each on a connection that has been answered. How long one waits counts from when it was due. A page is a connection that gets the list
// as a stream of documents, as the hub's own page does, and reads all of them. The rows run in turns.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { Publisher, publishRequest } from './load/publisher.ts';
import { DATA } from './parts/event-data.ts';
import { quantile } from './parts/median.ts';
import { alternate, type Figures, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Topics';

const TOPICS = 100_000;
const STEP = 10_000;
const PAGES = 4;
const TICK_MS = 10;
const TICK_EVENTS = 10;
const RUN_MS = 5_000;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };

/** Prints the table. Takes about a minute. */
export async function run(): Promise<void> {
  console.log(
    `${title}: ${(TICK_EVENTS * 1000) / TICK_MS} publishes a second beside pages that show ${TOPICS} topics. CPU: processor time of the hub, ms a second.
Median of ${ROUNDS.atMost} alternating runs.`,
  );
  const hub = await RunningHub.start();
  const publishers: Publisher[] = [];
  try {
    for (let from = 0; from < TOPICS; from += STEP) {
      const lines = Array.from({ length: STEP }, (_, n) => `{"topic":"topics/${from + n}","data":""}`).join('\n');
      const headers = { 'content-type': 'application/x-ndjson' };
      const made = await fetch(`http://127.0.0.1:${hub.port}/topics`, { method: 'POST', headers, body: lines });
      if (!made.ok) throw new Error(`The topics were answered ${made.status}`);
    }
    const rows = [0, PAGES].map((pages) => row(hub, publishers, pages));
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['pages', 'publishes/s', 'p50, ms', 'p99, ms', 'CPU, ms', 'documents'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        return [name, ...['perSecond', 'p50', 'p99', 'cpu', 'documents'].map((key) => figure(own?.[key]))];
      }),
    );
  } finally {
    for (const publisher of publishers) publisher.close();
    await hub.stop();
  }
}

function row(hub: RunningHub, publishers: Publisher[], pages: number): Row {
  return {
    name: pages === 0 ? 'none' : String(pages),
    async measure() {
      let documents = 0;
      const open = await Promise.all(Array.from({ length: pages }, () => openPage(hub.port, () => (documents += 1))));
      const before = await hub.cpu();
      const start = performance.now();
      const waits = await publishAtRate(hub.port, publishers);
      const seconds = (performance.now() - start) / 1000;
      const cpu = ((await hub.cpu()) - before) / 1000 / seconds;
      for (const page of open) page.destroy();
      const found: Figures = {
        perSecond: waits.length / seconds,
        p50: quantile(waits, 0.5),
        p99: quantile(waits, 0.99),
        cpu,
        documents,
      };
      return found;
    },
  };
}

/** A page that has its first document, and reads all that follow. */
async function openPage(port: number, onDocument: () => void): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  socket.write('GET /topics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n');
  let isFirst = true;
  socket.on('data', (text: string) => {
    for (let at = text.indexOf('data:'); at !== -1; at = text.indexOf('data:', at + 5)) onDocument();
    if (isFirst && !text.startsWith('HTTP/1.1 200')) socket.destroy(new Error(`A page was answered ${text}`));
    isFirst = false;
  });
  await once(socket, 'data');
  return socket;
}

/** Publishes at the rate, whatever the hub does. Gives how long each waited, in milliseconds. */
async function publishAtRate(port: number, idle: Publisher[]): Promise<number[]> {
  const request = publishRequest('one', DATA);
  const waits: number[] = [];
  const under: Promise<void>[] = [];
  const publish = async (due: number): Promise<void> => {
    const publisher = idle.pop() ?? (await Publisher.connect(port));
    await publisher.publish(request);
    waits.push(performance.now() - due);
    idle.push(publisher);
  };
  const start = performance.now();
  for (let due = 0; due < RUN_MS; due += TICK_MS) {
    const left = start + due - performance.now();
    if (left > 0) await new Promise((resolve) => void setTimeout(resolve, left));
    for (let n = 0; n < TICK_EVENTS; n += 1) under.push(publish(start + due));
  }
  await Promise.all(under);
  return waits;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
