import type { Browser, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../../../test/browser.ts';
import { ReplayingServer } from './replaying-server.ts';
import { bundleScript } from './browser-bundle.ts';

/** What a page does: it listens in one of three ways, and keeps what it got. */
const SCRIPT = `
  import { EventSource, subscribe } from '@tidings/client';
  const how = new URL(location.href).searchParams.get('tab');
  const got = (globalThis.got = []);
  addEventListener('pageshow', ({ persisted }) => (globalThis.isKept = persisted));
  globalThis.steals = 0;
  const request = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = (lock, options, callback) => {
    if (options.steal) globalThis.steals++;
    return request(lock, options, callback);
  };
  if (how === 'EventSource') {
    const source = new EventSource('/stream');
    source.onopen = () => (globalThis.isOpen = true);
    source.onmessage = ({ data }) => got.push(Number(data));
  } else {
    const onState = ({ phase }) => (globalThis.isOpen = phase === 'open');
    for await (const { data } of subscribe('/stream', { shared: how === 'shared', onState })) got.push(Number(data));
  }
`;

interface PageGlobals {
  got: number[];
  isOpen: boolean;
  isKept: boolean;
  /** How often the page has taken the lock away from a leader that hangs. */
  steals: number;
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe.each(BROWSERS)('a page of %s', (name) => {
  let browser: Browser;
  let script: string;
  let server: ReplayingServer;

  beforeAll(async () => {
    if (isMissing(name)) return;
    script = await bundleScript(SCRIPT);
    browser = await startBrowser(name);
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    if (!isMissing(name)) server = await ReplayingServer.listen(script);
  });
  afterEach(() => server?.[Symbol.asyncDispose]());

  async function open(how: string): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/page?tab=${how}`);
    await page.waitForFunction(() => (globalThis as unknown as PageGlobals).isOpen, { polling: 50 });
    return page;
  }

  /** What a page got, once it has the last event. */
  async function gotBy(page: Page): Promise<number[]> {
    const last = server.published;
    const hasIt = (event: number) => (globalThis as unknown as PageGlobals).got.at(-1) === event;
    await page.waitForFunction(hasIt, { polling: 50 }, last);
    return page.evaluate(() => (globalThis as unknown as PageGlobals).got);
  }

  test.skipIf(isMissing(name)).each(['EventSource', 'subscribe', 'shared'])(
    'that is left and comes back has everything once, listening by %s',
    async (how) => {
      const page = await open(how);
      const other = how === 'shared' ? await open(how) : undefined;
      server.publish(5);
      expect(await gotBy(page)).toEqual(numbers(1, 5));
      await page.goto(`${server.origin}/elsewhere`);
      server.publish(5);
      if (other) {
        expect(await gotBy(other)).toEqual(numbers(1, 10));
        // The page gave the lead back; otherwise the other one would have waited and then taken the lock away.
        expect(await other.evaluate(() => (globalThis as unknown as PageGlobals).steals)).toBe(0);
      }
      await page.goBack();
      await page.waitForFunction(() => (globalThis as unknown as PageGlobals).isOpen, { polling: 50 });
      server.publish(5);
      const isKept = await page.evaluate(() => (globalThis as unknown as PageGlobals).isKept);
      // Chromium keeps a page that listens, with its connection, unless another talks to it meanwhile. Firefox loads it anew.
      if (how !== 'shared') expect(isKept).toBe(name === 'chromium');
      expect(await gotBy(page)).toEqual(isKept ? numbers(1, 15) : numbers(11, 15));
      if (other) expect(await gotBy(other)).toEqual(numbers(1, 15));
      expect(server.listeners).toHaveLength(1);
      await other?.close();
      await page.close();
    },
  );
});
