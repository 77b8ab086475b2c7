// Patterns: what a publish costs a hub while a thousand listeners each have a pattern of their own, beside none.
//
// Method: the hub, with its log on a real folder, is a process of its own; 64 publishers are in this one, each publishes 100 bytes again as soon as it
// is answered. No pattern matches any topic that is published to, so that no row pays for delivering. The patterns have seven shapes, in
// turns: a text, a name, a group that may be missing, groups that are repeated, a wildcard at the end, wildcards at the beginning, wildcards around a text.
// Four shapes begin like the topics of the publishers. "Known" topics are published to before anything counts. A "new" topic has no event before
// its only one, so that it is matched, and listeners that are left behind meanwhile read the log. Each row has a hub of its own, so that no row pays for the work of
// another, and the rows run in rounds of about a second, each begun by another row.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { closedLoop } from './load/closed-loop.ts';
import { RunningHub } from './load/hub.ts';
import { Publisher, publishRequest } from './load/publisher.ts';
import { DATA } from './parts/event-data.ts';
import { alternate, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Patterns';

const LISTENERS = 1_000;
const PUBLISHERS = 64;
const RUN_MS = 1_000;
const ROUNDS = { atLeast: 5, atMost: 5, milliseconds: Number.POSITIVE_INFINITY };

const SHAPES: readonly ((at: number) => string)[] = [
  (at) => `topics/${at}/nothing`,
  (at) => `topics/:name/at/${at}`,
  (at) => `topics{/${at}}?/none`,
  (at) => `{topics}+{/known}*/{${at}}+`,
  (at) => `elsewhere/${at}/*`,
  (at) => `*/of/${at}`,
  (at) => `*topics*${at}*never*`,
];

/** Prints the table. Takes about 40 seconds. */
export async function run(): Promise<void> {
  console.log(
    `${title}: processor time of the hub for one publish, µs, of ${PUBLISHERS} publishers, with ${LISTENERS} listeners that have different patterns and
get nothing, and without any. Log on the disk of this checkout; median of ${ROUNDS.atMost} alternating runs.`,
  );
  const hubs = await Promise.all(Array.from({ length: 4 }, () => RunningHub.start()));
  const listeners: Socket[] = [];
  try {
    const rows: Publishing[] = [];
    for (const [at, hub] of hubs.entries()) {
      const [isNew, hasPatterns] = [at >= 2, at % 2 === 1];
      for (let each = 0; hasPatterns && each < LISTENERS; each += 1) {
        listeners.push(await listen(hub.port, patternOf(each)));
      }
      const name = `${isNew ? 'new' : 'known'} topics, ${hasPatterns ? 'patterns' : 'no listeners'}`;
      rows.push(await publishing(name, hub, isNew));
    }
    const figures = await alternate(
      rows.map(({ row }) => row),
      ROUNDS,
    );
    const ratio = (name: string, kind: string): string =>
      figure(figures.ratio(name, `${kind} topics, no listeners`, 'cpu'));
    printTable(
      ['publishers', 'events/s', 'CPU, µs', 'to no listeners'],
      rows.map(({ row: { name } }) => {
        const own = figures.get(name);
        return [
          name,
          figure(own?.['perSecond']),
          figure(own?.['cpu']),
          ratio(name, name.startsWith('new') ? 'new' : 'known'),
        ];
      }),
    );
    for (const { publishers } of rows) for (const publisher of publishers) publisher.close();
  } finally {
    for (const listener of listeners) listener.destroy();
    for (const hub of hubs) await hub.stop();
  }
}

function patternOf(at: number): string {
  return SHAPES[at % SHAPES.length]?.(at) ?? '';
}

/** A listener with one pattern, which has its first bytes. */
async function listen(port: number, pattern: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET /topics?match_urlpattern=${encodeURIComponent(pattern)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (!head.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(`A listener was answered ${head}`);
  return socket.resume();
}

interface Publishing {
  readonly row: Row;
  readonly publishers: readonly Publisher[];
}

let topics = 0;

async function publishing(name: string, hub: RunningHub, isNew: boolean): Promise<Publishing> {
  const publishers = await Promise.all(Array.from({ length: PUBLISHERS }, () => Publisher.connect(hub.port)));
  const known = publishers.map((_, at) => publishRequest(`topics/known/${at}`, DATA));
  for (const [at, publisher] of publishers.entries()) await publisher.publish(known[at] ?? Buffer.of());
  const measure: Row['measure'] = async () => {
    const actors = publishers.map(
      (publisher, at) => () =>
        publisher.publish(isNew ? publishRequest(`topics/new/${(topics += 1)}`, DATA) : (known[at] ?? Buffer.of())),
    );
    const before = await hub.cpu();
    const figures = await closedLoop(actors, RUN_MS);
    return { ...figures, cpu: ((await hub.cpu()) - before) / figures.count };
  };
  return { row: { name, measure }, publishers };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
