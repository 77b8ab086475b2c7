import type { Browser, Page } from 'puppeteer-core';
import type { Listener, Opening } from './reception.ts';

interface Watch {
  readonly source: globalThis.EventSource;
  readonly received: string[];
  changed: () => void;
}
declare const watch: Watch;

/** The browser's own EventSource, on a page of the origin. */
export async function listenOnPage(browser: Browser, origin: string, path: string): Promise<Listener> {
  const page = await browser.newPage();
  await page.goto(`${origin}/page`);
  return {
    opened: open(page, path),
    received: () => page.evaluate(() => watch.received),
    reach: (count) =>
      page.evaluate(async (least) => {
        while (watch.received.length < least) {
          await new Promise<void>((resolve) => {
            watch.changed = resolve;
          });
        }
      }, count),
    async leave() {
      await page.evaluate(() => watch.source.close());
      await page.close();
    },
  };
}

async function open(page: Page, path: string): Promise<Opening> {
  const answered = page.waitForResponse((response) => response.url().endsWith(path));
  const protocol = await page.evaluate(async (url) => {
    const source = new EventSource(url);
    const state: Watch = { source, received: [], changed: () => {} };
    Object.assign(globalThis, { watch: state });
    source.addEventListener('message', ({ data }) => {
      state.received.push(String(data));
      state.changed();
    });
    await new Promise<void>((resolve, reject) => {
      source.addEventListener('open', () => resolve());
      source.addEventListener('error', () => reject(new Error('The stream was not opened')));
    });
    return performance
      .getEntriesByType('navigation')
      .map((entry) => (entry as PerformanceNavigationTiming).nextHopProtocol);
  }, path);
  return { version: protocol[0] === 'h2' ? '2' : '1.1', coding: (await answered).headers()['content-encoding'] };
}
