import {
  entries,
  type EntryGap,
  type ItemIterator,
  type LogEntry,
  MemoryLog,
  type NewEvent,
  parseCursor,
  type Selection,
} from '@tidings/server/log';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { Published } from './model/published.ts';
import { type ReadMode, ScriptedLog } from './model/scripted-log.ts';

const EPOCH = 'model';
const TOPICS = ['a', 'b', 'c'];
const BASE = 'https://example.com/topics/';

const SELECTIONS: readonly Selection[] = [
  { topics: ['a'] },
  { topics: ['a', 'b'], private: 'all' },
  { topics: 'all', private: 'all' },
  { topics: ['a', 'c'].map((pattern) => ({ pattern, base: BASE })), private: ['a'] },
  { topics: ['b'], private: ['c'] },
];

type Step =
  | { readonly type: 'publish'; readonly events: readonly NewEvent[] }
  | { readonly type: 'open'; readonly who: number; readonly selection: number; readonly after: number | undefined }
  | { readonly type: 'take' | 'leave'; readonly who: number }
  | { readonly type: 'hand over' | 'lose' | 'trim' }
  | { readonly type: 'answer'; readonly which: number };

const CONSUMERS = 4;
const who = fc.nat({ max: CONSUMERS - 1 });

const newEvent: fc.Arbitrary<NewEvent> = fc.record({
  topics: fc.oneof(
    fc.constantFrom(...TOPICS).map((topic) => [topic]),
    fc.constantFrom(['a', 'b'], ['c', 'a'], ['b', 'c'], ['a', 'b', 'c']),
  ),
  fields: fc.constantFrom(0, 0, 0, 30_000, 70_000).map((size) => ({ data: 'x'.repeat(size) })),
  private: fc.constantFrom(false, false, false, true),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      events: fc.array(newEvent, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('open' as const),
      who,
      selection: fc.nat({ max: SELECTIONS.length - 1 }),
      after: fc.option(fc.nat({ max: 30 }), { nil: undefined }),
    }),
  },
  { weight: 12, arbitrary: fc.record({ type: fc.constantFrom('take', 'take', 'take', 'take', 'leave'), who }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constantFrom('hand over', 'hand over', 'lose', 'trim') }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('answer' as const), which: fc.nat({ max: 5 }) }) },
);

/** Lets everything that can go on do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** One consumer, and what it should have got. */
class Consumer {
  readonly selection: Selection;
  readonly iterator: ItemIterator<LogEntry | EntryGap>;
  /** After this it is given what is selected. */
  readonly since: number;
  readonly items: (LogEntry | EntryGap)[] = [];
  wanted = 0;
  #isTaking = false;

  constructor(iterator: ItemIterator<LogEntry | EntryGap>, selection: Selection, since: number) {
    this.iterator = iterator;
    this.selection = selection;
    this.since = since;
  }

  /** Wants one more. It takes them one at a time, as a loop does. */
  take(): void {
    this.wanted += 1;
    if (!this.#isTaking) void this.#loop();
  }

  async #loop(): Promise<void> {
    this.#isTaking = true;
    while (this.wanted > 0) {
      const { done, value } = await this.iterator.next();
      if (done === true) break;
      this.wanted -= 1;
      this.items.push(value);
    }
    this.#isTaking = false;
  }

  /** Checks what has come so far: `position` is how far all entries must have been given or told to be missing. */
  check(all: readonly LogEntry[], isAtEnd: boolean): void {
    const wanted = all.filter((entry) => entry.seq > this.since && isSelected(this.selection, entry));
    let position = this.since;
    let wasGap = false;
    for (const [index, item] of this.items.entries()) {
      if ('gap' in item) {
        const { after, resumedAt, reason } = item.gap;
        const [from, to] = [parseCursor(after)!.seq, parseCursor(resumedAt)!.seq];
        assert.equal(reason, 'trimmed');
        assert.ok(from >= this.since && to >= position, 'a gap lies behind what was given');
        const next = this.items.slice(index + 1).find((other): other is LogEntry => !('gap' in other))?.seq ?? Infinity;
        assert.ok(
          wanted.some(({ seq }) => seq > position && seq < next),
          `nothing is missing between ${position} and ${next}`,
        );
        position = Math.max(position, to);
      } else {
        assert.ok(item.seq > position, `${item.seq} was given after ${position}`);
        assert.ok(isSelected(this.selection, item), `${item.seq} is not selected`);
        const lost = wanted.filter(({ seq }) => seq > position && seq < item.seq);
        // A gap may reach past what it names: its page had not come so far.
        assert.ok(wasGap || lost.length === 0, `${lost[0]?.seq} was lost without a word`);
        position = item.seq;
      }
      wasGap = 'gap' in item;
    }
    if (!isAtEnd) return;
    const lost = wanted.filter(({ seq }) => seq > position);
    assert.ok(wasGap || lost.length === 0, `${lost[0]?.seq} is missing at the end without a word`);
  }
}

