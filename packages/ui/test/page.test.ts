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
    // One for all tests, each of which is at an origin of its own: a new page takes more of the machine than most tests.
    page = await browser.newPage();
    // What the last test has left in it is no concern of this one.
    const isHere = (): boolean => page.url().startsWith(hub.url);
    page.on('pageerror', (error) => {
      if (isHere()) faults.push(String(error));
    });
    page.on('request', (request) => {
      const url = request.url();
      if (isHere() && !url.startsWith(hub.url) && !url.startsWith('data:')) faults.push(url);
    });
  });

  afterAll(async () => {
    await browser?.close();
    await hub?.breakOff();
  });

  beforeEach(async () => {
    const next = new FakeHub();
    // While the last one has its port, so that this one gets another.
    await next.open();
    await hub?.breakOff();
    hub = next;
    // A tab of another test may have been in front.
    await page.bringToFront();
    await page.setViewport({ width: 1280, height: 800 });
    faults = [];
  });

  afterEach(() => {
    page.removeAllListeners('dialog');
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
      { polling: 50 },
      selector,
      text,
    );
  }

  const expectConnection = (text: string): Promise<void> => expectText('#connection', text);

  async function expectRows(ids: readonly string[]): Promise<void> {
    await page.waitForFunction(
      (count) => document.querySelectorAll('#events > li').length >= count,
      { polling: 50 },
      ids.length,
    );
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
    await page.waitForFunction(() => document.querySelector('#empty') === null, { polling: 50 });
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
    await page.waitForFunction(() => document.querySelectorAll('#topics > li').length === 1, { polling: 50 });
    expect(await page.$eval('#topics [data-topic]', (link) => (link as HTMLElement).dataset['topic'])).toBe(
      'sensors/room 7',
    );
  });

  test('the list says which topics are closed, and which are leased', async () => {
    hub.states.set('done', { state: 'closed' }).set('jobs/7', { leased: true });
    for (const topic of ['done', 'jobs/7', 'news']) hub.append(topic, '1');
    await openTopic('jobs/7');
    const stateOf = (topic: string): Promise<string[]> =>
      page.$$eval(`#topics [data-topic="${topic}"] [data-count="state"]`, (spans) =>
        spans.map(({ textContent }) => textContent ?? ''),
      );
    await page.waitForSelector('#topics [data-topic="news"]');
    expect(await Promise.all(['done', 'jobs/7', 'news'].map(stateOf))).toEqual([['closed'], ['leased'], []]);
    await expectText('.kept', '1 event kept, 1 listener, leased by its producer');
  });

  const stateOfPage = (): Promise<{ connection: string; hasForm: boolean; offers: string[] }> =>
    page.evaluate(() => ({
      connection: document.querySelector('#connection')?.textContent ?? '',
      hasForm: document.querySelector('#publish-form')?.checkVisibility() === true,
      offers: [...document.querySelectorAll('.manage button')].map(({ textContent }) => textContent ?? ''),
    }));

  /** Notes what the page says of its connection from now on, as a person would see it. */
  async function noteConnection(): Promise<() => Promise<string[]>> {
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(globalThis, { said });
      const note = (): void => {
        const text = document.querySelector('#connection p')?.textContent ?? '';
        if (said.at(-1) !== text) said.push(text);
      };
      note();
      new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    return () => page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
  }

  test.each(['tidings-closed', 'done'])(
    'a topic that ends with %s while it is shown is closed at once, and no trouble',
    async (final) => {
      const ids = [hub.append('news', 'one')];
      await openTopic('news');
      await expectRows(ids);
      // By the end of the stream alone.
      hub.isListHeld = true;
      const said = await noteConnection();
      ids.push(hub.finish('news', final));
      await expectConnection('This topic is closed');
      await expectRows(ids);
      expect(await said()).toEqual(['Connected', 'This topic is closed']);
      expect(await stateOfPage()).toEqual({
        connection: 'This topic is closed',
        hasForm: false,
        offers: ['Delete'],
      });
    },
  );

  test('the end of a topic is no trouble either if only the next attempt tells it', async () => {
    const ids = [hub.append('news', 'one')];
    await openTopic('news');
    await expectRows(ids);
    [hub.isListHeld, hub.answersHead] = [true, false];
    const said = await noteConnection();
    hub.finish('news');
    await expectConnection('This topic is closed');
    expect(await said()).toEqual(['Connected', 'This topic is closed']);
  });

  test('a hub that ends the stream of a topic that goes on is told as ever', async () => {
    hub.append('news', 'one');
    await openTopic('news');
    await page.waitForSelector('#events > li');
    const said = await noteConnection();
    hub.endStreams('news');
    await expectConnection('Reconnected');
    expect((await said())[1]).toContain('The hub has ended this stream. Trying again');
  });

  test('a topic that is closed already is shown as closed, without trouble, and without ways to publish', async () => {
    const ids = [hub.append('news', 'one'), hub.finish('news')];
    await page.goto(hub.url);
    await page.waitForSelector('#topics [data-topic="news"]');
    const said = await noteConnection();
    await page.click('#topics [data-topic="news"]');
    await expectConnection('This topic is closed');
    await expectRows(ids);
    for (const text of await said()) expect(['Connected', 'Connecting…', 'This topic is closed']).toContain(text);
    expect(await stateOfPage()).toMatchObject({ hasForm: false, offers: ['Delete'] });
    await expectText('#closed', 'This topic is closed. Nothing can be published to it.');
    await expectText('#events > li:last-child', 'The topic was closed.');
    await page.click('.connect summary');
    expect(await page.$$eval('.connect figcaption', (titles) => titles.map(({ textContent }) => textContent))).toEqual([
      'Listen with curl',
      'Listen from a page',
    ]);
  });

  test('a closed topic with none of the events that are asked for says so', async () => {
    hub.append('news', 'one');
    hub.finish('news');
    await page.goto(`${hub.url}#/t/news`);
    await expectConnection('This topic is closed');
    await type('#type-filter', 'never');
    await page.keyboard.press('Enter');
    await expectText('.feed-note', 'No event of the type never here.');
    expect(await page.$eval('.feed-note', ({ textContent }) => textContent)).not.toContain('yet');
    await expectConnection('This topic is closed');
  });

  test('a closed topic that is deleted and made anew goes on, and the gap is told', async () => {
    const first = hub.append('news', 'one');
    const final = hub.finish('news');
    await page.goto(`${hub.url}#/t/news`);
    await expectConnection('This topic is closed');
    await expectRows([first, final]);
    hub.remove('news');
    await expectText('#events [data-gap="deleted"]', 'The topic was deleted, and its events are gone from the hub.');
    await expectConnection('Connected');
    expect(await stateOfPage()).toMatchObject({ hasForm: true, offers: [] });
    const next = hub.append('news', 'two');
    await page.waitForSelector(`#events > li[data-id="${next}"]`);
    expect(await stateOfPage()).toMatchObject({ connection: 'Connected', hasForm: true, offers: ['Close', 'Delete'] });
  });

  test('a closed topic that is made anew between two lists is shown, also if it is closed again', async () => {
    hub.append('news', 'one', { time: '2026-01-01T00:00:00.000Z' });
    hub.finish('news');
    await page.goto(`${hub.url}#/t/news`);
    await expectConnection('This topic is closed');
    await page.waitForSelector('#topics [data-topic="news"]');
    hub.isListHeld = true;
    hub.remove('news');
    hub.append('news', 'two');
    hub.isListHeld = false;
    const final = hub.finish('news', 'done', 'really');
    await page.waitForSelector(`#events > li[data-id="${final}"]`);
    await expectConnection('This topic is closed');
    expect(await page.$('#events [data-gap="deleted"]')).not.toBeNull();
  });

  test('a click on the open topic in the list asks for it again', async () => {
    hub.append('news', 'one');
    hub.finish('news');
    await page.goto(`${hub.url}#/t/news`);
    await expectConnection('This topic is closed');
    await page.waitForSelector('#topics [data-topic="news"]');
    hub.isListHeld = true;
    hub.remove('news');
    const next = hub.append('news', 'two');
    await page.click('#topics [data-topic="news"]');
    await page.waitForSelector(`#events > li[data-id="${next}"]`);
    await expectConnection('Connected');
  });

  test('a leased topic offers nothing that only its producer can do', async () => {
    hub.states.set('jobs/7', { leased: true });
    hub.append('jobs/7', '1');
    await openTopic('jobs/7');
    await expectText('#leased', 'This topic is leased: only its producer can publish to it.');
    expect(await stateOfPage()).toMatchObject({ hasForm: false, offers: ['Delete'] });
    // The lease is given back.
    hub.states.delete('jobs/7');
    hub.append('jobs/7', '2');
    await page.waitForFunction(() => document.querySelector('#leased') === null, { polling: 50 });
    expect(await stateOfPage()).toMatchObject({ hasForm: true, offers: ['Close', 'Delete'] });
    // It is leased anew before the list says so.
    hub.nextProblem = { status: 409, name: 'lease-lost', detail: 'send the token as Tidings-Lease' };
    await type('#publish-data', 'mine');
    await page.click('#publish-send');
    await expectText('#publish-answer', 'This topic is leased: only its producer can publish to it.');
  });

  test('a topic that is leased without an event offers nothing that only its producer can do, until the lease is over', async () => {
    const leasedUntil = new Date(Date.now() + 2000).toISOString();
    hub.heads.set('jobs/8', { 'Tidings-State': 'open', 'Tidings-Leased-Until': leasedUntil });
    await openTopic('jobs/8');
    await expectText('#leased', 'This topic is leased: only its producer can publish to it.');
    expect(await stateOfPage()).toMatchObject({ hasForm: false, offers: ['Delete'] });
    hub.heads.set('jobs/8', { 'Tidings-State': 'open' });
    await page.waitForFunction(() => document.querySelector('#leased') === null, { polling: 50 });
    expect(await stateOfPage()).toMatchObject({ hasForm: true, offers: ['Close', 'Delete'] });
  });

  test('a topic that keeps the latest says so, and marks what newer events have replaced', async () => {
    hub.heads.set('rates', { 'Tidings-State': 'open', 'Tidings-Keep': 'latest' });
    hub.append('rates', '1', { key: 'USD' });
    hub.append('rates', '2', { key: 'EUR' });
    await openTopic('rates');
    await expectText('.kept', '2 events kept, the latest of each key, 1 listener');
    const newer = hub.append('rates', '3', { key: 'USD' });
    await page.waitForSelector(`#events > li[data-id="${newer}"]`);
    const marks = await page.$$eval('#events > li', (rows) =>
      rows.map((row) => row.querySelector('.note')?.textContent ?? ''),
    );
    expect(marks).toEqual(['replaced', '', '']);
  });

  test('the open topic is in sight in a long list', async () => {
    for (let n = 0; n < 60; n += 1) hub.append(`topic-${n}`, 'x');
    await openTopic('topic-0');
    await page.waitForSelector('#topics [aria-current]');
    const isInSight = (): boolean => {
      const { top, bottom } = document.querySelector('#topics [aria-current]')!.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    };
    await expect.poll(() => page.evaluate(isInSight)).toBe(true);
  });

  test('keys of events are shown, also of those that were forgotten, and can be published with', async () => {
    hub.append('rates', '1.08', { key: 'USD' });
    hub.append('rates', '{"key":"USD"}', { key: 'USD', forget: true, type: 'tidings-forgotten' });
    await openTopic('rates');
    await expectText('#events > li:first-child .key', 'key USD');
    await expectText('#events > li:last-child .key', 'forgets key USD');
    await expectText('#events > li:last-child .said', 'The key USD was forgotten.');
    await type('#publish-data', '0.85');
    await type('#publish-key', 'GBP');
    await page.click('#publish-send');
    await expectText('#events > li:last-child .key', 'key GBP');
  });

  test('an unknown topic offers nothing to close or to delete', async () => {
    hub.append('news', 'one');
    await openTopic('nonexistent');
    await page.waitForSelector('#topics [data-topic="news"]');
    expect(await stateOfPage()).toMatchObject({ hasForm: true, offers: [] });
    hub.append('nonexistent', 'now it is');
    await page.waitForSelector('#delete-topic');
  });

  test('a topic is deleted after a question, and a delete that finds nothing says so', async () => {
    page.once('dialog', (dialog) => {
      // While it asks, the page cannot hear that somebody else deletes the topic.
      hub.remove('news');
      void dialog.accept();
    });
    hub.append('news', 'one');
    await openTopic('news');
    await page.waitForSelector('#topics [data-topic="news"]');
    hub.isListHeld = true;
    await page.click('#delete-topic');
    await expectText('#manage-answer', 'Nothing to delete: the hub has no such topic.');
    await page.waitForSelector('#events [data-gap="deleted"]');
    page.once('dialog', (dialog) => void dialog.accept());
    hub.append('news', 'two');
    await page.waitForSelector('#delete-topic');
    await page.click('#delete-topic');
    await page.waitForSelector('.start-view');
  });

  test('a topic that is deleted while it is open offers nothing to close or to delete until it has an event', async () => {
    const ids = [hub.append('news', 'one')];
    await openTopic('news');
    await expectRows(ids);
    await page.waitForSelector('#topics [data-topic="news"]');
    // The list is the last to tell.
    hub.isListHeld = true;
    hub.remove('news');
    await page.waitForSelector('#events [data-gap="deleted"]');
    const said = await page.$eval('#events [data-gap]', ({ textContent }) => textContent);
    expect(said).toBe('The topic was deleted, and its events are gone from the hub.');
    expect(await stateOfPage()).toMatchObject({ hasForm: true, offers: [] });
    // A filter starts the feed anew.
    await type('#type-filter', 'message');
    hub.isListHeld = false;
    hub.append('other', 'x');
    await page.waitForFunction(() => document.querySelector('#topics [data-topic="news"]') === null, { polling: 50 });
    await page.keyboard.press('Enter');
    await expectText('.feed-note', 'No event of the type message here yet.');
    expect(await stateOfPage()).toMatchObject({ offers: [] });
    hub.append('news', 'two');
    await page.waitForSelector('#delete-topic');
    expect(await stateOfPage()).toMatchObject({ offers: ['Close', 'Delete'] });
  });

  const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2lnbmF0dXJl';

  /** Opens a page of the hub, and gives it a key or token. */
  async function enter(key: string, hash = ''): Promise<void> {
    await page.goto(hub.url + hash);
    await page.waitForSelector('#key-form');
    await type('#key', `${key}\n`);
    await page.waitForSelector('#forget-key');
  }

  test('a token that may not list the topics is told so, and opens them by name', async () => {
    hub.key = 'secret';
    hub.tokens.set(TOKEN, {});
    const id = hub.append('a/b', 'one');
    await enter('secret');
    await page.waitForSelector('#topics [data-topic="a/b"]');
    await page.click('#forget-key');
    await page.waitForSelector('#key-form');
    // What another key may see is not left behind.
    expect(await page.$('#topics [data-topic]')).toBeNull();
    await type('#key', `${TOKEN}\n`);
    await expectText('#no-list', 'This token may not list the topics.');
    await expectText('#forget-key', 'Forget token');
    // It is told once, in the place of the list, and is no alarm.
    await expectConnection('Ready');
    expect(await page.$('#try-now')).toBeNull();
    await type('#open-name', 'a/b\n');
    await expectRows([id]);
    await expectConnection('Connected');
  });

  test('what a token may not do is no longer offered once the hub has said so, until another key is given', async () => {
    page.on('dialog', (dialog) => void dialog.accept());
    hub.key = 'secret';
    hub.tokens.set(TOKEN, { list: true });
    for (const topic of ['news', 'other']) hub.append(topic, 'one');
    await enter(TOKEN, '#/t/news');
    await page.waitForSelector('#delete-topic');
    expect(await stateOfPage()).toMatchObject({ hasForm: true, offers: ['Close', 'Delete'] });
    await type('#publish-data', 'precious');
    await page.click('#publish-send');
    await expectText('#refused', 'This token may not publish to this topic or close it.');
    expect(await stateOfPage()).toMatchObject({ hasForm: false, offers: ['Delete'] });
    await page.click('#delete-topic');
    await expectText('#manage-answer', 'This token may not delete this topic.');
    expect(await stateOfPage()).toMatchObject({ offers: [] });
    // It may have other rights there.
    await page.click('#topics [data-topic="other"]');
    await expectText('#topic-name', 'other');
    await page.waitForSelector('#close-topic');
    await page.click('#close-topic');
    await expectText('#refused', 'This token may not publish to this topic or close it.');
    expect(await stateOfPage()).toMatchObject({ hasForm: false, offers: ['Delete'] });
    await page.click('#forget-key');
    await page.waitForSelector('#key-form');
    await type('#key', 'secret\n');
    await page.waitForSelector('#close-topic');
    expect(await stateOfPage()).toMatchObject({ hasForm: true, offers: ['Close', 'Delete'] });
    expect(await page.$('#refused')).toBeNull();
  });

  test('a token that may only listen is offered neither to publish, nor to close or delete a topic', async () => {
    hub.key = 'secret';
    hub.tokens.set(TOKEN, { list: true, may: ['listen'] });
    const id = hub.append('news', 'one');
    await enter(TOKEN);
    await expectText('#refused', 'This token may not publish to any topic.');
    expect(await page.$('#publish-form')).toBeNull();
    await page.click('#topics [data-topic="news"]');
    await expectRows([id]);
    await expectText('#refused', 'This token may not publish to this topic or close it.');
    expect(await stateOfPage()).toMatchObject({ hasForm: false, offers: [] });
  });

  test('where everyone may listen, a refused key or token is told and forgotten, and the page goes on', async () => {
    hub.key = 'secret';
    hub.everyoneListens = true;
    const stored = (): Promise<number> => page.evaluate(() => sessionStorage.length);
    const ids = [hub.append('news', 'one')];
    await openTopic('news');
    await type('#publish-data', 'precious');
    await page.click('#publish-send');
    await page.waitForSelector('#key-form');
    await type('#key', 'wrong\n');
    await expectText('#refused-key', 'The hub does not take the key that was given. This hub asks for a key');
    await expectConnection('Connected');
    await expectRows(ids);
    await page.waitForSelector('#topics [data-topic="news"]');
    expect(await stored()).toBe(0);
    await page.reload();
    await expectConnection('Connected');
    expect(await page.$('#refused-key')).toBeNull();

    // One that has been taken may end.
    hub.tokens.set(TOKEN, { list: true, publish: true });
    await page.evaluate((token) => sessionStorage.setItem('tidings-key', token), TOKEN);
    await page.reload();
    await page.waitForSelector('#forget-key');
    await expectConnection('Connected');
    hub.tokens.clear();
    hub.refusal = 'The token has expired (exp)';
    hub.endStreams('news');
    await expectText('#refused-key', 'does not take the token that was given. The token has expired (exp)');
    await expectConnection('Connected');
    ids.push(hub.append('news', 'two'));
    await expectRows(ids);
    expect(await stored()).toBe(0);
    await page.click('#another-key');
    await type('#key', 'secret\n');
    await page.waitForSelector('#forget-key');
    expect(await page.$('#refused-key')).toBeNull();
    await expectConnection('Connected');
  });

  test('a refusal that is not for want of rights leaves the form as it is', async () => {
    await openTopic('news');
    hub.nextProblem = { status: 403, name: 'origin-not-allowed', detail: 'This origin may not publish here' };
    await type('#publish-data', 'x');
    await page.click('#publish-send');
    await expectText('#publish-answer', 'This origin may not publish here');
    expect(await stateOfPage()).toMatchObject({ hasForm: true });
  });

  test('what is offered with a token names a token, and a ticket for a page', async () => {
    hub.key = 'secret';
    hub.tokens.set(TOKEN, { list: true });
    hub.append('news', 'one');
    await enter(TOKEN, '#/t/news');
    await page.waitForSelector('#events > li');
    await page.click('.connect summary');
    await expectText('.key-note', 'TIDINGS_KEY stands for the token that you gave this page');
    await expectText('.connect', `fetch('${hub.url}tickets?match=news', { method: 'POST', headers })`);
    await expectText('.connect', `new EventSource('${hub.url}topics/news?ticket=' + ticket)`);
    expect(await page.$eval('.connect', ({ textContent }) => textContent)).not.toContain(TOKEN);
  });

  test('a ticket is put into what a page listens with, which says until when it is good, and never the key', async () => {
    hub.key = 'secret-to-publish';
    hub.append('news', 'one');
    await enter(hub.key, '#/t/news');
    await page.waitForSelector('#events > li');
    await page.click('.connect summary');
    await page.click('.get-ticket');
    await expectText('.ticket-answer', 'This hub gives no tickets, because it takes no tokens.');
    hub.tickets.push('ticket-1', 'ticket-2');
    hub.ticketMs = 3_600_000;
    await page.click('.get-ticket');
    await expectText('.ticket-snippet pre', `new EventSource('${hub.url}topics/news?ticket=ticket-1');`);
    const said = await page.$eval('.ticket-answer', ({ textContent }) => textContent);
    // Behind midnight the day is named, too.
    expect(said).toMatch(
      /^Use it first by (\d+ \w+ )?[\d:]+\. Then it is good until (\d+ \w+ )?[\d:]+, for one page at a time\.$/,
    );
    hub.ticketMs = 0;
    await page.click('.get-ticket');
    await expectText('.ticket-snippet pre', '?ticket=ticket-2');
    await expectText('.ticket-answer', 'It had to be used first by');
    expect(await page.$eval('.connect', ({ textContent }) => textContent)).not.toContain(hub.key);
    const asked = hub.requests.filter(({ url }) => url === '/tickets?match=news');
    expect(asked.map(({ method, authorization }) => [method, authorization])).toEqual(
      Array.from({ length: 3 }, () => ['POST', `Bearer ${hub.key}`]),
    );
    // Another key has other tickets.
    await page.click('#forget-key');
    await page.waitForSelector('#key-form');
    await type('#key', `${hub.key}\n`);
    await page.waitForSelector('#events > li');
    expect(await page.$eval('.connect', ({ textContent }) => textContent)).not.toContain('ticket-');
  });

  test('why the hub refuses what was given is told beside the form', async () => {
    hub.key = 'secret';
    hub.refusal = 'The token has expired (exp)';
    await page.goto(`${hub.url}#/t/news`);
    await expectText('#key-form', 'This hub asks for a key or token');
    expect(await page.$('#key-form .problem')).toBeNull();
    await type('#key', `${TOKEN}\n`);
    await expectText('#key-form .problem', 'did not take the token that was given. The token has expired (exp)');
    await expectText('.topics', 'The list needs a key or token.');
    await type('#key', 'wrong\n');
    await expectText('#key-form .problem', 'did not take the key that was given. The token has expired (exp)');
  });

  test('what a hub with a key offers to copy names the variable with the key, and for a page how to do without', async () => {
    hub.key = 'secret';
    hub.append('news', 'one');
    await page.goto(`${hub.url}#/t/news`);
    await page.waitForSelector('#key-form');
    await type('#key', 'secret\n');
    await page.waitForSelector('#events > li');
    await page.click('.connect summary');
    await expectText('.connect', 'curl -N -H "Authorization: Bearer $TIDINGS_KEY"');
    await expectText('.connect', '--anonymous listen');
    await expectText('.key-note', 'TIDINGS_KEY stands for the key that you gave this page');
    expect(await page.$eval('.connect', ({ textContent }) => textContent)).not.toContain('secret');
  });

  test('what a hub offers that lets everyone listen has a key where it publishes', async () => {
    hub.key = 'secret';
    hub.everyoneListens = true;
    hub.append('news', 'one');
    await openTopic('news');
    await page.waitForSelector('#events > li');
    await page.click('.connect summary');
    await expectText('.connect', 'curl -H "Authorization: Bearer $TIDINGS_KEY" -d');
    await expectText('.connect', "curl -N 'http");
    await expectText('.key-note', 'TIDINGS_KEY stands for a key or a token of this hub');
  });

  test('on a narrow screen the head of the page stays calm', async () => {
    await page.setViewport({ width: 390, height: 844 });
    hub.key = 'secret';
    const topic = `a/${'very long name '.repeat(60)}`;
    hub.append(topic, 'one');
    await page.goto(`${hub.url}#/t/${encodeURIComponent(topic)}`);
    await page.waitForSelector('#key-form');
    await type('#key', 'secret\n');
    await page.waitForSelector('#events > li');
    const topOf = (selector: string): Promise<number> =>
      page.$eval(selector, (element) => element.getBoundingClientRect().top);
    const lines = (): Promise<number> =>
      page.$eval('#topic-name', (title) => title.clientHeight / Number.parseFloat(getComputedStyle(title).lineHeight));
    // A whole number of lines, the last of which has the ellipsis.
    expect(await lines()).toBeCloseTo(3, 1);
    await page.click('#topic-name');
    expect(await lines()).toBeGreaterThan(3);
    const before = await topOf('#forget-key');
    await hub.breakOff();
    await expectConnection('The hub cannot be reached.');
    expect(await topOf('#forget-key')).toBe(before);
    hub.append(topic, 'two');
    await hub.open();
    // The page may do so by itself before.
    await page.evaluate(() => document.querySelector<HTMLElement>('#try-now')?.click());
    await expectConnection('Reconnected, 1 event caught up');
    expect(await topOf('#forget-key')).toBe(before);
  });

  test('on a narrow screen the id of an event that forgets a key can be read', async () => {
    await page.setViewport({ width: 390, height: 844 });
    const id = `${'m'.repeat(13)}.${'7'.repeat(13)}`;
    hub.append('rates', '{"key":"USD"}', { key: 'USD', forget: true, type: 'tidings-forgotten', id });
    await openTopic('rates');
    const row = `#events > li[data-id="${id}"] .row-head`;
    await page.waitForSelector(row);
    const cut = await page.$$eval(`${row} *`, (parts) =>
      parts
        .filter((part) => part.scrollWidth > part.clientWidth && part.clientWidth > 0)
        .map(({ className }) => className),
    );
    expect(cut).toEqual([]);
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
    await page.waitForFunction(() => document.querySelector('#connection')?.textContent?.startsWith('Paused'), {
      polling: 50,
    });
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
    expect(
      hub.requests.findLast(({ method, url }) => method === 'GET' && url.startsWith('/topics/news'))?.lastEventId,
    ).toBe(ids[2]);
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
    await page.waitForFunction(() => document.querySelectorAll('#events > li').length === 230, { polling: 50 });
    expect(await shownIds()).toEqual(ids);
    await page.waitForFunction(() => document.querySelector('#show-everything') === null, { polling: 50 });
  });

  test('only events of one type are shown when it is chosen, kept ones too, and all of them again after that', async () => {
    for (let index = 1; index <= 300; index += 1)
      hub.append('news', String(index), { type: index % 100 === 0 ? 'rare' : 'often' });
    await openTopic('news');
    await page.waitForSelector('#events > li[data-id="fake1.300"]');
    expect(await page.$$eval('#types option', (options) => options.map(({ value }) => value))).toEqual([
      'often',
      'rare',
    ]);
    await type('#type-filter', 'rare');
    await page.keyboard.press('Enter');
    await expectRows(['fake1.100', 'fake1.200', 'fake1.300']);
    await expectConnection('Connected');
    await expectText('.kept', '3 events shown, 300 of all types kept, 1 listener');
    expect(await page.$('#show-everything')).toBeNull();
    hub.append('news', 'x', { type: 'often' });
    hub.append('news', 'y', { type: 'rare' });
    await page.waitForSelector('#events > li[data-id="fake1.302"]');
    expect(await shownIds()).toEqual(['fake1.100', 'fake1.200', 'fake1.300', 'fake1.302']);
    await page.$eval('#type-filter', (input) => (input as HTMLInputElement).select());
    await page.keyboard.press('Backspace');
    await page.waitForFunction(() => document.querySelectorAll('#events > li').length === 200, { polling: 50 });
    expect((await shownIds()).at(-1)).toBe('fake1.302');
    await type('#type-filter', 'never');
    await page.keyboard.press('Enter');
    await expectText('.feed-note', 'No event of the type never here yet.');
    hub.append('news', 'z', { type: 'never' });
    await expectRows(['fake1.303']);
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
    await page.waitForFunction(
      () => {
        const view = document.querySelector('.feed-view');
        return view !== null && view.scrollHeight - view.scrollTop - view.clientHeight < 40;
      },
      { polling: 50 },
    );
  });

  test('a person who scrolled up stays there until they jump to the newest', async () => {
    for (let index = 0; index < 100; index += 1) hub.append('news', 'x');
    await openTopic('news');
    await page.waitForFunction(() => (document.querySelector('.feed-view')?.scrollTop ?? 0) > 1000, { polling: 50 });
    await page.$eval('.feed-view', (view) => (view.scrollTop -= 800));
    await expectText('#to-newest', 'Jump to newest');
    hub.append('news', 'y');
    await expectText('#to-newest', '1 new event');
    await page.click('#to-newest');
    await page.waitForFunction(
      () => {
        const view = document.querySelector('.feed-view');
        return view !== null && view.scrollHeight - view.scrollTop - view.clientHeight < 40;
      },
      { polling: 50 },
    );
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

  test('no screen needs scrolling to the side, however long names are', async () => {
    // The longest that there can be, as one word and in a script whose characters have three bytes.
    const topics = ['x'.repeat(1024), '漢'.repeat(341)];
    for (const topic of topics) {
      hub.append(topic, `${'y'.repeat(300)}\n{}`, { type: 'z'.repeat(1024), id: 'i'.repeat(1024) });
      hub.append(topic, JSON.stringify({ url: 'u'.repeat(200), list: [{ a: 1 }] }));
    }
    const expectFit = async (): Promise<void> => {
      for (const pixels of [1280, 360]) {
        await page.setViewport({ width: pixels, height: 640 });
        const widths = await page.$$eval('html, main, .feed-view', (elements) =>
          elements.map(({ scrollWidth }) => scrollWidth),
        );
        expect(Math.max(...widths)).toBeLessThanOrEqual(pixels);
      }
    };
    await page.goto(hub.url);
    for (const topic of topics) {
      const link = `#topics [data-topic="${topic}"]`;
      await page.waitForSelector(link);
      await expectFit();
      // One name leaves room for others.
      expect(await page.$eval(link, (element) => element.getBoundingClientRect().height)).toBeLessThan(320);
      await page.click(link);
      await page.waitForSelector(`#events > li[data-id="${'i'.repeat(1024)}"]`);
      await expectFit();
      await page.goto(hub.url);
    }
  });
});
