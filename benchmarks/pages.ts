// Pages: how many events a hub answers in pages, and how long a page takes.
//
// Method: the hub, with 100,000 events of 100 bytes of data in a log on disk, is a process of its own. Four clients, each with one connection, ask for page after
// page from the earliest on, and begin anew at the end. The cost is the processor time of the hub's process for an event in a page. In the row "304" the clients have
// the pages, and send their tags. The last rows look for the newest 10 events: of a pattern that selects ten of the events, which lie before all others,
// and of a type that one event in a thousand has. Rows alternate, and the table shows their median.

import { Agent, request } from 'node:http';
import { pathToFileURL } from 'node:url';
import { closedLoop } from './load/closed-loop.ts';
import { RunningHub } from './load/hub.ts';
import { alternate, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Pages';

const EVENTS = 100_000;
const CLIENTS = 4;
const RUN_MS = 1500;
const ROUNDS = { atLeast: 3, atMost: 5, milliseconds: 20_000 };

interface Page {
  readonly events: readonly unknown[];
  readonly next: string;
}

interface Reply {
  readonly status: number;
  readonly tag: string | undefined;
  readonly page: Page | undefined;
}

/** Asks for pages over one connection. */
class PageClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  get(path: string, tag?: string): Promise<Reply> {
    const headers = { accept: 'application/json', ...(tag === undefined ? {} : { 'if-none-match': tag }) };
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: this.#port, path, headers, agent: this.#agent }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers: received } = response;
          const text = Buffer.concat(parts).toString();
          if (status !== 200 && status !== 304) reject(new Error(`${path} was answered ${status}: ${text}`));
          else resolve({ status, tag: received.etag, page: text === '' ? undefined : (JSON.parse(text) as Page) });
        });
      });
      sent.on('error', reject).end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Prints the table. Takes about 40 seconds. */
export async function run(): Promise<void> {
  console.log(
    `${title}: ${CLIENTS} clients ask for pages of ${EVENTS} events in a log on disk.
CPU: processor time of the hub, µs an event, or a request where there is none. Median of alternating runs.`,
  );
  const hub = await RunningHub.start();
  const clients = Array.from({ length: CLIENTS }, () => new PageClient(hub.port));
  try {
    await hub.upload('rare/1', 10);
    await hub.upload('long', EVENTS);
    const body = Array.from({ length: EVENTS / 1000 }, (_, n) => `event: odd\ndata: ${n}\n\n`).join('');
    const odd = await fetch(`http://127.0.0.1:${hub.port}/topics/long`, {
      method: 'POST',
      headers: { 'content-type': 'text/event-stream' },
      body,
    });
    if (!odd.ok) throw new Error(`The events were answered ${odd.status}`);
    await hub.upload('long', EVENTS / 10);
    const rows = [
      reading('100 events', hub, clients, 100),
      reading('1,000 events', hub, clients, 1000),
      knowing('100 events, 304', hub, clients),
      asking('the last 10 of a pattern', hub, clients, '/topics?match_urlpattern=rare/:n&last=10'),
      asking('the last 10 of a type', hub, clients, '/topics/long?type=odd&last=10'),
    ];
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['pages of', 'pages/s', 'events/s', 'p50, ms', 'p99, ms', 'CPU, µs'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        return [name, ...['perSecond', 'events', 'p50', 'p99', 'cpu'].map((key) => figure(own?.[key]))];
      }),
    );
  } finally {
    for (const client of clients) client.close();
    await hub.stop();
  }
}

/** Reads page after page. */
function reading(name: string, hub: RunningHub, clients: readonly PageClient[], limit: number): Row {
  return measured(name, hub, (count) =>
    clients.map((client) => {
      let next = 'earliest';
      return async () => {
        const { page } = await client.get(`/topics/long?limit=${limit}&lastEventId=${next}`);
        count(page?.events.length ?? 0);
        next = page && page.events.length > 0 ? page.next : 'earliest';
      };
    }),
  );
}

/** Asks for a page that the client has. */
function knowing(name: string, hub: RunningHub, clients: readonly PageClient[]): Row {
  return measured(name, hub, () =>
    clients.map((client) => {
      let path = '';
      let tag: string | undefined;
      return async () => {
        if (path === '') {
          const { page } = await client.get('/topics/long?limit=1');
          path = `/topics/long?limit=100&lastEventId=${page?.next ?? ''}`;
        }
        const reply = await client.get(path, tag);
        if (tag !== undefined && reply.status !== 304) throw new Error(`${path} has changed`);
        ({ tag } = reply);
      };
    }),
  );
}

/** Asks for one page again and again. */
function asking(name: string, hub: RunningHub, clients: readonly PageClient[], path: string): Row {
  return measured(name, hub, (count) =>
    clients.map((client) => async () => {
      const { page } = await client.get(path);
      if (page?.events.length !== 10) throw new Error(`${path} has ${page?.events.length} events`);
      count(10);
    }),
  );
}

function measured(
  name: string,
  hub: RunningHub,
  acts: (count: (events: number) => void) => (() => Promise<void>)[],
): Row {
  return {
    name,
    async measure() {
      let events = 0;
      const before = await hub.cpu();
      const start = performance.now();
      const { count, perSecond, p50, p99 } = await closedLoop(
        acts((more) => {
          events += more;
        }),
        RUN_MS,
      );
      const seconds = (performance.now() - start) / 1000;
      const cpu = (await hub.cpu()) - before;
      return { perSecond, events: events / seconds, p50, p99, cpu: cpu / (events || count) };
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
