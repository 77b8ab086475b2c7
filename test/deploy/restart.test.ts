import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, type BrowserName, isMissing, startBrowser } from '../browser.ts';
import { RestartableHub } from '../end-to-end/hub.ts';
import { lacks, PROXIES, startProxy } from './proxy.ts';
import { all, watch, watchInBrowser, type Watcher } from './watchers.ts';

const SOURCES = 300;

/**
 * How often a browser asks while the hub is away, and an EventSource of ours, which waits longer with each time. Behind one of the proxies it is as often as
 * in half a minute with the 3 seconds of the files; behind the others once, because that would take the tests too long.
 */
const ROUNDS = { once: { browser: 1, ours: 1 }, long: { browser: 10, ours: 3 } } as const;
const LONG: (typeof PROXIES)[number] = 'nginx';

describe('a hub that is away', () => {
  const browsers: Browser[] = [];
  const there: readonly BrowserName[] = BROWSERS.filter((name) => !isMissing(name));

  beforeAll(async () => {
    for (const name of there) browsers.push(await startBrowser(name));
  });

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
        const ours = Array.from({ length: SOURCES }, () => watch(`${plain}/topics/news`));
        const theirs: Watcher[] = [];
        for (const browser of browsers) theirs.push(await watchInBrowser(browser, plain, '/topics/news'));
        const watchers = [...ours, ...theirs];
        await all(watchers, ({ opened }) => opened === 1);
        expect((await publish('before')).status).toBe(200);
        await all(watchers, ({ data }) => data.length === 1);

        await hub.kill();
        // Each of them has asked while it is away, and was told to come back.
        const rounds = name === LONG ? ROUNDS.long : ROUNDS.once;
        await all(theirs, ({ opened }) => opened > rounds.browser);
        await all(ours, ({ opened }) => opened > rounds.ours);
        await hub.start(hub.port, ['--anonymous', 'all']);
        for (const data of ['after', 'at last']) expect((await publish(data)).status).toBe(200);
        await all(watchers, ({ data }) => data.length >= 3);
        for (const watcher of watchers) expect((await watcher.look()).data).toEqual(['before', 'after', 'at last']);

        // Who publishes is refused.
        await hub.kill();
        expect((await publish('lost')).status).toBeGreaterThanOrEqual(500);
      },
    );
  });
});
