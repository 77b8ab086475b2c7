import { EventSource } from '@tidings/client';
import type { Browser } from 'puppeteer-core';
import { expect, onTestFinished } from 'vitest';

/** What an EventSource has seen. */
export interface Seen {
  readonly data: string[];
  opened: number;
  /** Whether it has given up. */
  closed: boolean;
}

declare const seen: Seen;

export interface Watcher {
  look(): Seen | Promise<Seen>;
}

/** Our own, on Node. */
export function watch(url: string): Watcher {
  const state: Seen = { data: [], opened: 0, closed: false };
  const source = new EventSource(url);
  onTestFinished(() => source.close());
  source.addEventListener('open', () => {
    state.opened += 1;
  });
  source.addEventListener('message', ({ data }) => state.data.push(data));
  source.addEventListener('error', () => {
    if (source.readyState === 2) state.closed = true;
  });
  return { look: () => state };
}

/** The browser's own. */
export async function watchInBrowser(browser: Browser, origin: string, path: string): Promise<Watcher> {
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  await page.goto(`${origin}/healthz`);
  await page.evaluate((url) => {
    const state: Seen = { data: [], opened: 0, closed: false };
    Object.assign(globalThis, { seen: state });
    const source = new globalThis.EventSource(url);
    source.addEventListener('open', () => {
      state.opened += 1;
    });
    source.addEventListener('message', ({ data }) => state.data.push(String(data)));
    source.addEventListener('error', () => {
      if (source.readyState === 2) state.closed = true;
    });
  }, path);
  return { look: () => page.evaluate(() => seen) };
}

/** Waits until something holds for all of them. One that has given up fails the test. */
export async function all(watchers: readonly Watcher[], holds: (seen: Seen) => boolean): Promise<void> {
  await expect
    .poll(
      async () => {
        const states = await Promise.all(watchers.map(async (watcher) => await watcher.look()));
        expect(states.filter(({ closed }) => closed)).toEqual([]);
        return states.filter((state) => !holds(state)).length;
      },
      { timeout: 120_000, interval: 50 },
    )
    .toBe(0);
}
