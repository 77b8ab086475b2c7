import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const MODULE = new URL('../dist/serve/new-space.js', import.meta.url).href;

/** The size of the new space in MiB, in a process that has made very many objects of which all survive. */
function newSpaceOf(before: string): number {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { keepNewSpace } from ${JSON.stringify(MODULE)};
    ${before}
    const kept = Array.from({ length: 1_000_000 }, (_, number) => ({ number, list: [number] }));
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    console.log(space_size / 2 ** 20, kept.length);`;
  return Number.parseFloat(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}

test('the new space of a hub stays small, however many objects survive', () => {
  expect(newSpaceOf('keepNewSpace();')).toBeLessThanOrEqual(8);
  // As it is without that.
  expect(newSpaceOf('')).toBeGreaterThan(8);
});
