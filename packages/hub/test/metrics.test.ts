import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { access, health, metrics, topics } from '@tidings/hub';
import { describe, expect, test } from 'vitest';
import { programPath } from '../../../scripts/debian.mjs';
import { isMissing } from '../../../test/missing.ts';
import { Listener } from './listener.ts';
import { SecureHub } from './secure-hub.ts';
import { problemOf, startHub, temporaryFolder, type TestHub, type TestHubOptions } from './test-hub.ts';

const KEY = 'a-key-of-the-hub';
const ADMIN = { authorization: `Bearer ${KEY}` };
const OPEN = {
  ...ADMIN,
  accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
};
const faces = [topics(), health(), access(), metrics()];

function hubWithMetrics(options: TestHubOptions = {}): Promise<TestHub> {
  return startHub({ key: KEY, faces, ...options });
}

/** The samples of a text, by their names and labels. */
function samplesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

async function read({ ask }: Pick<TestHub, 'ask'>): Promise<ReadonlyMap<string, number>> {
  const { status, text } = await ask('GET', '/metrics', { headers: ADMIN });
  expect(status).toBe(200);
  return samplesOf(text);
}

/** What has risen of the hub's own numbers, and by how much. */
function risen(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Record<string, number> {
  expect([...after.keys()]).toEqual([...before.keys()]);
  const changes = [...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const);
  const isFixed = (name: string): boolean => /^tidings_\w+_(?:total|count)/.test(name);
  return Object.fromEntries(changes.filter(([name, change]) => isFixed(name) && change !== 0));
}

describe('the metrics', () => {
  test('rise by exactly what was done, and have the same names whatever is asked', async () => {
    const hub = await hubWithMetrics();
    hub.ask = hub.ask.bind(hub);
    const before = await read(hub);
    const json = { ...ADMIN, 'content-type': 'application/x-ndjson' };
    const listener = await Listener.open(hub.port, '/topics/one', ADMIN);
    await hub.publish('one', 'abc', ADMIN);
    await listener.take(1);
    for (let n = 0; n < 2; n += 1) await hub.publish('one', 'again', { ...ADMIN, 'idempotency-key': 'k' });
    await listener.take(2);
    const lines = '{"topic":"one","data":"x"}\n{"topic":"other","data":"y"}\n';
    expect((await hub.ask('POST', '/topics', { headers: json, body: lines })).status).toBe(200);
    await listener.take(3);
    await hub.hub.publish('other', { data: 'of the program' });
    await expect(hub.hub.publish('', { data: 'of no topic' })).rejects.toThrow('topic');
    const late = await Listener.open(hub.port, '/topics/one?lastEventId=foreign.1', ADMIN);
    await late.take(4);
    const refused = [
      ['POST', '/topics/one?retry=x', ADMIN],
      ['POST', '/topics/one', {}],
      ['POST', '/topics/one', { authorization: 'Bearer another-key-of-a-hub' }],
      ['GET', '/nothing', ADMIN],
      ['PATCH', '/topics/one', ADMIN],
      ['GET', '/topics/a\\b', ADMIN],
    ] as const;
    for (const [method, path, headers] of refused) await hub.ask(method, path, { headers, body: 'x' });
    const after = await read(hub);
    expect(risen(before, after)).toEqual({
      tidings_events_total: 5,
      'tidings_publishes_total{outcome="published"}': 5,
      'tidings_publishes_total{outcome="invalid-parameter"}': 1,
      'tidings_publishes_total{outcome="invalid-topic"}': 1,
      'tidings_publishes_total{outcome="unauthorized"}': 1,
      tidings_repeats_total: 1,
      tidings_received_bytes_total: 3 + 2 * 5 + lines.length,
      'tidings_refusals_total{reason="invalid-parameter"}': 1,
      'tidings_refusals_total{reason="unauthorized"}': 2,
      'tidings_refusals_total{reason="not-found"}': 1,
      'tidings_refusals_total{reason="method-not-allowed"}': 1,
      'tidings_refusals_total{reason="invalid-request"}': 1,
      tidings_delivered_events_total: 6,
      tidings_delivered_bytes_total:
        after.get('tidings_delivered_bytes_total')! - before.get('tidings_delivered_bytes_total')!,
      tidings_gaps_total: 1,
      tidings_catch_up_pages_total: 1,
      tidings_log_write_seconds_count: 5,
      // Two listeners, four publishes, six refusals, and the second look itself.
      tidings_connections_total: 13,
    });
    expect(after.get('tidings_delivered_bytes_total')).toBe(listener.text.length + late.text.length);
    expect(after.get('tidings_log_position')).toBe(5);
    expect([after.get('tidings_log_events'), after.get('tidings_up')]).toEqual([5, 1]);
    expect([after.get('tidings_listeners'), after.get('tidings_live_listeners')]).toEqual([2, 2]);
    expect(after.get('tidings_listener_places')).toBe(50_000);
    const buckets = [...after].filter(([name]) => name.startsWith('tidings_log_write_seconds_bucket'));
    expect(buckets.at(-1)).toEqual(['tidings_log_write_seconds_bucket{le="+Inf"}', 5]);
    expect(buckets.map(([, value]) => value)).toEqual(buckets.map(([, value]) => value).toSorted((a, b) => a - b));
    const text = (await hub.ask('GET', '/metrics', { headers: ADMIN })).text;
    expect(text).not.toMatch(/"one"|topic=/);
    expect(text).not.toContain(KEY);
  });

  test.skipIf(isMissing('promtool'))('are what Prometheus reads, in both forms', async () => {
    const hub = await hubWithMetrics();
    await hub.publish('a', 'x', ADMIN);
    const plain = await hub.ask('GET', '/metrics', { headers: ADMIN });
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const checked = spawnSync(programPath('promtool'), ['check', 'metrics'], { input: plain.text, encoding: 'utf8' });
    expect([checked.status, checked.stdout, checked.stderr]).toEqual([0, '', '']);
    const open = await hub.ask('GET', '/metrics', { headers: OPEN });
    expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    // It reads samples of the past, each with its time.
    const now = Math.floor(Date.now() / 1000);
    const input = open.text.replaceAll(/^(?!#)(.+)$/gm, `$1 ${now}`);
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'metrics'), input);
    const args = ['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'metrics'), join(folder, 'blocks')];
    const written = spawnSync(programPath('promtool'), args, { encoding: 'utf8' });
    expect([written.status, written.stderr]).toEqual([0, '']);
    expect([...samplesOf(open.text).keys()]).toEqual([...samplesOf(plain.text).keys()]);
  });

  test('are for who may administer alone, and only where the hub was asked for them', async () => {
    const adminKey = 'the-admin-key-of-the-hub';
    const hub = await hubWithMetrics({ adminKey, anonymous: 'all' });
    const ask = async (authorization?: string): Promise<unknown> => {
      const reply = await hub.ask('GET', '/metrics', authorization === undefined ? {} : { headers: { authorization } });
      return [reply.status, problemOf(reply), reply.headers['www-authenticate']];
    };
    expect(await ask()).toEqual([401, 'unauthorized', 'Bearer']);
    expect(await ask(`Bearer ${KEY}`)).toEqual([403, 'forbidden', undefined]);
    expect(await ask(`Bearer ${adminKey}`)).toEqual([200, undefined, undefined]);
    const head = await hub.ask('HEAD', '/metrics', { headers: { authorization: `Bearer ${adminKey}` } });
    expect([head.status, head.text, Number(head.headers['content-length']) > 1000]).toEqual([200, '', true]);
    const without = await startHub({ key: KEY });
    expect(problemOf(await without.ask('GET', '/metrics', { headers: ADMIN }))).toBe('not-found');
  });

  test('say which protocols are spoken on connections', async () => {
    const hub = await SecureHub.start({}, { faces });
    const client = await hub.connect();
    const half = connect(hub.port, '127.0.0.1').on('error', () => {});
    half.write(Buffer.from([22, 3, 1, 2, 0, 1, 0]));
    const old = await hub.tls({ ALPNProtocols: ['http/1.1'] });
    const open = async (): Promise<unknown> => {
      const samples = samplesOf((await client.ask('GET', '/metrics')).text);
      return ['handshake', 'http1', 'http2'].map((name) => samples.get(`tidings_connections{protocol="${name}"}`));
    };
    await expect.poll(open).toEqual([1, 1, 1]);
    half.destroy();
    old.destroy();
    await once(old, 'close');
    await expect.poll(open).toEqual([0, 0, 1]);
  });
});
