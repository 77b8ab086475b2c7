import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { PostgresServer, withoutPostgres } from '../../../test/postgres-server.ts';
import { HubProcess } from './hub-process.ts';

let server: PostgresServer;
beforeAll(async () => {
  if (!withoutPostgres) server = await PostgresServer.start({ isSafe: true });
}, 60_000);
afterAll(() => (withoutPostgres ? undefined : server.close()));

const LONG = { timeout: 30_000 };

/** A hub with two events, and a listener that has got both. */
async function withListener(schema: string): Promise<{
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
  readonly ids: readonly string[];
  readonly received: () => string;
}> {
  const hub = await HubProcess.start('--log', `${server.url}?schema=${schema}`);
  const ask = (path: string, init: RequestInit = {}): Promise<Response> => fetch(new URL(path, hub.url), init);
  const ids: string[] = [];
  for (const body of ['1', '2']) ids.push((await (await ask('topics/a', { method: 'POST', body })).text()).trim());
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const { body } = await ask('topics/a?last_event_id=earliest', { signal: gone.signal });
  let text = '';
  void (async () => {
    for await (const chunk of body!) text += Buffer.from(chunk).toString();
    text += '(ended)';
  })().catch(() => {});
  await expect.poll(() => text, LONG).toContain('data: 2');
  return { ask, ids, received: () => text };
}

const STREAM = { accept: 'text/event-stream' };
const PAGE = { accept: 'application/json' };

/** What a hub answers that cannot ask its database. @param ids of two events, the newest last */
async function answersAway(
  ask: (path: string, init?: RequestInit) => Promise<Response>,
  [first = '', newest = '']: readonly string[],
): Promise<void> {
  const pages = ['topics/a', 'topics/a?last_event_id=earliest', 'topics?match_urlpattern=*', 'topics'];
  for (const path of pages) {
    const page = await ask(path, { headers: PAGE });
    expect([path, page.status, page.headers.get('retry-after')]).toEqual([path, 503, '1']);
    expect(await page.json()).toMatchObject({ type: expect.stringMatching(/#store-away$/) as string });
  }
  expect((await ask('topics/a', { method: 'HEAD' })).status).toBe(503);
  const streams = [
    ask('topics/a', { headers: { ...STREAM, 'last-event-id': first } }),
    ask('topics/a', { headers: { ...STREAM, 'last-event-id': newest } }),
    ask('topics/a?last_event_id=earliest', { headers: STREAM }),
    ask('topics/a?last=1', { headers: STREAM }),
  ];
  for (const answer of await Promise.all(streams)) {
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('event-stream')]);
    expect(await answer.text()).toMatch(/^retry: \d+\n\n$/);
  }
  expect((await ask('healthz')).status).toBe(503);
}

describe.skipIf(withoutPostgres)('a hub on PostgreSQL', () => {
  test('refuses pages and lets new listeners come back while the database is away, and live ones go on when it is there', async () => {
    const { ask, ids, received } = await withListener('away');
    await server.kill();
    await expect.poll(async () => (await ask('topics/a', { method: 'POST', body: 'x' })).status, LONG).toBe(503);
    await expect.poll(async () => (await ask('healthz')).status, LONG).toBe(503);
    await answersAway(ask, ids);
    await server.run();
    await expect.poll(async () => (await ask('topics/a', { method: 'POST', body: '3' })).status, LONG).toBe(200);
    await expect.poll(received, LONG).toContain('data: 3');
    expect(received()).not.toMatch(/tidings-gap|\(ended\)/);
    expect([...received().matchAll(/^data: (\d)$/gm)].map(([, data]) => data)).toEqual(['1', '2', '3']);
    const page = await ask('topics/a', { headers: { ...PAGE, 'last-event-id': ids[0]! } });
    expect(await page.json()).toMatchObject({ events: [{ data: '2' }, { data: '3' }] });
  });

  test('lets listeners come back while the database refuses it', async () => {
    const { ask, ids, received } = await withListener('moved');
    await server.ask('alter schema moved rename to elsewhere');
    await expect.poll(async () => (await ask('healthz')).status, LONG).toBe(503);
    await answersAway(ask, ids);
    await server.ask('alter schema elsewhere rename to moved');
    await expect.poll(async () => (await ask('topics/a', { method: 'POST', body: '3' })).status, LONG).toBe(200);
    await expect.poll(received, LONG).toContain('data: 3');
    expect(received()).not.toMatch(/tidings-gap|\(ended\)/);
  });
});
