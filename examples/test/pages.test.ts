import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, isMissing } from '../../test/browser.ts';
import { CLIENTS, ExampleTab, startExampleBrowser } from './browsers.ts';
import { startAlone, type ExampleProcess } from './example-process.ts';

const NAMES = ['clock', 'start-stop', 'reconnect', 'send-message', 'ping'] as const;

const servers = new Map<string, ExampleProcess>();

beforeAll(async () => {
  await Promise.all(NAMES.map(async (name) => servers.set(name, await startAlone(name))));
});

afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

describe.each(BROWSERS)('in %s', { concurrent: true, timeout: 120_000 }, (name) => {
  let browser: Browser;

  beforeAll(async () => {
    if (!isMissing(name)) browser = await startExampleBrowser(name);
  });

  afterAll(() => browser?.close());

  describe.skipIf(isMissing(name)).each(CLIENTS)('with $client', ({ query }) => {
    const open = (example: (typeof NAMES)[number], path = ''): Promise<ExampleTab> =>
      ExampleTab.openApart(browser, servers.get(example)!.url() + path + query);

    test('clock shows the time, and the next one after the reconnection time', async () => {
      await using tab = await open('clock');
      const lines = await tab.lines(6);
      const events = ['open', 'cur_time', 'message', 'error', 'open', 'cur_time'];
      expect(lines.map((line) => line.split(' ', 1)[0])).toEqual(events);
      expect(lines[3]).toBe('error reconnecting');
      const [first, second] = [lines[1]!, lines[5]!].map((line) => JSON.parse(line.slice('cur_time '.length)).time);
      expect(second - first).toBeGreaterThanOrEqual(9900);
      const [shown, latest] = await tab.page.evaluate(() => {
        const data = [...document.querySelectorAll('[data-event="cur_time"] .text')].at(-1)?.textContent ?? '';
        return [document.querySelector('#cur_time')?.textContent, String(new Date(JSON.parse(data).time))];
      });
      expect(shown).toBe(latest);
    });

    test('start-stop starts and stops, and starts again', async () => {
      await using tab = await open('start-stop');
      expect(await tab.log()).toEqual([]);
      await tab.click('start');
      await tab.follows('open', 'message', 'message');
      expect(await tab.text('box')).toContain('GMT');
      expect(await tab.text('onmessage')).toMatch(/^called \d+ times$/);
      expect(await tab.text('onopen')).toBe('called once');
      expect(await tab.text('onerror')).toBe('never called');
      expect(await tab.text('readyState')).toBe('OPEN (1)');
      expect(await tab.text('url')).toBe(`${servers.get('start-stop')!.url()}currentTime`);
      expect(await tab.text('withCredentials')).toBe('false');
      await tab.click('stop');
      await tab.shows('readyState', 'CLOSED (2)');
      const before = await tab.log();
      expect(before.at(-1)).toBe('close by the page');
      await tab.click('start');
      const lines = await tab.lines(before.length + 2);
      // Nothing came between.
      expect(lines.slice(before.length).map((line) => line.split(' ', 1)[0])).toEqual(['open', 'message']);
    });

    test('start-stop survives a server that is killed and comes back', async () => {
      await using first = await startAlone('start-stop');
      await using tab = await ExampleTab.openApart(browser, first.url() + query);
      await tab.click('start');
      await tab.follows('open', 'message');
      await first.kill();
      await tab.follows('open', 'message', 'error reconnecting');
      await tab.shows('readyState', 'CONNECTING (0)');
      await tab.shows('onerror', 'called');
      await using again = await startAlone('start-stop', { port: first.port });
      expect(again.url()).toBe(first.url());
      await tab.follows('open', 'message', 'error reconnecting', 'open', 'message');
      expect(await tab.text('readyState')).toBe('OPEN (1)');
    });

    test('people shows a name, then an age', async () => {
      await using tab = await open('start-stop', 'people.html');
      expect(await tab.lines(3)).toEqual(['open', 'name Alice', 'age 24']);
      expect(await tab.text('name')).toBe('Alice');
      expect(await tab.text('age')).toBe('24');
      expect(await tab.text('readyState')).toBe('OPEN (1)');
    });

    test('reconnect goes on with the next digits after bye and the break', async () => {
      await using tab = await open('reconnect');
      await tab.click('start');
      expect(await tab.lines(11)).toEqual([
        'open',
        'message 1 id 1',
        'message 2 id 2',
        'message 3 id 3',
        'bye bye-bye id 3',
        'error reconnecting',
        'open',
        'message 4 id 4',
        'message 5 id 5',
        'message 6 id 6',
        'bye bye-bye id 6',
      ]);
    });

    test('reconnect has a chat', async () => {
      await using tab = await open('reconnect');
      await tab.choose('stream', 'chat');
      await tab.click('start');
      await tab.follows('open', 'join Bob', 'message Hello', 'leave Bob');
      expect(await tab.text('readyState')).toBe('OPEN (1)');
    });

    test('reconnect is stopped by 204 and by a wrong type, and led on by redirects', async () => {
      await using tab = await open('reconnect');
      for (const stream of ['stop', 'wrong-type']) {
        await tab.choose('stream', stream);
        const before = await tab.log();
        await tab.click('start');
        const lines = await tab.lines(before.length + 1);
        expect(lines.slice(before.length)).toEqual(['error closed for good']);
        expect(await tab.text('readyState')).toBe('CLOSED (2)');
      }
      for (const stream of ['moved', 'temporary']) {
        await tab.choose('stream', stream);
        const before = await tab.log();
        await tab.click('start');
        const lines = await tab.lines(before.length + 2);
        expect(lines.slice(before.length)).toEqual(['open', 'message 1 id 1']);
        expect(await tab.text('url')).toMatch(new RegExp(`/${stream}$`));
        await tab.click('stop');
        await tab.shows('readyState', 'CLOSED');
      }
    });

    test.for([false, true])('reconnect goes on across origins, with credentials: %s', async (credentials) => {
      await using tab = await open('reconnect');
      await tab.click('other-origin');
      if (credentials) await tab.click('credentials');
      await tab.click('start');
      await tab.follows(
        'open',
        'message 1',
        'message 2',
        'message 3',
        'bye',
        'error reconnecting',
        'open',
        'message 4',
      );
      expect(await tab.text('url')).toBe(`http://localhost:${servers.get('reconnect')!.port}/digits`);
      expect(await tab.text('withCredentials')).toBe(String(credentials));
    });

    test.for([
      [false, 'visit 1'],
      [true, 'visit 2'],
    ] as const)('reconnect counts visits across origins, with credentials: %s, to %s', async (visit) => {
      const [credentials, second] = visit;
      await using tab = await ExampleTab.openApart(browser, servers.get('reconnect')!.url() + query);
      await tab.choose('stream', 'visits');
      await tab.click('other-origin');
      if (credentials) await tab.click('credentials');
      await tab.click('start');
      const visits = ['open', 'message visit 1', 'error reconnecting', 'open', `message ${second}`];
      expect(await tab.lines(5)).toEqual(visits);
    });

    test('send-message shows both events and never the comment, on whatever path', async () => {
      await using tab = await open('send-message', 'any/path');
      await tab.follows('open', 'message', 'myEvent', 'message', 'myEvent');
      expect(await tab.text('message')).toMatch(/^\d{1,2}:\d\d:\d\d/);
      expect(await tab.text('my-event')).toMatch(/, \d{1,2}:\d\d:\d\d/);
      expect((await tab.log()).join('\n')).not.toContain('comment');
    });

    test('ping shows what is mixed in its stream until it is closed', async () => {
      await using tab = await open('ping');
      await tab.follows('open', 'ping', 'userconnect', 'ping', 'message', 'usermessage', 'userdisconnect');
      expect(await tab.text('ping')).toMatch(/^ping at \d{4}-\d\d-\d\dT/);
      await tab.click('close');
      await tab.shows('readyState', 'CLOSED (2)');
      expect((await tab.log()).at(-1)).toBe('close by the page');
    });

    test('ping reaches across origins with credentials', async () => {
      await using tab = await open('ping');
      await tab.click('close');
      await tab.click('other-origin');
      await tab.click('credentials');
      await tab.click('open');
      await tab.follows('close', 'open', 'ping');
      expect(await tab.text('url')).toBe(`http://localhost:${servers.get('ping')!.port}/sse-demo`);
      expect(await tab.text('withCredentials')).toBe('true');
    });
  });
});
