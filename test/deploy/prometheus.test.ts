import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metrics, Hub, MemoryLog } from '@tidings/hub';
import { programPath } from '../../scripts/debian.mjs';
import { folder } from '../folder.ts';
import { isMissing } from '../missing.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');

/** What Prometheus says of the configuration of deploy, of which one text may be replaced by another. */
function check(change: readonly [before: string, after: string] = ['', '']): { status: number | null; text: string } {
  const place = folder({ 'tidings.key': 'a-key-of-the-hub' });
  cpSync(join(DEPLOY, 'tidings.rules.yml'), join(place, 'tidings.rules.yml'));
  const text = readFileSync(join(DEPLOY, 'prometheus.yml'), 'utf8').replaceAll('/etc/prometheus', place);
  const file = join(place, 'prometheus.yml');
  expect(text).toContain(change[0]);
  writeFileSync(file, text.replace(...change));
  const { status, stdout, stderr } = spawnSync(programPath('promtool'), ['check', 'config', file], {
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

test.skipIf(isMissing('promtool'))('Prometheus takes the configuration and the rules of deploy', () => {
  const { status, text } = check();
  expect([status, text]).toEqual([0, expect.stringMatching(/4 rules found/)]);
  expect(check(['credentials_file', 'credential_file']).status).not.toBe(0);
});

test('the rules name metrics that a hub has, and no others', async () => {
  const hub = new Hub({ log: new MemoryLog(), faces: [metrics()] });
  const text = await (await hub.fetch(new Request('http://localhost/metrics'))).text();
  await hub.close();
  const named = readFileSync(join(DEPLOY, 'tidings.rules.yml'), 'utf8').match(/tidings_\w+/g) ?? [];
  expect(named.length).toBeGreaterThan(4);
  for (const name of named) expect(text).toContain(`\n${name}`);
});
