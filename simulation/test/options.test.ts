import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from '../../test/folder.ts';
import { readOptions } from '../command/options.ts';

const CASES = join(import.meta.dirname, '../cases');

test.each([
  ['an object of something else', '{"compilerOptions":{}}', /is no plan: it needs the seed, the sizes and the faults/],
  ['no object', 'null', /is no plan: it needs/],
  [
    'a plan with an unknown fault',
    '{"seed":1,"nodes":1,"stores":1,"listeners":1,"topics":1,"seconds":1,"meanMs":1,"faults":[{"kind":"x"}]}',
    /is no plan/,
  ],
  ['no JSON', '// a comment', /is no plan: it is no JSON$/],
])('the option --plan refuses a file that has %s', (_, text, message) => {
  const place = folder({ 'plan.json': text });
  expect(() => readOptions(['--plan', join(place, 'plan.json')])).toThrow(message);
});

test('the option --plan says that a file cannot be read', () => {
  expect(() => readOptions(['--plan', join(CASES, 'no-such-file.json')])).toThrow(/ENOENT.*no-such-file\.json/);
});

test.each(readdirSync(CASES))('the option --plan takes %s', (name) => {
  expect(readOptions(['--plan', join(CASES, name)]).plan.faults.length).toBeGreaterThan(0);
});
