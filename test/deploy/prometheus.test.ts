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

test.skipIf(isMissing('promtool'))('each hub that is away or cannot publish is told, and the others are not', () => {
  const rules = readFileSync(join(DEPLOY, 'tidings.rules.yml'), 'utf8');
  const series = (name: string, hub: string, values: string): object => ({
    series: `${name}{job="tidings",instance="${hub}"}`,
    values,
  });
  const alert = (exp_labels: object): object => ({
    eval_time: '10m',
    alertname: 'HubCannotPublish',
    exp_alerts: [{ exp_labels }],
  });
  const ofHub = (hub: string): object => ({ job: 'tidings', instance: hub });
  const cases = [
    // The metrics of a hub that is away are stale.
    [
      [series('up', 'a', '1x20'), series('tidings_up', 'a', '1x20')],
      [series('up', 'b', '1 1 0x18'), series('tidings_up', 'b', '1 1 stale')],
      ofHub('b'),
    ],
    [
      [series('up', 'a', '1x20'), series('tidings_up', 'a', '0x20')],
      [series('up', 'b', '1x20'), series('tidings_up', 'b', '1x20')],
      ofHub('a'),
    ],
    [[], [], { job: 'tidings' }],
  ] as const;
  const tests = cases.map(([a, b, labels]) => ({
    interval: '1m',
    input_series: [...a, ...b],
    alert_rule_test: [alert(labels)],
  }));
  const run = (text: string): number | null => {
    // JSON is YAML.
    const place = folder({
      'tidings.rules.yml': text,
      'test.json': JSON.stringify({ rule_files: ['tidings.rules.yml'], evaluation_interval: '1m', tests }),
    });
    return spawnSync(programPath('promtool'), ['test', 'rules', 'test.json'], { cwd: place }).status;
  };
  expect(run(rules)).toBe(0);
  expect(run(rules.replace('up{job="tidings"} == 0 or ', ''))).not.toBe(0);
});

test('the rules name metrics that a hub has, and no others', async () => {
  const hub = new Hub({ log: new MemoryLog(), faces: [metrics()] });
  const text = await (await hub.fetch(new Request('http://localhost/metrics'))).text();
  await hub.close();
  const named = readFileSync(join(DEPLOY, 'tidings.rules.yml'), 'utf8').match(/tidings_\w+/g) ?? [];
  expect(named.length).toBeGreaterThan(4);
  for (const name of named) expect(text).toContain(`\n${name}`);
});
