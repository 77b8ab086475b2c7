import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, type BrowserName, isMissing, startBrowser } from '../browser.ts';
import { RestartableHub } from '../end-to-end/hub.ts';
import { lacks, PROXIES, startProxy } from './proxy.ts';
import { all, watch, watchInBrowser } from './watchers.ts';

const SOURCES = 300;

describe('a hub that is away', () => {
  const browsers: Browser[] = [];
  const there: readonly BrowserName[] = BROWSERS.filter((name) => !isMissing(name));

  beforeAll(async () => {
    for (const name of there) browsers.push(await startBrowser(name));
  }, 60_000);

  afterAll(async () => {
    for (const browser of browsers) await browser.close();
  });

  describe.each(PROXIES)('behind %s', (name) => {
    test.skipIf(lacks(name))(
      `${SOURCES} EventSources and the browsers' own come back, and nothing is lost`,
      async () => {
        const hub = await RestartableHub.make();
        await hub.start(hub.port, ['--anonymous', 'all']);
        const { plain } = await startProxy(name, hub.port);
        const publish = (data: string): Promise<Response> =>
          // Browsers wait for seconds before they come back unless they are told otherwise.
          fetch(`${plain}/topics/news?retry=100`, { method: 'POST', body: data });
        const watchers = Array.from({ length: SOURCES }, () => watch(`${plain}/topics/news`));
        for (const browser of browsers) watchers.push(await watchInBrowser(browser, plain, '/topics/news'));
        await all(watchers, ({ opened }) => opened === 1);
        expect((await publish('before')).status).toBe(200);
        await all(watchers, ({ data }) => data.length === 1);

        await hub.kill();
        // Each of them has asked while it is away, and was told to come back.
        await all(watchers, ({ opened }) => opened > 1);
        await hub.start(hub.port, ['--anonymous', 'all']);
        for (const data of ['after', 'at last']) expect((await publish(data)).status).toBe(200);
        await all(watchers, ({ data }) => data.length >= 3);
        for (const watcher of watchers) expect((await watcher.look()).data).toEqual(['before', 'after', 'at last']);

        // Who publishes is refused.
        await hub.kill();
        expect((await publish('lost')).status).toBeGreaterThanOrEqual(500);
      },
      60_000,
    );
  });
});
