import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { startHub, type TestHub } from './test-hub.ts';

const run = promisify(execFile);

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What curl is answered. */
async function curl({ url }: TestHub, path: string, ...args: string[]): Promise<Answer> {
  const format = '\n%{http_code} %{header_json}';
  const { stdout } = await run('curl', ['-sS', '--max-time', '20', '-w', format, ...args, `${url}/topics${path}`]);
  const [, body = '', status, headers = '{}'] = /^(.*)\n(\d{3}) (\{.*)$/s.exec(stdout) ?? [];
  const fields = Object.entries(JSON.parse(headers) as Record<string, string[]>);
  return {
    status: Number(status),
    headers: Object.fromEntries(fields.map(([name, [value = '']]) => [name, value])),
    body,
  };
}

const json = ({ body }: Answer): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;
const dataOf = (answer: Answer): unknown[] => (json(answer)['events'] as { data: string }[]).map(({ data }) => data);

const header = (...fields: string[]): string[] => fields.flatMap((field) => ['-H', field]);
const PAGE = header('Accept: application/json');

describe.skipIf(isMissing('curl'))('curl alone', () => {
  test('creates, leases, publishes to, closes and deletes a topic, and asks what it is', async () => {
    const hub = await startHub();
    const created = await curl(hub, '/jobs/7', '-X', 'PUT', '-d', '{"ttl":"24h","keep":"all"}');
    expect([created.status, json(created)]).toMatchObject([201, { topic: 'jobs/7', ttl: '1d' }]);
    expect((await curl(hub, '/jobs/7', '-X', 'PUT', ...header('If-None-Match: *'))).status).toBe(412);
    const { lease } = json(await curl(hub, '/jobs/7?lease=30s', '-X', 'PUT')) as { lease: string };
    const own = header(`Tidings-Lease: ${lease}`);
    expect((await curl(hub, '/jobs/7', '-d', 'not mine')).status).toBe(409);
    const published = await curl(hub, '/jobs/7', ...own, '-d', 'one');
    expect([published.status, published.body]).toEqual([200, hub.cursor(1)]);
    const renewed = await curl(hub, '/jobs/7?lease=60s', '-X', 'PUT', ...own);
    expect(json(renewed)).toMatchObject({ lease, ms: 60_000 });
    const leased = await curl(hub, '/jobs/7', '-I');
    expect(leased.headers).toMatchObject({
      'tidings-state': 'open',
      'tidings-events': '1',
      'tidings-earliest': hub.cursor(1),
      'tidings-newest': hub.cursor(1),
      'tidings-leased-until': expect.stringMatching(/^20\S+Z$/),
      'tidings-ttl': '1d',
      'tidings-keep': 'all',
    });
    expect((await curl(hub, '/jobs/7?lease', '-X', 'DELETE', ...own)).status).toBe(204);
    expect((await curl(hub, '/jobs/7?close&type=done', '-d', 'bye')).status).toBe(200);
    const closed = await curl(hub, '/jobs/7', '-I');
    expect([closed.status, closed.headers['tidings-state']]).toEqual([204, 'closed']);
    expect((await curl(hub, '/jobs/7', '-d', 'late')).status).toBe(409);
    const whole = await curl(hub, '/jobs/7?lastEventId=earliest', '-N');
    expect(whole.body).toContain(`id: ${hub.cursor(2)}\nevent: done\ndata: bye\n\n`);
    expect(json(await curl(hub, '/jobs/7', '-X', 'DELETE'))).toEqual({ topic: 'jobs/7', existed: true });
    expect((await curl(hub, '/jobs/7', '-I')).headers['tidings-state']).toBe('unknown');
  });

  test('reads pages, from a place on, of a type, and waits for one', async () => {
    const hub = await startHub();
    for (const data of ['1', '2', '3']) await curl(hub, `/logs?type=${data === '2' ? 'odd' : 'even'}`, '-d', data);
    const first = await curl(hub, '/logs?limit=2', ...PAGE);
    expect([json(first), dataOf(first)]).toMatchObject([{ next: hub.cursor(2), state: 'open' }, ['1', '2']]);
    expect(dataOf(await curl(hub, `/logs?lastEventId=${hub.cursor(2)}`, ...PAGE))).toEqual(['3']);
    expect(dataOf(await curl(hub, '/logs?since=1h&type=odd', ...PAGE))).toEqual(['2']);
    expect(dataOf(await curl(hub, `/logs?lastEventId=${hub.cursor(3)}&wait=1s`, ...PAGE))).toEqual([]);
    const waiting = curl(hub, `/logs?lastEventId=${hub.cursor(3)}&wait=20s`, ...PAGE);
    await expect.poll(() => hub.hub.stats().listeners).toBe(1);
    await curl(hub, '/logs', '-d', '4');
    expect(dataOf(await waiting)).toEqual(['4']);
  });

  test('updates and forgets values', async () => {
    const hub = await startHub();
    await curl(hub, '/prices', '-X', 'PUT', '-d', '{"keep":"latest"}');
    for (const [key, data] of [
      ['EUR', '1'],
      ['CHF', '2'],
      ['EUR', '3'],
    ] as const) {
      await curl(hub, `/prices?key=${key}`, '-d', data);
    }
    await curl(hub, '/prices?key=CHF&forget', '-X', 'POST');
    const { events } = json(await curl(hub, '/prices', ...PAGE));
    expect(events).toMatchObject([
      { key: 'EUR', data: '3' },
      { key: 'CHF', type: 'tidings-forgotten', forget: true },
    ]);
  });

  test('publishes lines of JSON and CloudEvents in each mode', async () => {
    const hub = await startHub();
    const post = async (path: string, type: string, body: string, ...fields: string[]): Promise<unknown> => {
      const answer = await curl(
        hub,
        path,
        ...header(`Content-Type: ${type}`, 'Accept: application/json', ...fields),
        '--data-binary',
        body,
      );
      return answer.status === 200 ? json(answer)['ids'] : answer.body;
    };
    const ids = (...numbers: number[]): string[] => numbers.map((seq) => hub.cursor(seq));
    const lines = '{"topic":"a","data":{"n":1}}\n{"topic":"b","type":"t","data":"2"}\n';
    expect(await post('', 'application/x-ndjson', lines)).toEqual(ids(1, 2));
    const event = { specversion: '1.0', id: 'x', source: '/curl', type: 'made', data: { n: 3 } };
    expect(await post('/a', 'application/cloudevents+json', JSON.stringify(event))).toEqual(ids(3));
    const batch = [
      { ...event, topic: 'a' },
      { ...event, topic: 'b' },
    ];
    expect(await post('', 'application/cloudevents-batch+json', JSON.stringify(batch))).toEqual(ids(4, 5));
    const attributes = ['specversion: 1.0', 'id: y', 'source: /curl', 'type: made'].map((field) => `ce-${field}`);
    expect(await post('/a', 'application/json', '{"n":6}', ...attributes)).toEqual(ids(6));
    const { events } = json(await curl(hub, '/a', ...PAGE)) as { events: { type: string; data: string }[] };
    expect(
      events.map(({ type, data }) => [type, (JSON.parse(data) as { n?: number; data?: unknown }).data ?? data]),
    ).toEqual([
      ['message', '{"n":1}'],
      ['made', { n: 3 }],
      ['made', { n: 3 }],
      ['made', { n: 6 }],
    ]);
  });

  test('is told what was found and what is allowed', async () => {
    const hub = await startHub();
    const refused = await curl(hub, '/a?tpye=x', '-d', '1');
    expect([refused.status, json(refused)['detail']]).toEqual([
      400,
      expect.stringMatching(/"?tpye"?.*allowed are .*type/),
    ]);
  });
});
