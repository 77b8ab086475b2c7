import type { Browser, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BROWSERS, startBrowser } from '../../../test/browser.ts';
import { FakeHub } from './fake-hub.ts';

describe.each(BROWSERS)('the page in %s', (name) => {
  let browser: Browser;
  let page: Page;
  let hub: FakeHub;
  let faults: string[];

  beforeAll(async () => {
    browser = await startBrowser(name);
  });

  afterAll(async () => {
    await browser?.close();
  });

  beforeEach(async () => {
    hub = new FakeHub();
    await hub.open();
    page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(hub.url) && !request.url().startsWith('data:')) faults.push(request.url());
    });
  });

  afterEach(async () => {
    await page.close();
    await hub.breakOff();
    if (faults.length > 0) throw new Error(`the page failed or asked another place: ${faults.join(', ')}`);
  });

  async function openTopic(topic: string): Promise<void> {
    await page.goto(`${hub.url}#/t/${encodeURIComponent(topic)}`);
    await expectConnection('Connected');
  }

  /** Waits until an element's text has this in it. */
  async function expectText(selector: string, text: string): Promise<void> {
    await page.waitForFunction(
      (where, what) => document.querySelector(where)?.textContent?.includes(what) === true,
      {},
      selector,
      text,
    );
  }

  const expectConnection = (text: string): Promise<void> => expectText('#connection', text);

  async function expectRows(ids: readonly string[]): Promise<void> {
    await page.waitForFunction((count) => document.querySelectorAll('#events > li').length >= count, {}, ids.length);
    expect(await shownIds()).toEqual(ids);
  }

  async function shownIds(): Promise<string[]> {
    // In the page: `$$eval` makes a handle for each element, which takes seconds for thousands.
    return page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('#events > li')].map((item) => item.dataset['id'] ?? ''),
    );
  }

  async function type(selector: string, text: string): Promise<void> {
    await page.focus(selector);
    await page.keyboard.type(text);
  }

  test('a new hub greets with a line to paste, and the first topic appears by itself', async () => {
    await page.goto(hub.url);
    await expectText('#empty', `curl -d 'Hello' '${hub.url}topics/greetings'`);
    hub.append('greetings', 'Hello');
    await expectText('#topics [data-topic="greetings"]', '1 event');
    hub.append('greetings', 'Hello again');
    await expectText('#topics [data-topic="greetings"]', '2 events');
    await page.waitForFunction(() => document.querySelector('#empty') === null);
  });

  test('a topic opens with its history, goes on live, and the back button leads back', async () => {
    const past = [hub.append('a/b', 'old', { type: 'greeting' }), hub.append('a/b', '{"n":{"m":1}}')];
    await page.goto(hub.url);
    await page.waitForSelector('[data-topic="a/b"]');
    await page.click('[data-topic="a/b"]');
    await expectRows(past);
    expect(new URL(page.url()).hash).toBe('#/t/a%2Fb');
    expect(await page.$eval('#events > li:first-child .type', (element) => element.textContent)).toBe('greeting');
    expect(await page.$eval('#events > li:last-child pre', (element) => element.textContent)).toBe(
      '{\n  "n": { "m": 1 }\n}',
    );
    await expectRows([...past, hub.append('a/b', 'new')]);
    await page.evaluate(() => history.back());
    await page.waitForSelector('.start-view');
  });

  test('many topics are filtered by the words of their names', async () => {
    for (let room = 1; room <= 9; room += 1) hub.append(`sensors/room ${room}`, 'x');
    await page.goto(hub.url);
    await page.waitForSelector('#topic-filter');
    await type('#topic-filter', '7 ROOM');
    await page.waitForFunction(() => document.querySelectorAll('#topics > li').length === 1);
    expect(await page.$eval('#topics [data-topic]', (link) => (link as HTMLElement).dataset['topic'])).toBe(
      'sensors/room 7',
    );
  });

  test('topics that are not in the list are found by how their names begin', async () => {
    for (let room = 1; room <= 20; room += 1) {
      hub.append(`sensors/room ${room}`, 'x', { time: new Date(Date.UTC(2026, 0, room)).toISOString() });
    }
    hub.maxListed = 10;
    await page.goto(hub.url);
    await page.waitForSelector('#topic-filter');
    expect(await page.$$eval('#topics > li', (items) => items.length)).toBe(10);
    await expectText('.topics', 'The filter finds the others');
    await type('#topic-filter', 'sensors/room 1');
    await page.waitForSelector('[data-topic="sensors/room 1"]');
    // 11 to 19 are in the list, 1 and 10 are not.
    expect(await page.$$eval('#topics > li', (items) => items.length)).toBe(11);
    await page.click('[data-topic="sensors/room 1"]');
    await expectText('#topic-name', 'sensors/room 1');
  });

  test('tabs that show the same share one connection, and each has its history and what arrives', async () => {
    const ids = [hub.append('news', 'one')];
    await openTopic('news');
    await expectRows(ids);
    const others = [await browser.newPage(), await browser.newPage()];
    for (const other of others) {
      await other.goto(`${hub.url}#/t/news`);
      await other.waitForSelector(`#events > li[data-id="${ids[0]!}"]`);
      await other.waitForSelector('#topics [data-topic="news"]');
    }
    ids.push(hub.append('news', 'two'));
    // A tab behind others has no frames.
    await page.bringToFront();
    await expectRows(ids);
    for (const other of others) await other.bringToFront();
    for (const other of others) await other.waitForSelector(`#events > li[data-id="${ids[1]!}"]`);
    // The list of topics and the topic.
    await expect.poll(() => hub.listeners).toBe(2);
    for (const other of others) await other.close();
  });

  test('any number of tabs loads, also with a topic each; those that are used listen, and the others wait and miss nothing', async () => {
    const tabs = [page];
    for (let number = 1; number <= 8; number += 1) {
      const tab = number === 1 ? page : await browser.newPage();
      if (number > 1) tabs.push(tab);
      hub.append(`topic ${number}`, 'before');
      await tab.goto(`${hub.url}#/t/${encodeURIComponent(`topic ${number}`)}`);
      await tab.waitForSelector('#events > li');
    }
    // Three topics and the list.
    await expect.poll(() => hub.listeners).toBeLessThanOrEqual(4);
    await page.waitForFunction(() => document.querySelector('#connection')?.textContent?.startsWith('Paused'));
    const missed = hub.append('topic 1', 'while it waits');
    await page.bringToFront();
    await page.evaluate(() => dispatchEvent(new Event('focus')));
    await page.waitForSelector(`#events > li[data-id="${missed}"]`);
    for (const tab of tabs.slice(1)) await tab.close();
  });

  test('a break is told, and what was missed arrives once and in order', async () => {
    const ids = ['one', 'two', 'three'].map((data) => hub.append('news', data));
    await openTopic('news');
    await expectRows(ids);
    await hub.breakOff();
    await expectConnection('The hub cannot be reached. Trying again in');
    for (const data of ['four', 'five']) ids.push(hub.append('news', data));
    await hub.open();
    await expectConnection('Reconnected, 2 events caught up');
    await expectRows(ids);
    ids.push(hub.append('news', 'six'));
    await expectRows(ids);
    expect(await page.$$eval('#events > li.missed', (items) => items.length)).toBe(2);
    expect(hub.requests.findLast(({ url }) => url.startsWith('/topics/news'))?.lastEventId).toBe(ids[2]);
  });

  test('the person may try again at once, also on a topic that nothing was published to', async () => {
    hub.retry = 3_600_000;
    await openTopic('quiet');
    await hub.breakOff();
    await expectConnection('Trying again in 3600 s');
    const missed = hub.append('quiet', 'while away');
    await hub.open();
    await page.click('#try-now');
    await expectConnection('Reconnected, 1 event caught up');
    await expectRows([missed]);
  });

  test('events that are no longer kept are told where they are missing', async () => {
    const first = hub.append('news', 'one');
    await openTopic('news');
    await expectRows([first]);
    await hub.breakOff();
    const away = ['two', 'three', 'four'].map((data) => hub.append('news', data));
    hub.trim(1);
    await hub.open();
    await expectText('#events [data-gap="trimmed"]', `between ${first} and ${away[1]} are no longer kept (trimmed)`);
    await expectRows([first, ...away.slice(1)]);
  });

  test('an event is published from the page with its type and id', async () => {
    await openTopic('news');
    await type('#publish-data', 'from the page');
    await type('#publish-type', 'greeting');
    await type('#publish-id', 'mine');
    await page.click('#publish-send');
    await expectText('#publish-answer', 'Published as mine');
    await expectRows(['mine']);
    expect(await page.$eval('#publish-data', (field) => (field as HTMLTextAreaElement).value)).toBe('');
    await type('#publish-data', 'by the keyboard');
    await page.keyboard.down('Control');
    await page.keyboard.press('Enter');
    await page.keyboard.up('Control');
    await expectRows(['mine', 'fake1.2']);
  });

  test('the start page publishes to a new topic and opens it', async () => {
    await page.goto(hub.url);
    await page.waitForSelector('#empty');
    await type('#publish-topic', 'brand new');
    await type('#publish-data', 'Hello');
    await page.click('#publish-send');
    await expectRows(['fake1.1']);
    expect(await page.$eval('#topic-name', (element) => element.textContent)).toBe('brand new');
  });

  test('a refused event says why and keeps its text', async () => {
    await openTopic('news');
    hub.nextProblem = {
      status: 400,
      name: 'invalid-event',
      detail: 'types that begin with tidings- are the hub’s own',
    };
    await type('#publish-data', 'precious');
    await page.click('#publish-send');
    await expectText('#publish-answer', 'types that begin with tidings- are the hub’s own');
    expect(await page.$eval('#publish-data', (field) => (field as HTMLTextAreaElement).value)).toBe('precious');
  });

  test('a hub with a key asks for it, says when it is wrong and forgets it on request', async () => {
    hub.key = 'secret';
    const id = hub.append('news', 'one');
    await page.goto(`${hub.url}#/t/news`);
    await page.waitForSelector('#key-form');
    await type('#key', 'wrong\n');
    await expectText('#key-form', 'did not take the key');
    await type('#key', 'secret\n');
    await expectRows([id]);
    await page.waitForSelector('#topics [data-topic="news"]');
    await type('#publish-data', 'two');
    await page.click('#publish-send');
    await expectText('#publish-answer', 'Published as');
    expect(hub.requests.findLast(({ method }) => method === 'POST')?.authorization).toBe('Bearer secret');
    await page.click('#forget-key');
    await page.waitForSelector('#key-form');
  });

  test('the newest events are shown at first, and everything kept when asked for', async () => {
    const ids = Array.from({ length: 230 }, (_unused, index) => `fake1.${index + 1}`);
    hub.appendAll(
      'news',
      Array.from({ length: 230 }, (_unused, index) => ({ data: String(index) })),
    );
    await openTopic('news');
    await expectRows(ids.slice(-200));
    await page.waitForSelector('#show-everything');
    await page.click('#show-everything');
    await page.waitForFunction(() => document.querySelectorAll('#events > li').length === 230);
    expect(await shownIds()).toEqual(ids);
    await page.waitForFunction(() => document.querySelector('#show-everything') === null);
  });

  test('thousands of events at once leave the newest 2,000, in order, and the view at the newest', async () => {
    await openTopic('news');
    hub.appendAll(
      'news',
      Array.from({ length: 2500 }, (_unused, index) => ({ data: `{"n":${index}}` })),
    );
    await page.waitForSelector('#events > li[data-id="fake1.2500"]');
    const ids = await shownIds();
    expect(ids).toEqual(Array.from({ length: 2000 }, (_unused, index) => `fake1.${index + 501}`));
    await expectText('.feed-note', '500 older ones were let go of');
    await page.waitForFunction(() => {
      const view = document.querySelector('.feed-view');
      return view !== null && view.scrollHeight - view.scrollTop - view.clientHeight < 40;
    });
  });

  test('a person who scrolled up stays there until they jump to the newest', async () => {
    for (let index = 0; index < 100; index += 1) hub.append('news', 'x');
    await openTopic('news');
    await page.waitForFunction(() => (document.querySelector('.feed-view')?.scrollTop ?? 0) > 1000);
    await page.$eval('.feed-view', (view) => (view.scrollTop -= 800));
    await expectText('#to-newest', 'Jump to newest');
    hub.append('news', 'y');
    await expectText('#to-newest', '1 new event');
    await page.click('#to-newest');
    await page.waitForFunction(() => {
      const view = document.querySelector('.feed-view');
      return view !== null && view.scrollHeight - view.scrollTop - view.clientHeight < 40;
    });
    expect(await page.$('#to-newest')).toBeNull();
  });

  test('a long event is cut until it is opened', async () => {
    hub.append('news', Array.from({ length: 100 }, (_unused, index) => `line ${index}`).join('\n'));
    await openTopic('news');
    await expectText('.data-more', 'Show all: 100 lines');
    expect(await page.$eval('#events pre', (element) => element.textContent)).not.toContain('line 99');
    await page.click('.data-more');
    await expectText('#events pre', 'line 99');
  });

  test('what a publisher sends is shown and never becomes a part of the page', async () => {
    const topic = '<img src=x onerror=alert(1)>';
    hub.append(topic, '{"<b>":"<script>alert(1)</script>"}', { type: '<i>' });
    await openTopic(topic);
    await expectText('#events pre', '<script>alert(1)</script>');
    expect(await page.$('main img, main b, main i, #topics img')).toBeNull();
  });

  test('a narrow screen needs no scrolling to the side', async () => {
    await page.setViewport({ width: 360, height: 640 });
    const topic = `sensors/${'x'.repeat(80)}`;
    hub.append(topic, `${'y'.repeat(300)}\n{}`, { type: 'z'.repeat(80), id: 'i'.repeat(200) });
    hub.append(topic, JSON.stringify({ url: 'u'.repeat(200), list: [{ a: 1 }] }));
    const width = (): Promise<number> =>
      page.$$eval('html, main, .feed-view', (elements) => Math.max(...elements.map(({ scrollWidth }) => scrollWidth)));
    await page.goto(hub.url);
    await page.waitForSelector('#topics [data-topic]');
    expect(await width()).toBeLessThanOrEqual(360);
    await page.click('#topics [data-topic]');
    await page.waitForSelector('#events > li');
    expect(await width()).toBeLessThanOrEqual(360);
  });
});
