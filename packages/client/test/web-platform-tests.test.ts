import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { scenarios } from './scenarios.ts';
import { knownSubtests, tableOfSubtests } from './web-platform-tests.ts';

const PAGE = new URL('../../../docs/web-platform-tests.md', import.meta.url);

test('the page on the tests of the web platform has a row for each subtest, with what stands for it', () => {
  const [, , ...rows] = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.replaceAll(/ +\| */g, ' | ').trim());
  const table = tableOfSubtests(scenarios).map((row) => row.replaceAll(/ +\| */g, ' | ').trim());
  expect(rows).toEqual(table);
});

test('a scenario names only subtests that there are', () => {
  const named = scenarios.flatMap(({ wpt = [] }) => wpt);
  const known = knownSubtests();
  expect(named.filter((subtest) => !known.has(subtest))).toEqual([]);
  expect(named.length).toBeGreaterThan(80);
});
