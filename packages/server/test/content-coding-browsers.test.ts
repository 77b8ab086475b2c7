import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isMissing, startBrowser } from '../../../test/browser.ts';
import { CodedServer, type Version } from './content-coding-server.ts';
import { until } from './test-server.ts';

interface Heard {
  readonly source: globalThis.EventSource;
  readonly data: string[];
  errors: number;
  changed: () => void;
}
declare const heard: Heard;

/** Listens with the browser's own EventSource. */
async function listen(page: Page, path: string): Promise<void> {
  await page.evaluate((url) => {
    const source = new EventSource(url);
    const state: Heard = { source, data: [], errors: 0, changed: () => {} };
    Object.assign(globalThis, { heard: state });
    source.addEventListener('message', ({ data }) => {
      state.data.push(String(data));
      state.changed();
    });
    source.addEventListener('error', () => {
      state.errors += 1;
      state.changed();
    });
  }, path);
}

/** Waits until the page has dispatched so many events and errors. */
async function reach(page: Page, count: number, errors = 0): Promise<void> {
  await page.evaluate(
    async (events, failures) => {
      while (heard.data.length < events || heard.errors < failures) {
        await new Promise<void>((resolve) => {
          heard.changed = resolve;
        });
      }
    },
    count,
    errors,
  );
}

const reading = (n: number): string =>
  JSON.stringify({ n, sensor: `boiler-${n % 7}`, celsius: 60 + n / 4, at: '2026-01-01T00:00:00Z', valid: true });
const readings = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => reading(first + index));

/** Browsers that accept both get gzip. */
const CASES: readonly { version: Version; coding: string; accepted?: string }[] = [
  { version: 'HTTP/1.1', coding: 'gzip' },
  { version: 'HTTP/2', coding: 'gzip' },
  { version: 'HTTP/1.1', coding: 'zstd', accepted: 'zstd' },
  { version: 'HTTP/2', coding: 'zstd', accepted: 'zstd' },
];

describe.each(['chromium', 'firefox'] as const)('the EventSource of %s', (name) => {
  const missing = isMissing(name);
  let browser: Browser;

  beforeAll(async () => {
    if (!missing) browser = await startBrowser(name, { acceptInsecureCerts: true });
  });

  afterAll(async () => {
    await browser?.close();
  });

  async function open(server: CodedServer, path: string): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/page`);
    await listen(page, path);
    return page;
  }

  test.skipIf(missing).each(CASES)(
    'dispatches each event of a channel in $coding as it is sent, on $version, and is closed at its end',
    async ({ version, coding, accepted }) => {
      await using server = await CodedServer.listen(version, accepted);
      const { channel } = server;
      const first = await open(server, '/channel');
      await until(() => channel.listeners === 1);
      const ids: string[] = [];
      for (let n = 1; n <= 20; n += 1) {
        // The next one is published only when the page has this one.
        ids.push(await channel.publish({ data: reading(n) }));
        await reach(first, n);
      }
      const late = await open(server, `/channel?lastEventId=${ids[9]}`);
      await reach(late, 10);
      await until(() => channel.stats().live === 2);
      for (let n = 21; n <= 30; n += 1) {
        await channel.publish({ data: reading(n) });
        await reach(first, n);
        await reach(late, n - 10);
      }
      await channel.close({ data: 'the end', retry: 0 });
      for (const [page, begin] of [
        [first, 1],
        [late, 11],
      ] as const) {
        // One error for the end of the response, and one for the 204.
        await reach(page, 30 - begin + 2, 2);
        expect(await page.evaluate(() => heard.data)).toEqual([...readings(begin, 30), 'the end']);
        expect(await page.evaluate(() => heard.source.readyState)).toBe(2);
        await page.close();
      }
      expect(server.answers.slice(0, 2).map((answer) => answer.coding)).toEqual([coding, coding]);
    },
  );

  test.skipIf(missing).each(CASES)(
    'dispatches each event of a response of its own in $coding as it is sent, on $version, also where it is cut and comes back',
    async ({ version, coding, accepted }) => {
      await using server = await CodedServer.listen(version, accepted);
      const page = await open(server, '/stream');
      for (let connection = 0; connection < 3; connection += 1) {
        await until(() => server.streams.length === connection + 1);
        const { handle, fail } = server.streams[connection]!;
        await handle.send({ retry: 0 });
        for (let n = 1; n <= 10; n += 1) {
          await handle.send({ data: reading(10 * connection + n) });
          await reach(page, 10 * connection + n);
        }
        if (connection === 1) handle.close();
        else fail(new Error('The source broke'));
        await reach(page, 0, connection + 1);
      }
      expect(await page.evaluate(() => heard.data)).toEqual(readings(1, 30));
      expect(server.answers.slice(0, 3).map((answer) => answer.coding)).toEqual([coding, coding, coding]);
      await page.close();
    },
  );
});
