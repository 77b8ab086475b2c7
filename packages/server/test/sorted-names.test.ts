import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedNames } from '../dist/log/memory/sorted-names.js';

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

test('names are in the order of their bytes, whatever is added and deleted, and are given a page at a time', () => {
  const name = fc.oneof(fc.string({ maxLength: 3, unit: 'grapheme' }), fc.constantFrom('\uffff', '🎉', 'a', 'aa', ''));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.boolean())), name, fc.nat(5), (steps, after, limit) => {
      const names = new SortedNames();
      const model = new Set<string>();
      for (const [each, isAdded] of steps) {
        if (isAdded) {
          names.add(each);
          model.add(each);
        } else {
          names.delete(each);
          model.delete(each);
        }
      }
      const sorted = [...model].toSorted(byBytes);
      expect(names.page(undefined, Infinity)).toEqual(sorted);
      expect(names.page(after, limit)).toEqual(sorted.filter((each) => byBytes(each, after) > 0).slice(0, limit));
    }),
  );
});

test('many names are found, page after page, and can all be deleted', () => {
  const names = new SortedNames();
  const all = Array.from({ length: 5000 }, (_, index) => `name ${(index * 7919) % 5000}`);
  for (const name of all) names.add(name);
  const found: string[] = [];
  for (let page = names.page(undefined, 300); page.length > 0; page = names.page(found.at(-1), 300))
    found.push(...page);
  expect(found).toEqual(all.toSorted());
  for (const name of all) names.delete(name);
  expect(names.page(undefined, 10)).toEqual([]);
});
