import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, isMissing } from '../../test/browser.ts';
import { startNetwork } from '../../test/network.ts';
import { ANSWER } from '../chat/model.ts';
import { ExampleTab, startExampleBrowser } from './browsers.ts';
import { type ExampleProcess, startAlone } from './example-process.ts';

/** The end of what the stand-in for the model says. */
const END = ANSWER.slice(-30);

const BROKEN = 'The answer broke off';

/** The servers of the chat die in some of the tests, so each has its own. */
const servers = new Map<string, ExampleProcess>();

beforeAll(async () => {
  await Promise.all(
    BROWSERS.filter((name) => !isMissing(name)).map(async (name) => servers.set(name, await startAlone('chat'))),
  );
});

afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

/** Waits until the last answer has a text, and returns all of it. */
async function answerWith({ page }: ExampleTab, text: string): Promise<string> {
  await page.waitForFunction(
    (wanted) => [...document.querySelectorAll('.assistant .text')].at(-1)?.textContent?.includes(wanted) === true,
    { polling: 50 },
    text,
  );
  return await page.$$eval('.assistant .text', (texts) => texts.at(-1)?.textContent ?? '');
}

function answers({ page }: ExampleTab): Promise<string[]> {
  return page.$$eval('.assistant .text', (texts) => texts.map(({ textContent }) => textContent ?? ''));
}

async function roles({ page }: ExampleTab): Promise<string[]> {
  return await page.$$eval('#messages > li', (items) => items.map((item) => item.className));
}

interface ModelCounts {
  readonly underWay: number;
  readonly finished: number;
  readonly aborted: number;
}

async function countsOf(url: string): Promise<ModelCounts> {
  return (await (await fetch(new URL('model', url))).json()) as ModelCounts;
}

test('a body that asks nothing is refused, and is not kept for the pages of its chat', async () => {
  await using server = await startAlone('chat');
  const question = { id: 'q', role: 'user', parts: [] };
  const wrong: readonly unknown[] = [
    null,
    5,
    {},
    { id: 'a' },
    { id: 'a', messages: null },
    { id: 'a', messages: [null] },
    { id: 'a', messages: [{ ...question, parts: undefined }] },
    { id: 'a', messages: [{ ...question, id: '../b' }] },
    { id: '..', messages: [question] },
    { id: 'x'.repeat(101), messages: [question] },
    { id: 'a', messages: [question], by: '__proto__' },
    { id: 'a', messages: [{ ...question, parts: [null] }], by: 'openai' },
  ];
  for (const body of ['', '{', ...wrong.map((each) => JSON.stringify(each))]) {
    const response = await fetch(new URL('api/chat', server.url()), { method: 'POST', body });
    expect([body, response.status]).toEqual([body, 400]);
  }
  const text = 'x'.repeat(1_000_000);
  const large = { id: 'a', messages: [{ ...question, parts: [{ type: 'text', text }] }], by: 'openai' };
  const response = await fetch(new URL('api/chat', server.url()), { method: 'POST', body: JSON.stringify(large) });
  expect([response.status, await response.text()]).toEqual([413, 'A body has at most 1000000 bytes.\n']);
  expect(await countsOf(server.url())).toMatchObject({ underWay: 0, finished: 0, aborted: 0 });
  const messages = await fetch(new URL('api/chat/a', server.url()));
  expect(await messages.json()).toEqual([]);
});

