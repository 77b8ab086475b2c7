// Retention by topic: what rules for topics cost a publish and a step of trimming, with 100,000 topics.
//
// Method: logs without a hub, each in a process of its own, with its data on the disk of this checkout and 100,000 topics of one event each. They differ in their
// rules. The rules of a log have the patterns `r0/*`, `r1/*` and so on; the topics match the last of them. Published are events of 100 bytes, by 64
// appenders that each append again when they are answered, to topics that are there, and to new ones. "Nothing due" is one call of `trim()` where nothing has to
// go, and "after opening" the first such call of a log that was opened again. "A few among many" is a call after a rule with an age of a millisecond has got 1,000 events between
// others; the figure is for each event that goes.

import { pathToFileURL } from 'node:url';
import { Child } from './parts/child.ts';
import { dataFolder } from './parts/folder.ts';
import { alternate, type Figures, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Retention by topic';

const TOPICS = 100_000;
const STEP = 10_000;
const FEW = 1_000;
const RUN_MS = 1_000;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };
const DAY_MS = 24 * 60 * 60 * 1000;
const BASE = 'http://localhost/topics/';

const RULES: readonly (readonly [name: string, count: number, bounds: object])[] = [
  ['no rules', 0, {}],
  ['1 rule by age', 1, { maxAgeMs: DAY_MS }],
  ['20 rules by age', 20, { maxAgeMs: DAY_MS }],
  ['20 rules by count', 20, { maxEvents: 1000 }],
  ['20 rules by bytes', 20, { maxBytes: 1_000_000 }],
  ['20 rules that keep the latest', 20, { keep: 'latest' }],
];

/** Prints the tables. Takes about two minutes. */
export async function run(): Promise<void> {
  console.log(
    `${title}: a log with ${TOPICS} topics. A publish: events/s and processor time, µs an event, median of ${ROUNDS.atMost} alternating runs.
Trimming: ms.`,
  );
  const logs = RULES.map(([name, count, bounds]) => ({
    name,
    prefix: `r${Math.max(0, count - 1)}`,
    log: Child.node(new URL('servers/kept.ts', import.meta.url), [
      dataFolder(),
      JSON.stringify(retention(count, bounds)),
    ]),
  }));
  try {
    const rows: Row[] = [];
    const trims = new Map<string, string[]>();
    for (const { name, prefix, log } of logs) {
      for (let from = 0; from < TOPICS; from += STEP) await log.ask(`topics ${prefix} ${STEP} ${from}`);
      await log.ask('trim');
      const idle = await trim(log);
      await log.ask('reopen');
      const opened = await trim(log);
      for (let round = 0; round < 10; round += 1) {
        await log.ask(`topics few/${round} ${FEW / 10} 0`);
        await log.ask(`topics other/${round} ${FEW} 0`);
      }
      const few = await trim(log);
      trims.set(name, [
        figure(idle['ms']),
        figure(opened['ms']),
        figure(few['removed']),
        figure(few['removed'] ? (few['cpu'] ?? Number.NaN) / few['removed'] : undefined),
        figure(few['longest']),
      ]);
      rows.push(told(`${name}, known`, log, `publish ${RUN_MS} 64 ${prefix} ${TOPICS}`));
      rows.push(told(`${name}, new`, log, `publish ${RUN_MS} 64 ${prefix} 0`));
    }
    const figures = await alternate(rows, ROUNDS);
    const published = (row: string): string[] => ['perSecond', 'cpu'].map((key) => figure(figures.get(row)?.[key]));
    printTable(
      ['rules', 'known topics, events/s', 'CPU, µs', 'new topics, events/s', 'CPU, µs'],
      logs.map(({ name }) => [name, ...published(`${name}, known`), ...published(`${name}, new`)]),
    );
    printTable(
      ['rules', 'nothing due, ms', 'after opening, ms', 'a few among many', 'CPU for each, µs', 'longest wait, ms'],
      logs.map(({ name }) => [name, ...(trims.get(name) ?? [])]),
    );
  } finally {
    await Promise.all(logs.map(({ log }) => log.stop()));
  }
}

/** Rules that differ in their pattern, and one for a few topics. */
function retention(count: number, bounds: object): object {
  const matching = (text: string): object => ({ pattern: text, base: BASE });
  const rules = Array.from({ length: count }, (_, n) => ({ topics: [matching(`r${n}/*`)], ...bounds }));
  return { perTopic: count === 0 ? [] : [...rules, { topics: [matching('few/*')], maxAgeMs: 1 }] };
}

async function trim(log: Child): Promise<Figures> {
  return JSON.parse(await log.ask('trim')) as Figures;
}

function told(name: string, log: Child, line: string): Row {
  return { name, measure: async () => JSON.parse(await log.ask(line)) as Figures };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
