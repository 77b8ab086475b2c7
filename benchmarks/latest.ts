// The latest by key: how long a publisher waits while events that newer ones have replaced are removed beside it, and how long a snapshot takes.
//
// Method: logs without a hub, each in a process of its own, with its data on the disk of this checkout. Appenders append events of 100 bytes, each again
// as soon as it is answered or at a rate, with keys in any order. The rows differ in what the topic keeps. Where it keeps all, nothing is removed, so that row shows what publishing costs
// without compaction. Rows run in rounds of some seconds each, begun by another row. The snapshot is of a topic that had ten events for each of 10,000
// keys, read page by page, as a listener that asks for `earliest` reads it. Beside it is a topic that keeps all and has as many events as the snapshot.

import { pathToFileURL } from 'node:url';
import { Child } from './parts/child.ts';
import { dataFolder } from './parts/folder.ts';
import { alternate, type Figures, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'The latest by key';

const RUN_MS = 3_000;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };
const KEYS = 10_000;
/** How many append, and how often each of them does, in milliseconds. 0: again as soon as it is answered. */
const APPENDERS = [
  [16, 100],
  [64, 0],
] as const;

const LATEST = JSON.stringify({ perTopic: [{ topics: ['latest'], keep: 'latest' }] });

/** Prints the tables. Takes about two minutes. */
export async function run(): Promise<void> {
  console.log(
    `${title}: appends of one event a second that are answered, and how long they take, ms; CPU: processor time of the log's process, µs an event.
${KEYS} keys in any order, data on the disk of this checkout; median of ${ROUNDS.atMost} alternating runs.`,
  );
  const logs = [0, 1, 2].map(() => Child.node(new URL('servers/kept.ts', import.meta.url), [dataFolder(), LATEST]));
  const [plain, keyed, latest] = logs;
  if (!plain || !keyed || !latest) throw new Error('There are three logs');
  try {
    await latest.ask(`keys latest ${KEYS} 1`);
    const rows = APPENDERS.flatMap(([count, pause]): Row[] => {
      const how = pause === 0 ? `${count} without a pause` : `${count} every ${pause} ms`;
      return [
        told(`all is kept, no keys, ${how}`, plain, `update ${RUN_MS} ${count} all 0 ${pause}`),
        told(`all is kept, keys, ${how}`, keyed, `update ${RUN_MS} ${count} all ${KEYS} ${pause}`),
        told(`the latest is kept, ${how}`, latest, `update ${RUN_MS} ${count} latest ${KEYS} ${pause}`),
      ];
    });
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['appends', 'events/s', 'p50, ms', 'p99, ms', 'CPU, µs'],
      rows.map(({ name }) => [
        name,
        ...['perSecond', 'p50', 'p99', 'cpu'].map((key) => figure(figures.get(name)?.[key])),
      ]),
    );
  } finally {
    await Promise.all(logs.map((log) => log.stop()));
  }
  await snapshots();
}

async function snapshots(): Promise<void> {
  const log = Child.node(new URL('servers/kept.ts', import.meta.url), [dataFolder(), LATEST]);
  try {
    await log.ask(`keys latest ${KEYS} 10`);
    await log.ask(`keys all ${KEYS} 1`);
    const before = JSON.parse(await log.ask('snapshot latest')) as Figures;
    await log.ask('trim');
    const rows = [
      told('the latest of ten events each', log, 'snapshot latest'),
      told('all, of one event each', log, 'snapshot all'),
    ];
    const figures = await alternate(rows, { atLeast: 5, atMost: 5, milliseconds: Number.POSITIVE_INFINITY });
    console.log(`\nA snapshot of ${KEYS} keys, ms.`);
    printTable(
      ['topic', 'events', 'ms'],
      [
        ['the latest of ten events each, at once', figure(before['events']), figure(before['ms'])],
        ...rows.map(({ name }) => [name, figure(figures.get(name)?.['events']), figure(figures.get(name)?.['ms'])]),
      ],
    );
  } finally {
    await log.stop();
  }
}

function told(name: string, log: Child, line: string): Row {
  return { name, measure: async () => JSON.parse(await log.ask(line)) as Figures };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
