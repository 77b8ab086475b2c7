// Clients: the whole path of an event from the socket to the callback, for the clients of Tidings and others, on one connection at full speed.
//
// Method: a server on node:net in a process of its own sends bytes that were made beforehand, as fast as the socket takes them. In
// the columns "chunked" each event is a chunk of HTTP/1.1: a server that flushes every event sends them so, and so streams usually
// come. In the columns "plain" the body is unframed and ends with the connection.
// Each client is a process of its own, and reads all streams, so that none profits from code that was compiled for one of them. It
// adds up lengths and characters of the data that it is handed; a run fails when their count, their sum or the last id is not what
// was sent. Before measuring, each client reads each stream until that takes a tenth of a second. Then rows run in rounds, each row
// once a round, about 0.3 seconds each. The number of events comes from the run before. The table shows medians of events a second,
// from the request to the last event, and of the processor time that the client's process (all of its threads) had for an event. The
// ratio is the median, over the rounds, of that processor time to what eventsource-client took in the same round. The rows of one
// stream and one framing run next to each other, so the two are measured within seconds. eventsource-client is the yardstick because
// it takes the least time of the others.
//
// With few cores the server and the collector of garbage share them with the client: the processor time says more than the speed.
// The time to wake a client is not included: at full speed each read brings many events, while a live stream brings one.
// To add a client, give it a row in `load/clients.ts`.

import { pathToFileURL } from 'node:url';
import { CLIENTS } from './load/clients.ts';
import { Child } from './parts/child.ts';
import { type Framing, FRAMINGS, STREAMS, type StreamName } from './parts/event-streams.ts';
import { alternate, type Figures, type Measured, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Clients';

const RUN_SECONDS = 0.3;
const WARM_UP_SECONDS = 0.1;
const WARM_UP_EVENTS = 5_000;
const ROUNDS = { atLeast: 5, atMost: 9, milliseconds: 60_000 };

/** The client that the others are compared with. */
const YARDSTICK = 'eventsource-client';

const streams = Object.keys(STREAMS) as StreamName[];

/** Prints a table for each stream. Takes about two minutes. */
export async function run(): Promise<void> {
  console.log(
    `${title}: the whole way of an event from the socket to the callback, one connection at full speed. Each client is a process of its own
and checks what it is handed. Chunked: each event is a chunk of HTTP/1.1. Plain: unframed up to the end of the connection.
CPU: processor time of the client for an event, µs, and its ratio to ${YARDSTICK} in the same round. Medians of alternating runs.`,
  );
  const server = Child.node(new URL('servers/full-speed.ts', import.meta.url));
  const clients = new Map(
    Object.keys(CLIENTS).map((name) => [name, Child.node(new URL('load/client.ts', import.meta.url), [name])]),
  );
  try {
    const url = `http://127.0.0.1:${await server.line()}`;
    const rows: Row[] = [];
    for (const stream of streams) {
      for (const framing of FRAMINGS) {
        for (const [name, client] of clients) {
          const row = rowName(name, stream, framing);
          rows.push(await listening(row, client, `${url}/${stream}/${framing}`));
        }
      }
    }
    const figures = await alternate(rows, ROUNDS);
    for (const stream of streams) print(stream, figures);
  } finally {
    await Promise.all([server, ...clients.values()].map((child) => child.stop()));
  }
}

/** A client that has read a stream until that took a while, to be measured. */
async function listening(name: string, client: Child, url: string): Promise<Row> {
  let count = WARM_UP_EVENTS;
  let seconds = 0;
  const measure = async (): Promise<Figures> => {
    const figures = JSON.parse(await client.ask(`listen ${url}/${count}`)) as Figures;
    const perSecond = figures['perSecond'] ?? Number.NaN;
    seconds = count / perSecond;
    count = Math.ceil(perSecond * RUN_SECONDS);
    return figures;
  };
  while (seconds < WARM_UP_SECONDS) await measure();
  return { name, measure };
}

function print(stream: StreamName, figures: Measured): void {
  const columns = FRAMINGS.flatMap((framing) => [`${framing}, events/s`, 'CPU, µs', 'ratio']);
  const rows = Object.keys(CLIENTS).map((name) => [
    name,
    ...FRAMINGS.flatMap((framing) => {
      const row = rowName(name, stream, framing);
      const own = figures.get(row);
      const ratio = figures.ratio(row, rowName(YARDSTICK, stream, framing), 'cpu');
      return [own?.['perSecond'], own?.['cpu'], ratio].map(figure);
    }),
  ]);
  printTable([STREAMS[stream], ...columns], rows);
}

function rowName(client: string, stream: StreamName, framing: Framing): string {
  return `${client}, ${stream}, ${framing}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
