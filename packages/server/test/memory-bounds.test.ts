import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('a log in memory takes no more than its bytes, whatever is appended: a small heap is enough', async () => {
  const script = fileURLToPath(new URL('memory-bounds-process.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=120', script], {
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  expect(stdout.trim().split('\n')).toEqual([
    'tiny events',
    'long names of topics',
    'wide names of topics',
    'many topics',
    'ids',
    'many topics each',
    'types',
    'large events',
    'keys',
    'latest by key',
  ]);
});
