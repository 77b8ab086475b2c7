import type { LogEntry } from '@tidings/server/log';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EntryList } from '../dist/log/keeping/entry-list.js';

test('a list of entries is what an array would be, whatever is added, removed and looked for', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('push' as const), step: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ type: fc.constant('remove' as const), seq: fc.nat({ max: 40 }) }),
      fc.record({ type: fc.constant('remove first' as const) }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (script) => {
      const list = new EntryList();
      let model: number[] = [];
      let seq = 0;
      for (const step of script) {
        if (step.type === 'push') {
          seq += step.step;
          model.push(seq);
          list.push({ seq } as LogEntry);
        } else {
          const gone = step.type === 'remove' ? step.seq : (model[0] ?? 0);
          model = model.filter((kept) => kept !== gone);
          list.remove(gone);
        }
        expect([list.length, list.first?.seq, list.last?.seq]).toEqual([model.length, model[0], model.at(-1)]);
        for (let at = 0; at <= seq + 1; at += 1) {
          const [behind, through] = [model.filter((kept) => kept > at), model.filter((kept) => kept <= at)];
          expect([...list.rising(at)].map((entry) => entry.seq)).toEqual(behind);
          expect([...list.falling(at)].map((entry) => entry.seq)).toEqual(through.toReversed());
          expect(list.countAfter(at)).toBeGreaterThanOrEqual(behind.length);
          expect(list.countAfter(at)).toBeLessThanOrEqual(model.length);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('removing entries one by one does not go through the list each time', () => {
  const list = new EntryList();
  const count = 200_000;
  for (let seq = 1; seq <= count; seq += 1) list.push({ seq } as LogEntry);
  const before = process.cpuUsage();
  // From the middle on, so that neither end is near.
  for (let seq = count / 2; seq < count; seq += 1) list.remove(seq);
  expect([list.length, list.last?.seq]).toEqual([count / 2, count]);
  // To move the rest of the list for each takes minutes.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(5000);
});
