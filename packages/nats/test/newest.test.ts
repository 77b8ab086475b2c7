import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { laterPath } from '../../../scripts/later-debian.mjs';
import { isMissing } from '../../../test/missing.ts';

// What differs between versions of nats-server: requests and their refusals, what is delivered, and what is there after a restart. All tests of this folder run on another version by `TIDINGS_NATS`.
describe.skipIf(isMissing('nats-server-newest'))('on the newest nats-server', async () => {
  if (isMissing('nats-server-newest')) return;
  const program = laterPath('nats-server-newest');
  process.env['TIDINGS_NATS'] = program;

  test('the server is newer than 2.9', () => {
    const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    const [, minor] = /v2\.(\d+)\./.exec(stdout) ?? [];
    expect(Number(minor)).toBeGreaterThan(9);
  });

  await import('./store.test.ts');
  await import('./histories.test.ts');
  await import('./left-out.test.ts');
  await import('./unanswered.test.ts');
});
