// From one node to the other: how long until a listener at another node has an event, at 100 and at 5,000 events a second.
//
// Method: two hubs on one store, each a process of its own (`tidings serve`), PostgreSQL with all of its safety, one nats-server; of LMDB one hub with two workers. One publisher, in this process, publishes to
// one of them over one connection. Each event has 100 bytes of data with the time when it was made (CLOCK_MONOTONIC). What was made while a request was under way is published with the next one, as `Publisher` of
// the client does it, and its waiting counts. A listener at each node, in a process of its own, reads the clock when an event has come (load/sink.c). Of the workers, the listeners and the publisher are connected until they are at
// processes as they should be. "Answered" is the time until the publisher has the answer that its event is stored: what is after that, or before it, is the way from the commit to the listener. Rows run in rounds;
// the table shows medians of the figures of the rounds.

import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { hasSinkInC, Listeners } from '../load/listeners.ts';
import { Publisher, publishRequest } from '../load/publisher.ts';
import type { ServeCommand } from '../load/serve.ts';
import { type Nodes, NODES_OF, startNodes, STORE_NAMES } from '../load/stores.ts';
import { quantile } from '../parts/median.ts';
import { alternate, type Figures, type Row } from '../parts/rounds.ts';
import { stamped } from '../parts/stamped.ts';
import { figure, printTable } from '../parts/table.ts';

export const title: string = 'From one node to the other';

const TARGET = '/topics/readings';
/** Events a second, and for how many milliseconds. */
const RATES = { 100: 5_000, 5000: 3_000 } as const;
const WARM_UP_MS = 2_000;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };
// So many connections are tried until one is at another process. Each is there or not by chance.
const MAX_TRIED = 50;

/** A publisher at one node, and a listener at each. */
interface Way {
  readonly publisher: Publisher;
  readonly same: Listeners;
  readonly other: Listeners;
}

/** Prints the table. Takes about two minutes. */
export async function run(): Promise<void> {
  if (!hasSinkInC() || process.platform !== 'linux') {
    console.log(`${title}: left out, because the listeners need gcc and epoll`);
    return;
  }
  console.log(`${title}: ms from when an event is made until it is answered, and until a listener at the node of its publisher has it, and one at the other node.
Median of 3 alternating runs.`);
  const stops: (() => Promise<void>)[] = [];
  const rows: Row[] = [];
  try {
    for (const store of STORE_NAMES) {
      const nodes = await startNodes(store);
      stops.push(() => nodes.stop());
      const way = await wayThrough(nodes);
      stops.push(() => leave(way));
      for (const [rate, milliseconds] of Object.entries(RATES)) {
        await publish(way, Number(rate), WARM_UP_MS);
        rows.push({
          name: `${NODES_OF[store]}, ${rate} a second`,
          measure: () => publish(way, Number(rate), milliseconds),
        });
      }
    }
    const figures = await alternate(rows, ROUNDS);
    const columns = ['answered', 'same', 'other'].flatMap((what) => [`${what} p50`, `${what} p99`]);
    printTable(
      ['ms', ...columns, 'p50 of the other to the same', 'events a request'],
      rows.map(({ name }) => {
        const own = figures.get(name) ?? {};
        const ratio = (own['other p50'] ?? Number.NaN) / (own['same p50'] ?? Number.NaN);
        return [name, ...columns.map((key) => figure(own[key])), figure(ratio), figure(own['batch'])];
      }),
    );
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function publish({ publisher, same, other }: Way, rate: number, milliseconds: number): Promise<Figures> {
  const count = (rate * milliseconds) / 1000;
  const arrived = Promise.all([same.expect(count), other.expect(count)]);
  const answers: number[] = [];
  let waiting: { readonly made: number; readonly data: string }[] = [];
  let [made, requests] = [0, 0];
  let isSending = false;
  const send = async (): Promise<void> => {
    if (isSending) return;
    isSending = true;
    while (waiting.length > 0) {
      const sent = waiting;
      waiting = [];
      requests += 1;
      const body = sent.map(({ data }) => `data: ${data}\n\n`).join('');
      await publisher.publish(publishRequest('readings', body, 'text/event-stream'));
      const now = performance.now();
      for (const event of sent) answers.push(now - event.made);
    }
    isSending = false;
  };
  const start = performance.now();
  let failed = (_error: unknown): void => {};
  const failure = new Promise<never>((_resolve, reject) => {
    failed = reject;
  });
  while (made < count) {
    const due = Math.min(count, Math.floor(((performance.now() - start) * rate) / 1000));
    for (; made < due; made += 1) waiting.push({ made: performance.now(), data: stamped() });
    send().catch(failed);
    await Promise.race([sleep(1), failure]);
  }
  await Promise.race([arrived, failure]);
  while (isSending) await sleep(1);
  const [atSame, atOther] = [await same.latencies(), await other.latencies()];
  return {
    'answered p50': quantile(answers, 0.5),
    'answered p99': quantile(answers, 0.99),
    'same p50': atSame.p50,
    'same p99': atSame.p99,
    'other p50': atOther.p50,
    'other p99': atOther.p99,
    batch: count / requests,
  };
}

async function wayThrough({ hubs }: Nodes): Promise<Way> {
  const [one, two] = hubs;
  if (!one) throw new Error('There is no hub');
  if (!two) return await wayThroughWorkers(one);
  const [same, other] = [one, two].map(({ port }) => new Listeners({ port, count: 1, target: TARGET }));
  if (!same || !other) throw new Error('There is one hub');
  await Promise.all([same.connected, other.connected]);
  return { publisher: await Publisher.connect(one.port), same, other };
}

/** Connects to a hub with workers, until there is a listener at that of the publisher and one at another. */
async function wayThroughWorkers(hub: ServeCommand): Promise<Way> {
  const at = async (connect: () => Promise<void>): Promise<number> => {
    const before = hub.sockets();
    await connect();
    return hub.sockets().findIndex((count, index) => count > (before[index] ?? 0));
  };
  let publisher: Publisher | undefined;
  const home = await at(async () => {
    publisher = await Publisher.connect(hub.port);
    await publisher.publish(publishRequest('elsewhere', 'first'));
  });
  const found: Partial<Record<'same' | 'other', Listeners>> = {};
  for (let tried = 0; tried < MAX_TRIED; tried += 1) {
    let listener: Listeners | undefined;
    const place = await at(async () => {
      listener = new Listeners({ port: hub.port, count: 1, target: TARGET });
      await listener.connected;
    });
    const which = place === home ? 'same' : 'other';
    if (found[which]) await listener?.leave();
    else if (listener) found[which] = listener;
    const { same, other } = found;
    if (publisher && same && other) return { publisher, same, other };
  }
  throw new Error(`${MAX_TRIED} connections were all at one worker`);
}

async function leave({ publisher, same, other }: Way): Promise<void> {
  publisher.close();
  await Promise.all([same.leave(), other.leave()]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
