import type { Page } from 'puppeteer-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../browser.ts';
import { freePort, RestartableHub } from './hub.ts';
import { connected, rows } from './watchers.ts';

async function publish(port: number, data: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/topics/orders`, { method: 'POST', body: data });
  expect(response.status).toBe(200);
  return await response.text();
}

async function showsConnection(page: Page, text: string): Promise<void> {
  await page.waitForFunction(
    (what) => document.querySelector('#connection')?.textContent?.includes(what),
    { polling: 50 },
    text,
  );
}

async function showsRows(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    (least) => document.querySelectorAll('#events > li[data-id]').length >= least,
    { polling: 50 },
    count,
  );
}

describe.each(BROWSERS)('the hub’s page in %s', (name) => {
  test.skipIf(isMissing(name))(
    'says that the hub is gone, and shows exactly what it missed when it is back',
    async () => {
      const hub = await RestartableHub.make();
      await hub.start();
      const before = { id: await publish(hub.port, 'before'), data: 'before' };
      const browser = await startBrowser(name);
      onTestFinished(() => browser.close());
      const page = await browser.newPage();
      await page.goto(`${hub.url}/#/t/orders`);
      await connected(page);
      await showsRows(page, 1);
      const live = { id: await publish(hub.port, 'live'), data: 'live' };
      await showsRows(page, 2);

      await hub.kill();
      await showsConnection(page, 'cannot be reached');

      // On another port nobody but us finds it.
      const elsewhere = await freePort();
      await hub.start(elsewhere);
      const missed: { id: string; data: string }[] = [];
      for (const data of ['missed 1', 'missed 2', 'missed 3'])
        missed.push({ id: await publish(elsewhere, data), data });
      await hub.kill();
      await showsConnection(page, 'cannot be reached');

      await hub.start();
      await showsConnection(page, 'Reconnected, 3 events caught up');
      expect(await rows(page)).toEqual([before, live, ...missed]);
      const marked = await page.$$eval('#events > li.missed', (items) =>
        items.map((item) => item.getAttribute('data-id')),
      );
      expect(marked).toEqual(missed.map(({ id }) => id));
      const after = { id: await publish(hub.port, 'after'), data: 'after' };
      await showsRows(page, 6);
      expect(await rows(page)).toEqual([before, live, ...missed, after]);
    },
  );
});
