import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../browser.ts';
import { RestartableHub } from './hub.ts';
import { connected } from './watchers.ts';

interface Listening {
  source: EventSource;
  got: [type: string, data: string][];
}

type Globals = typeof globalThis & { listening: Listening };

/** Listens with the browser's own EventSource, and keeps what it is given. */
async function listen(page: Page, path: string): Promise<void> {
  await page.evaluate(async (where) => {
    const source = new EventSource(where);
    const received: Listening['got'] = [];
    for (const type of ['message', 'tidings-gap', 'tidings-closed']) {
      source.addEventListener(type, ({ data }) => received.push([type, String(data)]));
    }
    (globalThis as Globals).listening = { source, got: received };
    await new Promise((resolve) => source.addEventListener('open', resolve, { once: true }));
  }, path);
}

async function got(page: Page, count: number): Promise<Listening['got']> {
  await page.waitForFunction((least) => (globalThis as Globals).listening.got.length >= least, { polling: 50 }, count);
  return page.evaluate(() => (globalThis as Globals).listening.got);
}

/** Presses a button, wherever it moves to while the page is still laid out. */
async function press(page: Page, selector: string): Promise<void> {
  await page.$eval(selector, (button) => (button as HTMLElement).click());
}

async function ask(hub: RestartableHub, method: string, path: string, body?: string): Promise<void> {
  const response = await fetch(`${hub.url}${path}`, { method, ...(body === undefined ? {} : { body }) });
  expect(response.status).toBe(200);
}

describe.each(BROWSERS)('in %s', (name) => {
  let browser: Browser | undefined;

  beforeAll(async () => {
    if (!isMissing(name)) browser = await startBrowser(name);
  });

  afterAll(() => browser?.close());

  async function open(): Promise<{ hub: RestartableHub; page: Page }> {
    const hub = await RestartableHub.make();
    await hub.start();
    const page = await browser!.newPage();
    onTestFinished(() => page.close());
    await page.goto(hub.url);
    return { hub, page };
  }

  test.skipIf(isMissing(name))('a plain EventSource is stopped by a topic that is closed', async () => {
    const { hub, page } = await open();
    await listen(page, '/topics/jobs/7');
    await ask(hub, 'POST', '/topics/jobs/7', 'one');
    await ask(hub, 'POST', '/topics/jobs/7?close', '');
    await page.waitForFunction(() => (globalThis as Globals).listening.source.readyState === 2, { polling: 50 });
    expect(await got(page, 2)).toEqual([
      ['message', 'one'],
      ['tidings-closed', '{"reason":"closed"}'],
    ]);
    await page.evaluate(() => {
      (globalThis as Globals).listening.source = new EventSource('/topics/jobs/7');
    });
    await page.waitForFunction(() => (globalThis as Globals).listening.source.readyState === 2, { polling: 50 });
  });

  test.skipIf(isMissing(name))(
    'a plain EventSource is told the gap of a topic that is deleted, and goes on',
    async () => {
      const { hub, page } = await open();
      await listen(page, '/topics/logs');
      await ask(hub, 'POST', '/topics/logs', 'one');
      await got(page, 1);
      await ask(hub, 'DELETE', '/topics/logs');
      await ask(hub, 'POST', '/topics/logs', 'two');
      const [first, gap, second] = await got(page, 3);
      expect([first, second]).toEqual([
        ['message', 'one'],
        ['message', 'two'],
      ]);
      expect([gap![0], JSON.parse(gap![1])]).toEqual(['tidings-gap', expect.objectContaining({ reason: 'deleted' })]);
    },
  );

  test.skipIf(isMissing(name))('the hub’s page closes a topic and shows it as closed, and deletes it', async () => {
    const { hub, page } = await open();
    await ask(hub, 'POST', '/topics/jobs', 'one');
    page.on('dialog', (dialog) => void dialog.accept());
    await page.goto(`${hub.url}/#/t/jobs`);
    await connected(page);
    await page.waitForSelector('#events > li');
    await press(page, '#close-topic');
    // The list of topics may tell it before the stream does.
    await page.waitForSelector('#closed');
    await page.waitForFunction(
      () => document.querySelector('#connection')?.textContent?.includes('This topic is closed') === true,
      { polling: 50 },
    );
    expect(await page.$('#close-topic')).toBeNull();
    await page.reload();
    await page.waitForSelector('#closed');
    // The list may tell that it is closed before its events have come.
    await page.waitForFunction(() => document.querySelectorAll('#events > li').length === 2, { polling: 50 });
    await press(page, '#delete-topic');
    await page.waitForFunction(() => location.hash === '#/', { polling: 50 });
    const { headers } = await fetch(`${hub.url}/topics/jobs`, { method: 'HEAD' });
    expect(headers.get('tidings-state')).toBe('unknown');
  });
});
