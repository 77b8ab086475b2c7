import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from '../folder.ts';
import { needed } from '../missing.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const UNITS = join(DEPLOY, 'systemd');

/** What the README puts over the units for a hub that ends TLS itself, by the units. */
const OVER: Readonly<Record<string, string>> = Object.fromEntries(
  [...readFileSync(join(DEPLOY, 'README.md'), 'utf8').matchAll(/```ini\n(\[(\w+)\]\n[^]*?)```/g)].map(
    ([, text = '', section = '']) => [`tidings.${section.toLowerCase()}`, text],
  ),
);

/** What systemd finds wrong with the units, of which one may have a line in the place of another, and with what is put over them. */
function verify(
  change?: readonly [file: string, before: string, after: string],
  over: Readonly<Record<string, string>> = {},
): {
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
  for (const [unit, text] of Object.entries(over)) {
    mkdirSync(join(place, `${unit}.d`));
    writeFileSync(join(place, `${unit}.d`, 'override.conf'), text);
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

test('what the README puts over the units for a hub with TLS gives it another port and its certificate', ({ skip }) => {
  const isThere = spawnSync('systemd-analyze', ['--version']).status === 0;
  needed(isThere ? undefined : 'there is no systemd-analyze (Debian: systemd)', skip);
  expect(Object.keys(OVER)).toEqual(['tidings.service', 'tidings.socket']);
  expect(verify(undefined, OVER)).toEqual({ status: 0, found: [] });
  // It takes the address of the unit out.
  const socket = OVER['tidings.socket']!;
  const without = { ...OVER, 'tidings.socket': socket.replace('ListenStream=443\n', '') };
  expect(socket).toContain('ListenStream=443\n');
  expect(verify(undefined, without).status).not.toBe(0);
  const service = OVER['tidings.service']!;
  expect(service).toContain('--public-url https://');
  expect(verify(undefined, { ...OVER, 'tidings.service': service.replace('ExecStart=\n', '') }).status).not.toBe(0);
});
