import type { LogEntry } from '@tidings/server/log';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EntryList } from '../dist/log/memory/entry-list.js';

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
        const all = Array.from({ length: list.length }, (_, index) => list.at(index)!.seq);
        expect(all).toEqual(model);
        expect(list.at(list.length)).toBeUndefined();
        for (let after = 0; after <= seq + 1; after += 1) {
          expect(list.indexAfter(after)).toBe(model.filter((kept) => kept <= after).length);
        }
      }
    }),
    { numRuns: 300 },
  );
});
