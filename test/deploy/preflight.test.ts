import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isMissing, startBrowser } from '../browser.ts';
import { freePort, RestartableHub } from '../end-to-end/hub.ts';
import { lacks, PROXIES, startProxy } from './proxy.ts';

const PAGE = 'https://app.example.org';
const STREAM = { accept: 'text/event-stream' };
const PREFLIGHT = { 'access-control-request-method': 'GET', 'access-control-request-headers': 'last-event-id' };

/** The fields of an answer that say what a page of another origin may do. */
function cors({ headers }: Response): Record<string, string | null> {
  return {
    origin: headers.get('access-control-allow-origin'),
    credentials: headers.get('access-control-allow-credentials'),
  };
}

/** The methods that an answer to a preflight allows. */
function methods({ headers }: Response): string[] {
  return (headers.get('access-control-allow-methods') ?? '').split(',').map((method) => method.trim());
}

/** The methods of a hub at `/topics` or a topic. A hub that is there allows them, so the answer of a proxy in its place has to, too. */
const METHODS = ['DELETE', 'GET', 'HEAD', 'POST', 'PUT', 'QUERY'];

const ALLOWED = { origin: PAGE, credentials: 'true' };

describe.each(PROXIES)('while the hub is away behind %s', (name) => {
  test.skipIf(lacks(name))(
    'a page of another origin that may listen is told to come back, and no other one',
    async () => {
      const { plain } = await startProxy(name, await freePort(), PAGE);
      const url = `${plain}/topics/news`;
      const preflight = await fetch(url, { method: 'OPTIONS', headers: { ...PREFLIGHT, origin: PAGE } });
      expect([preflight.status, await preflight.text(), cors(preflight)]).toEqual([204, '', ALLOWED]);
      expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('last-event-id');
      expect(methods(preflight).toSorted()).toEqual(METHODS);

      const stream = await fetch(url, { headers: { ...STREAM, origin: PAGE, 'last-event-id': 'x' } });
      expect([stream.status, await stream.text(), cors(stream)]).toEqual([
        200,
        expect.stringMatching(/^retry: \d+\n\n$/),
        ALLOWED,
      ]);
      expect(stream.headers.get('content-type')).toBe('text/event-stream');
      expect(stream.headers.get('retry-after')).toBeNull();

      const origins = ['https://evil.example', `${PAGE}.evil.example`, `${PAGE}:8443`, `${PAGE}, https://evil.example`];
      const others = origins.map(async (origin) => {
        const refused = await fetch(url, { method: 'OPTIONS', headers: { ...PREFLIGHT, origin } });
        const closed = await fetch(url, { headers: { ...STREAM, origin } });
        return [refused.status >= 500, cors(refused).origin || null, closed.status, cors(closed).origin || null];
      });
      expect(await Promise.all(others)).toEqual(origins.map(() => [true, null, 200, null]));
      // The first is no preflight. A publisher would take 200 to mean that its event is stored. All at once, because HAProxy tries again for seconds.
      const posts = ['*/*', 'text/event-stream', 'application/json, text/event-stream'];
      const refusals = await Promise.all([
        fetch(url, { method: 'OPTIONS', headers: { origin: PAGE } }),
        ...posts.map((accept) => fetch(url, { method: 'POST', headers: { accept, origin: PAGE }, body: 'x' })),
      ]);
      expect(refusals.map(({ status }) => status >= 500)).toEqual([true, true, true, true]);
    },
  );

  test.skipIf(lacks(name))('the answers of a hub that is there have one value in each field', async () => {
    const hub = await RestartableHub.make();
    await hub.start(hub.port, ['--anonymous', 'all', '--cors-origin', PAGE]);
    const { plain } = await startProxy(name, hub.port, PAGE);
    const preflight = await fetch(`${plain}/topics/a`, { method: 'OPTIONS', headers: { ...PREFLIGHT, origin: PAGE } });
    expect([preflight.status, cors(preflight)]).toEqual([204, ALLOWED]);
    const ofList = await fetch(`${plain}/topics`, { method: 'OPTIONS', headers: { ...PREFLIGHT, origin: PAGE } });
    expect([...new Set([...methods(preflight), ...methods(ofList)])].toSorted()).toEqual(METHODS);
    const published = await fetch(`${plain}/topics/a`, { method: 'POST', headers: { origin: PAGE }, body: 'x' });
    expect([published.status, cors(published)]).toEqual([200, ALLOWED]);
  });
});

describe.skipIf(isMissing('chromium'))('in a browser, while the hub is away', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser('chromium');
  });

  afterAll(() => browser.close());

  test.each(PROXIES.filter((name) => !lacks(name)))(
    'a page of another origin gets the stream of %s although it sends a Last-Event-ID',
    async (name) => {
      const site = createServer((_, response) => response.end('<p>page</p>')).listen(0, '127.0.0.1');
      await once(site, 'listening');
      onTestFinished(() => site.close().closeAllConnections());
      const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
      const { plain } = await startProxy(name, await freePort(), origin);
      const page = await browser.newPage();
      onTestFinished(() => page.close());
      await page.goto(origin);
      const stream = await page.evaluate(async (url) => {
        const headers = { Accept: 'text/event-stream', 'Last-Event-ID': 'x' };
        const response = await fetch(url, { headers, credentials: 'include' });
        return [response.status, await response.text()];
      }, `${plain}/topics/news`);
      expect(stream).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)]);
    },
  );
});