describe.each(BROWSERS)('in %s', (name) => {
  test.skipIf(isMissing(name))(
    'an answer goes on through reloads, in other tabs, until a stop or the end of its server',
    async () => {
      const browser = await startExampleBrowser(name);
      const url = servers.get(name)!.url();
      try {
        await using first = await ExampleTab.openApart(browser, url);
        await first.page.waitForSelector('#send:not([disabled])');

        // A reload in mid-answer: it goes on where it was.
        await first.click('send');
        await answerWith(first, 'nobody’s page');
        const chat = first.page.url();
        await first.page.reload();
        await answerWith(first, 'Whoever makes it');
        await using second = await ExampleTab.openApart(browser, chat);
        await answerWith(second, 'Another tab follows');
        expect(await answerWith(first, END)).toBe(ANSWER);
        expect(await answerWith(second, END)).toBe(ANSWER);
        await first.shows('status', 'ready');
        await second.shows('status', 'ready');
        expect(await roles(first)).toEqual(['user', 'assistant']);
        // An answer that is over is there, too, and nothing comes twice.
        await second.page.reload();
        expect(await answerWith(second, END)).toBe(ANSWER);

        // The second tab follows what the first one asks, and stops it.
        await first.page.select('#by', 'openai');
        await first.click('send');
        await second.page.waitForFunction(() => document.querySelectorAll('.assistant').length === 2, { polling: 50 });
        await answerWith(second, 'nobody’s page');
        expect((await countsOf(url)).aborted).toBe(0);
        await second.click('stop');
        await first.shows('status', 'ready');
        await second.shows('status', 'ready');
        const stopped = await answerWith(first, 'nobody’s page');
        expect(await answerWith(second, 'nobody’s page')).toBe(stopped);
        expect(ANSWER.startsWith(stopped)).toBe(true);
        expect(stopped).not.toBe(ANSWER);
        await first.shows('counts', '0 under way, 1 finished, 1 aborted');

        // The server that makes an answer dies.
        await first.click('send');
        await first.page.waitForFunction(() => document.querySelectorAll('.assistant').length === 3, { polling: 50 });
        await answerWith(first, 'nobody’s page');
        await first.page.waitForSelector('#kill:not([disabled])');
        await first.click('kill');
        await first.shows('error', BROKEN);
        await second.shows('error', BROKEN);
        const broken = await answerWith(first, 'nobody’s page');
        expect(await answerWith(second, 'nobody’s page')).toBe(broken);
        expect(ANSWER.startsWith(broken)).toBe(true);
        expect(broken).not.toBe(ANSWER);
        // A page that comes later is told, too.
        await first.page.reload();
        await first.page.waitForFunction(
          (text) => document.querySelector('#messages')?.textContent?.includes(text) === true,
          { polling: 50 },
          BROKEN,
        );
        expect(await answerWith(first, 'nobody’s page')).toBe(broken);

        // And the chat goes on.
        await first.click('send');
        await first.page.waitForFunction(() => document.querySelectorAll('.assistant').length === 4, { polling: 50 });
        expect(await answerWith(first, END)).toBe(ANSWER);
        expect(await answerWith(second, END)).toBe(ANSWER);
      } finally {
        await browser.close();
      }
    },
  );

  test.skipIf(isMissing(name))('a tab whose network was away gets all that was said meanwhile', async () => {
    const browser = await startExampleBrowser(name);
    const url = servers.get(name)!.url();
    const network = await startNetwork(Number(new URL(url).port));
    try {
      await using first = await ExampleTab.openApart(browser, url);
      await first.page.waitForSelector('#send:not([disabled])');
      await using second = await ExampleTab.openApart(browser, network.url + new URL(first.page.url()).hash);
      await second.page.waitForSelector('#send:not([disabled])');
      network.fail();
      await first.click('send');
      await answerWith(first, 'nobody’s page');
      await first.click('stop');
      await first.shows('status', 'ready');
      await first.click('send');
      await first.page.waitForFunction(() => document.querySelectorAll('.assistant').length === 2, { polling: 50 });
      await answerWith(first, END);
      await first.shows('status', 'ready');
      network.mend();
      expect(await answerWith(second, END)).toBe(ANSWER);
      expect(await roles(second)).toEqual(['user', 'assistant', 'user', 'assistant']);
      expect(await answers(second)).toEqual(await answers(first));
    } finally {
      await browser.close();
    }
  });
});
