import { MemoryLog, type LogEntry, Selector, type Selection, type TopicSet } from '@tidings/server/log';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

const TOPICS = ['a', 'b', 'c', 'd'];

type Step =
  | { readonly type: 'append'; readonly events: readonly { readonly topics: string[]; readonly private: boolean }[] }
  | { readonly type: 'delete'; readonly topic: string }
  | { readonly type: 'trim'; readonly back: number }
  | { readonly type: 'wait' }
  | { readonly type: 'copy' };

const event = fc.record({
  topics: fc.shuffledSubarray(TOPICS, { minLength: 1, maxLength: 3 }),
  private: fc.boolean(),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      events: fc.array(event, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), topic: fc.constantFrom(...TOPICS) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('trim' as const), back: fc.nat({ max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('copy' as const) }) },
);

const pattern = (text: string) => ({ pattern: text, base: 'https://hub.example/' });
const names = fc.subarray(TOPICS);
const set: fc.Arbitrary<TopicSet> = fc.oneof(
  fc.constant('all' as const),
  names,
  names.map((list) => list.map(pattern)),
  fc.tuple(names, names).map(([some, others]) => [...some, ...others.map(pattern)]),
);
const selections: fc.Arbitrary<Selection[]> = fc.array(fc.record({ topics: set, private: set }), {
  minLength: 1,
  maxLength: 4,
});

test('a log in memory knows exactly what is missing of every selection, whatever is trimmed and deleted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), selections, async (steps, asked) => {
      const clock = new FakeClock(1_000_000);
      const perTopic = [
        { topics: ['b'], maxAgeMs: 1000 },
        { topics: ['c'], maxEvents: 2 },
      ];
      const options = { clock, retention: { maxEvents: 8, perTopic } };
      let log = new MemoryLog(options);
      const all: LogEntry[] = [];
      const follow = (): void =>
        void log.follow({ onStart: () => {}, onBatch: (batch) => void all.push(...batch), onLost: () => {} });
      follow();
      const read = async (selection: Selection, after = 0) =>
        await log.read({ selection, after, through: all.at(-1)?.seq ?? 0, maxBytes: 1_000_000 });
      const check = async (): Promise<void> => {
        const { entries } = await read({ topics: 'all', private: 'all' });
        const kept = new Set(entries.map(({ seq }) => seq));
        for (const selection of asked) {
          const selector = Selector.of(selection);
          const selected = all.filter((entry) => selector.selects(entry));
          const missing = selected.filter(({ seq, deletes }) => deletes === true || !kept.has(seq));
          const page = await read(selection);
          expect(page.entries.map(({ seq }) => seq)).toEqual(
            selected.flatMap(({ seq, deletes }) => (deletes !== true && kept.has(seq) ? [seq] : [])),
          );
          expect(page.trimmedThrough).toBe(missing.at(-1)?.seq ?? 0);
          const deleted = missing.findLast(({ deletes }) => deletes === true)?.seq ?? 0;
          expect(page.deletedThrough).toBe(deleted);
        }
      };
      for (const each of steps) {
        switch (each.type) {
          case 'append':
            await log.append(each.events.map((one) => ({ ...one, fields: { data: 'x' } })));
            break;
          case 'delete':
            await log.topics.delete(each.topic);
            break;
          case 'trim':
            await log.trim({ through: (all.at(-1)?.seq ?? 0) - each.back });
            break;
          case 'wait':
            clock.advance(600);
            break;
          case 'copy': {
            const record = log.record();
            await log.close();
            log = new MemoryLog({ ...options, record: structuredClone(record) });
            follow();
          }
        }
        await check();
      }
      await log.close();
    }),
    { numRuns: 300 },
  );
});
