import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from '../folder.ts';
import { needed } from '../missing.ts';

const UNITS = join(import.meta.dirname, '../../deploy/systemd');

/** What systemd finds wrong with the units, of which one may have a line in the place of another. */
function verify(change?: readonly [file: string, before: string, after: string]): {
  status: number | null;
  found: string[];
} {
  const place = folder({});
  cpSync(UNITS, place, { recursive: true });
  if (change) {
    const [file, before, after] = change;
    const text = readFileSync(join(place, file), 'utf8');
    expect(text).toContain(before);
    writeFileSync(join(place, file), text.replace(before, after));
  }
  const units = ['tidings.service', 'tidings.socket'].map((unit) => join(place, unit));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8' });
  // It tells of the machine's own units, too.
  return { status, found: stderr.split('\n').filter((line) => line.includes('tidings.')) };
}

test('systemd finds nothing wrong with the units of deploy/systemd, and something where there is', ({ skip }) => {
  const isThere = spawnSync('systemd-analyze', ['--version']).status === 0;
  needed(isThere ? undefined : 'there is no systemd-analyze (Debian: systemd)', skip);
  expect(verify()).toEqual({ status: 0, found: [] });
  expect(verify(['tidings.service', 'RestartSec=', 'RestarSec=']).found).toHaveLength(1);
  expect(verify(['tidings.service', 'ExecStart=', '# ']).status).not.toBe(0);
  expect(verify(['tidings.socket', 'ListenStream=127.0.0.1:4000', '']).status).not.toBe(0);
});
