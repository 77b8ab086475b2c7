import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isMissing, startBrowser } from '../browser.ts';
import { RestartableHub } from '../end-to-end/hub.ts';
import { lacks, PROXIES, startProxy } from './proxy.ts';

describe.skipIf(isMissing('chromium'))('the page of a hub', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser('chromium', { acceptInsecureCerts: true });
  });

  afterAll(() => browser.close());

  describe.each(PROXIES)('behind %s', (name) => {
    test.skipIf(lacks(name))('publishes and listens where TLS ends before the hub', async () => {
      const hub = await RestartableHub.make();
      const { tls } = await startProxy(name, hub.port);
      const reached = ['--public-url', `${tls}/`, '--trusted-proxies', 'loopback'];
      await hub.start(hub.port, [...reached, '--anonymous', 'all']);
      const page = await browser.newPage();
      onTestFinished(() => page.close());
      await page.goto(`${tls}/#/t/a%2Fb`);
      await page.type('#publish-data', 'from the page');
      await page.click('#publish-send');
      const shown = (): Promise<(string | undefined)[]> =>
        page.evaluate(() =>
          ['#publish-answer', '#events > li', '#connection'].map(
            (selector) => document.querySelector(selector)?.textContent ?? undefined,
          ),
        );
      await expect
        .poll(shown, { timeout: 60_000 })
        .toEqual([expect.stringMatching(/^Published as/), expect.stringContaining('from the page'), expect.anything()]);
    });
  });
});