function isSelected({ topics, private: privately = [] }: Selection, entry: Omit<LogEntry, 'seq'>): boolean {
  const has = (set: Selection['topics'], topic: string): boolean =>
    set === 'all' || set.some((each) => (typeof each === 'string' ? each : each.pattern) === topic);
  return (
    entry.topics.some((topic) => has(topics, topic)) &&
    (!entry.private || entry.topics.some((topic) => has(privately, topic)))
  );
}

test('entries() gives every entry once and in order, or tells exactly what is missing, whatever happens when', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        maxEvents: fc.constantFrom(0, 1, 3, 8, 1000),
        reads: fc.constantFrom<ReadMode[]>('at once', 'early', 'late'),
        isLagging: fc.boolean(),
        pageBytes: fc.constantFrom(1, 100, 65_536),
      }),
      fc.array(step, { maxLength: 60 }),
      async ({ maxEvents, ...options }, steps) => {
        const clock = new FakeClock(1_000_000);
        const base = new MemoryLog({ retention: { maxEvents }, clock, epoch: EPOCH });
        const published = new Published({ epoch: EPOCH, retention: {}, latestByKey: false });
        const log = new ScriptedLog({ log: base, published, time: () => clock.time(), ...options });
        const all: LogEntry[] = [];
        let trimmed = 0;
        base.follow({ onStart: () => {}, onBatch: (batch) => void all.push(...batch), onLost: () => {} });
        const consumers = new Map<number, Consumer>();
        const left: Consumer[] = [];
        const isKept = ({ seq }: LogEntry): boolean => seq > trimmed && seq > all.length - maxEvents;
        const checkAll = (): void => {
          for (const consumer of [...consumers.values(), ...left]) consumer.check(all, false);
        };
        for (const each of steps) {
          switch (each.type) {
            case 'publish':
              await base.append(each.events);
              break;
            case 'open': {
              const selection = SELECTIONS[each.selection]!;
              // A place before everything that is trimmed, so that each gap has to be told.
              const since = each.after === undefined ? log.handed : Math.min(each.after, newestTo(selection, all));
              const after = each.after === undefined ? undefined : `${EPOCH}.${since}`;
              const old = consumers.get(each.who);
              if (old) left.push(old);
              await old?.iterator.return();
              consumers.set(each.who, new Consumer(entries(log, { selection, after }), selection, since));
              break;
            }
            case 'take':
              consumers.get(each.who)?.take();
              break;
            case 'leave': {
              const consumer = consumers.get(each.who);
              if (consumer) left.push(consumer);
              consumers.delete(each.who);
              await consumer?.iterator.return();
              break;
            }
            case 'hand over':
              log.handOver();
              break;
            case 'lose':
              log.lose();
              break;
            case 'trim':
              trimmed = all.at(-1)?.seq ?? 0;
              await base.trim({ through: trimmed });
              break;
            case 'answer':
              log.answer(each.which);
          }
          await settle();
          checkAll();
        }
        // At the end everybody gets to the end.
        for (const consumer of consumers.values())
          for (let count = 0; count < 2 * all.length + 10; count += 1) consumer.take();
        do {
          while (log.pending > 0) {
            log.handOver();
            log.answer(0);
            await settle();
          }
          await settle();
        } while (log.pending > 0);
        checkAll();
        for (const consumer of consumers.values()) {
          consumer.check(all, true);
          const given = new Set(consumer.items.map((item) => ('gap' in item ? 0 : item.seq)));
          const kept = all.filter((entry) => entry.seq > consumer.since && isKept(entry));
          for (const entry of kept) {
            if (isSelected(consumer.selection, entry))
              assert.ok(given.has(entry.seq), `${entry.seq} is kept, and was not given`);
          }
          await consumer.iterator.return();
        }
      },
    ),
    { numRuns: 300 },
  );
});

/** The newest sequence number that who reads a selection may know of. */
function newestTo({ private: privately = [] }: Selection, all: readonly LogEntry[]): number {
  return (privately.length === 0 ? all.findLast((entry) => !entry.private) : all.at(-1))?.seq ?? 0;
}
