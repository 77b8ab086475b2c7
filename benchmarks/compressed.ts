// Compressed fan-out: the cost of content coding for the server, and the bytes that it saves.
//
// Method: as in fan-out.ts, with small JSON events no two of which are alike. The listeners of the compressed rows ask for gzip or zstd.
// Only one listener decodes. It is in this process, gets the same bytes as the others, and reports the bytes of each tick;
// the sink then waits until all others have had as many, and fails the run when one has more, and in the end when not all had the same
// bytes. The last row is what a compression middleware does: a gzip stream for each response, flushed after each event.

import { pathToFileURL } from 'node:url';
import { Decoding } from './load/decoding.ts';
import { hasSinkInC, Listeners } from './load/listeners.ts';
import { type Server, startServer } from './load/server.ts';
import { reading } from './parts/readings.ts';
import { alternate, type Figures, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Compressed fan-out';

const LISTENERS = 2_000;
const TICKS = 20;
const WARM_UP_TICKS = 30;
const ROUNDS = { atLeast: 8, atMost: 40, milliseconds: 50_000 };

const PLAIN = 'Tidings Channel, not compressed';

/** The program, its arguments, and the coding that is asked for. */
const SERVERS: Readonly<Record<string, readonly [string, readonly string[], string]>> = {
  [PLAIN]: ['channel.ts', ['-', 'compression'], 'identity'],
  'Tidings Channel, gzip': ['channel.ts', ['-', 'compression'], 'gzip'],
  'Tidings Channel, zstd': ['channel.ts', ['-', 'compression'], 'zstd'],
  'response.write() in Node': ['plain.ts', ['-'], 'identity'],
  'a gzip stream for each response': ['plain.ts', ['-', 'gzip'], 'gzip'],
};

/** Prints the table. Takes about 70 seconds. */
export async function run(): Promise<void> {
  if (!hasSinkInC()) {
    console.log(`${title}: left out, because the listeners need gcc and epoll`);
    return;
  }
  console.log(
    `${title}: small JSON events, of ${reading(1).length} bytes for example, to ${LISTENERS} listeners, one event a tick. Bytes of the connection and µs of
processor time of the server for a delivered event. Medians of alternating runs and of their ratios.`,
  );
  const stops: (() => Promise<void> | void)[] = [];
  const rows: Row[] = [];
  const checks: (() => Promise<void>)[] = [];
  try {
    for (const [name, [program, args, coding]] of Object.entries(SERVERS)) {
      const server = await startServer(program, args);
      if (!server) continue;
      stops.push(() => server.stop());
      const { port, target } = server;
      const listeners = new Listeners({ port, count: LISTENERS, target, headers: { 'Accept-Encoding': coding } });
      stops.push(() => listeners.leave());
      await listeners.connected;
      const decoding = await Decoding.connect(port, target, coding);
      stops.push(() => decoding.leave());
      const stream = new Stream(server, listeners, decoding);
      await stream.begin();
      await stream.publishTicks(WARM_UP_TICKS);
      rows.push({ name, measure: () => stream.measure() });
      checks.push(() => listeners.compare());
    }
    const figures = await alternate(rows, ROUNDS);
    for (const check of checks) await check();
    printTable(
      ['server', 'bytes an event', 'to not compressed', 'µs an event', 'to not compressed'],
      Object.keys(SERVERS).map((name) => {
        const own = figures.get(name);
        const cells = ['bytes', 'cpu'].flatMap((key) => {
          return [figure(own?.[key]), figure(figures.ratio(name, PLAIN, key))];
        });
        return [name, ...cells];
      }),
    );
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** A server, its listeners, and the number of published events. */
class Stream {
  readonly #server: Server;
  readonly #listeners: Listeners;
  readonly #decoding: Decoding;
  #seq = 0;

  constructor(server: Server, listeners: Listeners, decoding: Decoding) {
    this.#server = server;
    this.#listeners = listeners;
    this.#decoding = decoding;
  }

  /** Publishes a first event, so that everyone's first bytes, which may differ, have come. */
  async begin(): Promise<void> {
    await this.#publish();
    await this.#listeners.settle();
  }

  /** Returns the bytes that one listener got. */
  async publishTicks(ticks: number): Promise<number> {
    let bytes = 0;
    for (let tick = 0; tick < ticks; tick += 1) {
      bytes += await this.#listeners.expectBytes(await this.#publish());
    }
    return bytes;
  }

  /** Publishes an event and returns its bytes on the connection of the listener that decodes. */
  async #publish(): Promise<number> {
    this.#seq += 1;
    const data = reading(this.#seq);
    const [bytes] = await Promise.all([this.#decoding.expect(data), this.#server.publishData(data)]);
    return bytes;
  }

  async measure(): Promise<Figures> {
    const before = await this.#server.cpu();
    const bytes = await this.publishTicks(TICKS);
    const cpu = (await this.#server.cpu()) - before;
    return { bytes: bytes / TICKS, cpu: cpu / (TICKS * LISTENERS) };
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
