import { once } from 'node:events';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../../../test/browser.ts';
import { folder } from '../../../test/folder.ts';
import { bundleScript } from './browser-bundle.ts';
import { StandInHub } from './publisher-hub.ts';

/** What a page or a worker can be told to do. */
const SCRIPT = `
  import { indexedDbOutbox, Publisher } from '@tidings/client/publisher';
  globalThis.isPage = typeof document === 'object';
  globalThis.open = () => (globalThis.publisher = new Publisher('/', { store: indexedDbOutbox('shop'), retry: { initialMs: 5, maxMs: 5 } }));
  globalThis.publishAll = (from, to) =>
    Promise.all(Array.from({ length: to - from }, (_, at) => publisher.publish('a', { data: from + at })));
  globalThis.acceptAll = async (from, to) => {
    for (let data = from; data < to; data++) {
      const publication = publisher.publish('a', { data });
      publication.catch(() => {});
      await publication.accepted;
    }
  };
  if (isPage) globalThis.isReady = true;
  else {
    open();
    postMessage(await publishAll(100, 110));
    await publisher.close();
  }
`;

interface PageGlobals {
  isReady?: boolean;
  publisher: {
    publish(topic: string, event: { data: unknown }): Promise<string> & { accepted: Promise<void> };
    flush(): Promise<void>;
    close(): Promise<void>;
  };
  open(): void;
  publishAll(from: number, to: number): Promise<string[]>;
  acceptAll(from: number, to: number): Promise<void>;
}

const count = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

describe.each(BROWSERS)('a publisher in %s', (name) => {
  let script: string;
  let browser: Browser;

  beforeAll(async () => {
    if (isMissing(name)) return;
    script = await bundleScript(SCRIPT);
    browser = await startBrowser(name);
  });

  afterAll(async () => {
    await browser?.close();
  });

  async function openPage(hub: StandInHub): Promise<Page> {
    hub.script = script;
    const page = await browser.newPage();
    await page.goto(hub.url);
    await ready(page);
    return page;
  }

  async function ready(page: Page): Promise<void> {
    await page.waitForFunction(() => (globalThis as unknown as PageGlobals).isReady, { polling: 50 });
  }

  test.skipIf(isMissing(name))(
    'publishes once and in order what was accepted before the page was left, and then what is new',
    async () => {
      const hub = await StandInHub.start();
      const page = await openPage(hub);
      hub.fault = () => 'lose-answer';
      await page.evaluate(async () => {
        const globals = globalThis as unknown as PageGlobals;
        globals.open();
        await globals.acceptAll(0, 50);
      });
      while (hub.requests.length === 0) await new Promise(setImmediate);
      await page.reload();
      await ready(page);
      hub.fault = () => undefined;
      const ids = await page.evaluate(() => {
        const globals = globalThis as unknown as PageGlobals;
        globals.open();
        return globals.publishAll(50, 60);
      });
      expect(hub.data).toEqual(count(0, 60));
      expect(ids).toEqual(count(51, 61).map((n) => `e.${n}`));
      await page.close();
    },
  );

  test.skipIf(isMissing(name))(
    'reports the refusal of an event of an earlier run once its database has forgotten the event',
    async () => {
      const hub = await StandInHub.start();
      const page = await openPage(hub);
      hub.fault = () => 'lose-request';
      await page.evaluate(async () => {
        const globals = globalThis as unknown as PageGlobals;
        globals.open();
        const publication = globals.publisher.publish('a', { data: 'bad' });
        publication.catch(() => {});
        await publication.accepted;
      });
      await page.reload();
      await ready(page);
      hub.fault = () => undefined;
      const order = await page.evaluate(
        () =>
          new Promise((resolve) => {
            const seen: string[] = [];
            const { prototype } = IDBDatabase;
            const begin = prototype.transaction;
            prototype.transaction = function (...parameters) {
              const transaction = begin.apply(this, parameters);
              const [, mode] = parameters;
              if (mode === 'readwrite') transaction.addEventListener('complete', () => seen.push('written'));
              return transaction;
            };
            addEventListener('error', ({ error }) => {
              seen.push((error as { problem: string }).problem);
              resolve(seen);
            });
            (globalThis as unknown as PageGlobals).open();
          }),
      );
      // What is about to be sent, and then what is settled.
      expect(order).toEqual(['written', 'written', 'invalid-event']);
      await page.close();
    },
  );

  test.skipIf(isMissing(name))('has its outbox alone among the tabs, until it is closed', async () => {
    const hub = await StandInHub.start();
    const [first, second] = [await openPage(hub), await openPage(hub)];
    const flush = (): Promise<string> => {
      const page = globalThis as unknown as PageGlobals;
      page.open();
      return page.publisher.flush().then(
        () => 'open',
        (error: unknown) => (error as Error).message,
      );
    };
    expect(await first.evaluate(flush)).toBe('open');
    expect(await second.evaluate(flush)).toBe(
      'could not open the store: tidings-outbox:shop is in use by another publisher of this origin, only one at a time may have it',
    );
    await first.evaluate(() => (globalThis as unknown as PageGlobals).publisher.close());
    expect(await second.evaluate(flush)).toBe('open');
    await first.close();
    await second.close();
  });

  test.skipIf(isMissing(name))('publishes from a worker', async () => {
    const hub = await StandInHub.start();
    const page = await openPage(hub);
    const ids = await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker('/script.js', { type: 'module' });
          worker.addEventListener('message', ({ data }) => resolve(data));
          worker.addEventListener('error', ({ message }) => reject(new Error(message)));
        }),
    );
    expect(ids).toEqual(count(1, 11).map((n) => `e.${n}`));
    expect(hub.data).toEqual(count(100, 110));
    await page.close();
  });
});

test.skipIf(isMissing('chromium'))(
  'what a publisher in a browser has accepted is published once and in order by the next one, when the browser was killed',
  async () => {
    const hub = await StandInHub.start();
    hub.script = await bundleScript(SCRIPT);
    const profile = folder({});
    const start = async (): Promise<{ browser: Browser; page: Page }> => {
      const browser = await startBrowser('chromium', { userDataDir: profile });
      onTestFinished(() => browser.close());
      const page = await browser.newPage();
      await page.goto(hub.url);
      await page.waitForFunction(() => (globalThis as unknown as PageGlobals).isReady, { polling: 50 });
      return { browser, page };
    };
    hub.fault = () => 'lose-answer';
    const first = await start();
    await first.page.evaluate(async () => {
      const globals = globalThis as unknown as PageGlobals;
      globals.open();
      await globals.acceptAll(0, 50);
    });
    while (hub.requests.length === 0) await new Promise(setImmediate);
    const killed = first.browser.process()!;
    const gone = once(killed, 'exit');
    killed.kill('SIGKILL');
    await gone;
    hub.fault = () => undefined;
    const next = await start();
    const ids = await next.page.evaluate(() => {
      const globals = globalThis as unknown as PageGlobals;
      globals.open();
      return globals.publishAll(50, 60);
    });
    expect(hub.data).toEqual(count(0, 60));
    expect(ids).toEqual(count(51, 61).map((n) => `e.${n}`));
  },
);
