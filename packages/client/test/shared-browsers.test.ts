import type { Browser, BrowserContext, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../../../test/browser.ts';
import { contentProcessOf } from './content-process.ts';
import { ReplayingServer } from './replaying-server.ts';
import { bundleScript } from './browser-bundle.ts';

/** A process for each tab, so that one can crash alone. */
const APART = {
  chromium: { args: ['--renderer-process-limit=100'] },
  firefox: { extraPrefsFirefox: { 'dom.ipc.processCount': 20, 'dom.ipc.processCount.webIsolated': 20 } },
};

/** What a tab does: it listens as its query says, and keeps what it got. */
const SCRIPT = `
  import { subscribe } from '@tidings/client';
  const query = new URL(location.href).searchParams;
  const got = (globalThis.got = []);
  const speed = Number(query.get('speed') ?? 1);
  globalThis.hold = Promise.resolve();
  globalThis.subscription = subscribe(query.get('stream') ?? '/stream', {
    shared: true,
    lastEventId: query.get('since') ?? '',
    maxQueuedEvents: Number(query.get('queue') ?? 1000),
    onState: (state) => (globalThis.phase = state.phase),
    clock: {
      now: () => performance.now() * speed,
      time: Date.now,
      random: Math.random,
      setTimeout: (callback, ms) => setTimeout(callback, ms / speed),
      clearTimeout: (timer) => clearTimeout(timer),
    },
  });
  for await (const event of globalThis.subscription) {
    got.push(Number(event.data));
    await globalThis.hold;
  }
`;

interface TabGlobals {
  got: number[];
  phase?: string;
  hold: Promise<void>;
  release: () => void;
  subscription: { close(): void; readonly lastEventId: string };
}

describe.each(BROWSERS)('tabs of %s', (name) => {
  let script: string;
  let browser: Browser;
  let context: BrowserContext;
  let server: ReplayingServer;
  let tabs: Map<string, Page>;

  beforeAll(async () => {
    if (isMissing(name)) return;
    script = await bundleScript(SCRIPT);
    browser = await startBrowser(name, APART[name]);
  });

  afterAll(async () => {
    await browser?.close();
  });

  beforeEach(async () => {
    if (isMissing(name)) return;
    context = await browser.createBrowserContext();
    server = await ReplayingServer.listen(script);
    tabs = new Map();
  });

  afterEach(async () => {
    await context?.close();
    await server?.[Symbol.asyncDispose]();
  });

  async function open(tab: string, query = ''): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${server.origin}/page?tab=${tab}${query}`);
    tabs.set(tab, page);
    return page;
  }

  async function openTen(): Promise<void> {
    for (let tab = 0; tab < 10; tab++) await open(`${tab}`);
    for (const page of tabs.values()) {
      await page.waitForFunction(() => (globalThis as unknown as TabGlobals).phase === 'open', { polling: 50 });
    }
  }

  /** Waits until a tab has the last event, then tells what it got. */
  async function gotBy(page: Page): Promise<number[]> {
    const last = server.published;
    await page.waitForFunction(
      (event) => (globalThis as unknown as TabGlobals).got.at(-1) === event,
      { polling: 50 },
      last,
    );
    return page.evaluate(() => (globalThis as unknown as TabGlobals).got);
  }

  async function expectAll(first: number): Promise<void> {
    const all = Array.from({ length: server.published - first + 1 }, (_, index) => first + index);
    for (const [tab, page] of tabs) expect(await gotBy(page), `tab ${tab}`).toEqual(all);
  }

  /** The tab that has the connection, once no other has one of its own to catch up by. */
  async function leader(): Promise<string> {
    await server.listened(1);
    return server.listeners[0]!;
  }

  test.skipIf(isMissing(name))(
    'listen over one connection, ten of them on HTTP/1.1, and each gets everything',
    async () => {
      await openTen();
      server.publish(50);
      await expectAll(1);
      expect(server.listeners).toHaveLength(1);
      expect(server.asked).toBe(1);
      server.breakOff();
      server.publish(10);
      await expectAll(1);
      expect(server.asked).toBe(2);
    },
  );

  test.skipIf(isMissing(name))('lose and double nothing when the leading one is closed, again and again', async () => {
    await openTen();
    for (let turn = 0; turn < 4; turn++) {
      server.publish(20);
      const leading = await leader();
      const page = tabs.get(leading)!;
      tabs.delete(leading);
      await page.close();
      server.publish(20);
      await expectAll(1);
    }
  });

  test.skipIf(isMissing(name))('lose and double nothing when the leading one crashes', async () => {
    await openTen();
    server.publish(20);
    const leading = await leader();
    const timer = setInterval(() => server.publish(1), 5);
    const page = tabs.get(leading)!;
    tabs.delete(leading);
    if (name === 'firefox') process.kill(await contentProcessOf(page, browser.process()!.pid!), 'SIGKILL');
    else void page.goto('chrome://crash').catch(() => {});
    await server.relayed(leading);
    clearInterval(timer);
    await expectAll(1);
    expect(tabs.size).toBe(9);
    expect(await leader()).not.toBe(leading);
  });

  test.skipIf(isMissing(name))('lose and double nothing when the leading one hangs, nor when it goes on', async () => {
    // A leader that has been silent for ten seconds is asked, and is taken to hang after ten more. Here it is two and two.
    for (let tab = 0; tab < 4; tab++) await open(`${tab}`, '&speed=5');
    for (const page of tabs.values()) {
      await page.waitForFunction(() => (globalThis as unknown as TabGlobals).phase === 'open', { polling: 50 });
    }
    server.publish(20);
    await expectAll(1);
    const leading = await leader();
    const page = tabs.get(leading)!;
    tabs.delete(leading);
    const renderer = await contentProcessOf(page, browser.process()!.pid!);
    process.kill(renderer, 'SIGSTOP');
    try {
      server.publish(20);
      await server.listened(2);
      server.publish(20);
      await expectAll(1);
    } finally {
      process.kill(renderer, 'SIGCONT');
    }
    tabs.set(leading, page);
    expect(await leader()).not.toBe(leading);
    server.publish(20);
    await expectAll(1);
  });

  test.skipIf(isMissing(name))('that come late get what they are entitled to', async () => {
    await open('first');
    await server.listened(1);
    server.publish(400);
    await gotBy(tabs.get('first')!);
    const now = await open('now');
    const remembered = await open('remembered', '&since=390');
    const forgotten = await open('forgotten', '&since=5');
    await now.waitForFunction(() => (globalThis as unknown as TabGlobals).subscription.lastEventId === '400', {
      polling: 50,
    });
    server.publish(10);
    expect((await gotBy(now))[0]).toBe(401);
    expect(await gotBy(remembered)).toEqual(Array.from({ length: 20 }, (_, index) => 391 + index));
    expect(await gotBy(forgotten)).toEqual(Array.from({ length: 405 }, (_, index) => 6 + index));
    await server.listened(1);
  });

  test.skipIf(isMissing(name))('that are slow hold up no other, and get everything in the end', async () => {
    await open('fast');
    const slow = await open('slow', '&queue=5');
    for (const page of tabs.values()) {
      await page.waitForFunction(() => (globalThis as unknown as TabGlobals).phase === 'open', { polling: 50 });
    }
    await slow.evaluate(() => {
      const globals = globalThis as unknown as TabGlobals;
      globals.hold = new Promise((resolve) => {
        globals.release = resolve;
      });
    });
    server.publish(500);
    await gotBy(tabs.get('fast')!);
    expect(await slow.evaluate(() => (globalThis as unknown as TabGlobals).got.length)).toBeLessThan(500);
    await slow.evaluate(() => (globalThis as unknown as TabGlobals).release());
    await slow.waitForFunction(() => (globalThis as unknown as TabGlobals).got.length > 5, { polling: 50 });
    server.publish(1);
    await expectAll(1);
  });
});
