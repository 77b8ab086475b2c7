import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stamp } from '../scripts/stamp.mjs';
import { folder, write } from './folder.ts';

const SOURCE = 'packages/wire/src/index.ts';
const OUTPUT = 'packages/wire/dist/index.js';

function workshop(): string {
  return folder({
    'package-lock.json': '{}',
    'tsconfig.base.json': '{}',
    'scripts/build.mjs': '',
    'packages/wire/package.json': '{}',
    'packages/wire/README.md': '',
    'packages/wire/test/decoder.test.ts': '',
    [SOURCE]: 'export {};',
    [OUTPUT]: 'export {};',
  });
}

function touch(root: string, path: string): void {
  utimesSync(join(root, path), 0, 0);
}

test('a build still holds when a checkout has only touched its sources', () => {
  const root = workshop();
  const before = stamp(root);
  touch(root, SOURCE);
  expect(stamp(root)).toBe(before);
});

test.each(['packages/wire/README.md', 'packages/wire/test/decoder.test.ts', 'packages/wire/test/new.test.ts'])(
  'a build still holds when %s has changed',
  (path) => {
    const root = workshop();
    const before = stamp(root);
    write(root, { [path]: 'changed' });
    expect(stamp(root)).toBe(before);
  },
);

test.each([
  'package-lock.json',
  'tsconfig.base.json',
  'packages/wire/package.json',
  SOURCE,
  'packages/wire/src/new.ts',
])('a build no longer holds when %s has changed', (path) => {
  const root = workshop();
  const before = stamp(root);
  write(root, { [path]: 'changed' });
  expect(stamp(root)).not.toBe(before);
});

test('a build no longer holds when something else has written its output', () => {
  const root = workshop();
  const before = stamp(root);
  touch(root, OUTPUT);
  expect(stamp(root)).not.toBe(before);
});
