import { Hub, mercure, MemoryLog } from '@tidings/hub';
import { describe, expect, test } from 'vitest';
import { allToken, HUB_URL, oldToken, post, ROOT, startMercure, subscribe, update } from './mercure-hub.ts';
import { startHub } from './test-hub.ts';
import { bearer } from './token-maker.ts';

describe('mercure()', () => {
  test.each<[options: object, message: string]>([
    [
      { dialect: 'new' },
      'There is no option dialect; allowed are dialects, publishOrigins, cookies, subscriptions, maxConnectionMs; did you mean dialects',
    ],
    [{ dialects: [] }, 'The option dialects of mercure() is an array, but must be not empty'],
    [{ dialects: ['newer'] }, 'The option dialects[0] of mercure() is "newer", but must be new or old'],
    [
      { dialects: 'new' },
      'The option dialects of mercure() is "new", but must be an array, each of whose members is new or old',
    ],
    [
      { publishOrigins: ['example.com'] },
      'The option publishOrigins[0] of mercure() is "example.com", but must be an origin, such as https://example.com',
    ],
    [
      { publishOrigins: ['https://example.com/'] },
      'The option publishOrigins[0] of mercure() is "https://example.com/", but must be an origin, such as https://example.com',
    ],
    [{ cookies: { older: 'x' } }, 'There is no option cookies.older; allowed are cookies.new, cookies.old'],
    [{ cookies: { old: 'a b' } }, 'The option cookies.old of mercure() is "a b", but must be the name of a cookie'],
    [{ subscriptions: 1 }, 'The option subscriptions of mercure() is 1, but must be true or false'],
    [{ maxConnectionMs: 0 }, 'The option maxConnectionMs of mercure() is 0, but must be a whole number from 1'],
  ])('refuses %j', (options, message) => {
    let error: unknown;
    try {
      mercure(options);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect((error as Error).message).toContain(message);
  });

  test('answers at its own paths and at no others', async () => {
    const hub = await startHub({ anonymous: 'all', faces: [mercure()] });
    const status = async (method: string, path: string): Promise<number> => (await hub.ask(method, path)).status;
    expect(await status('GET', `${ROOT}x`)).toBe(404);
    expect(await status('GET', `${ROOT}/`)).toBe(404);
    expect(await status('GET', '/topics/a')).toBe(404);
    expect(await status('PUT', ROOT)).toBe(405);
    expect((await hub.ask('DELETE', ROOT)).headers.allow).toBe('GET, HEAD, QUERY, POST, OPTIONS');
  });

  test('speaks the old dialect alone if it is told to', async () => {
    const hub = await startMercure({ dialects: ['old'] });
    expect((await hub.ask('HEAD', `${ROOT}?match=a`)).status).toBe(400);
    expect((await hub.ask('HEAD', `${ROOT}?topic=a`)).status).toBe(200);
    expect((await post(hub, [['topic', 'a']])).status).toBe(403);
  });

  test('is behind a path of the public URL, which a proxy takes away or passes on', async () => {
    const hub = await startMercure({}, { publicUrl: 'https://hub.example/live/', tokens: undefined, anonymous: 'all' });
    for (const path of [ROOT, `/live${ROOT}`]) {
      const { response } = await subscribe(hub, 'match=a');
      expect(response.headers.link).toBe('<https://hub.example/live/.well-known/mercure>; rel="mercure"');
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await hub.ask('POST', path, { headers, body: `topic=/live${ROOT}/x` })).status).toBe(400);
      expect((await hub.ask('POST', path, { headers, body: `topic=${ROOT}` })).status).toBe(400);
      expect((await hub.ask('POST', path, { headers, body: 'topic=a' })).status).toBe(200);
    }
  });

  test('is answered by the fetch of a hub, too', async () => {
    const hub = new Hub({ log: new MemoryLog(), anonymous: 'all', faces: [mercure()] });
    const body = new URLSearchParams({ topic: 'a', data: 'x', id: 'é' });
    const published = await hub.fetch(new Request(HUB_URL, { method: 'POST', body }));
    expect(await published.text()).toBe('é');
    const stream = await hub.fetch(new Request(`${HUB_URL}?match=a&last_event_id=%C3%A9`));
    expect(stream.headers.get('mercure-last-event-id')).toBe('%C3%A9');
    await stream.body!.cancel();
    await hub.close();
  });

  test('passes on data that only its readers can decrypt', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'match=a');
    const jwe = 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..dGhlIGl2.Y2lwaGVydGV4dA.dGFn';
    await update(hub, 'a', jwe);
    expect(await listener.take(1)).toEqual([jwe]);
  });

  test('writes no token into its answers and into the logger of the hub', async () => {
    const lines: string[] = [];
    const { default: pino } = await import('pino');
    const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
    const hub = await startMercure({}, { logger });
    const token = await allToken();
    const wrong = `${token.slice(0, -4)}AAAA`;
    const texts = [
      (await hub.ask('GET', `${ROOT}?topic=a&authorization=${wrong}`)).text,
      (await hub.ask('GET', `${ROOT}?match=a&authorization=${token}`)).text,
      (await hub.ask('GET', `${ROOT}?match=a`, { headers: { cookie: `__Secure-mercure_access_token=${wrong}` } })).text,
      (await post(hub, [['topic', '*']], bearer(wrong))).text,
    ];
    const old = await oldToken({ subscribe: [] });
    await subscribe(hub, `topic=a&authorization=${old}`);
    expect(lines.length).toBeGreaterThan(3);
    expect(
      [...texts, ...lines].filter(
        (text) => text.includes(token.slice(0, 40)) || text.includes(token.slice(-40, -8)) || text.includes(old),
      ),
    ).toEqual([]);
  });
});
