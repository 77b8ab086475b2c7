import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, isMissing } from '../../test/browser.ts';
import { ExampleTab, startExampleBrowser } from './browsers.ts';
import { type ExampleProcess, startAlone } from './example-process.ts';

const COMMAND = join(import.meta.dirname, '../../packages/cli/dist/main.js');

/** What a job of the worker says, of which the tests know this much. */
const RESULT = '{"primes":2262}';

let server: ExampleProcess;

beforeAll(async () => {
  server = await startAlone('jobs');
});

afterAll(() => server?.[Symbol.asyncDispose]());

interface Job {
  readonly id: string;
  readonly listen: string;
}

async function add(): Promise<Job> {
  const response = await fetch(`${server.url()}add`, { method: 'POST' });
  expect(response.status).toBe(202);
  return (await response.json()) as Job;
}

test.concurrent('tidings listen follows a job of the worker, and ends with it', async () => {
  const { listen } = await add();
  const [, ...args] = listen.split(' ');
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  expect(code).toBe(0);
  for (const part of ['168 primes up to 1000', '2262 primes up to 20000', RESULT, '{"state":"done"}']) {
    expect(output).toContain(part);
  }
});

test.concurrent('a job is stopped in the process of its worker', async () => {
  const { id } = await add();
  const following = fetch(`${server.url()}follow?id=${id}`).then((response) => response.text());
  const stopped = await fetch(`${server.url()}stop?id=${id}`, { method: 'POST' });
  expect(await stopped.text()).toBe('stopped\n');
  const events = await following;
  expect(events).toContain('{"state":"stopped"}');
  expect(events).not.toContain(RESULT);
});

test.concurrent('what is no id of a job is refused', async () => {
  for (const what of ['stop', 'follow']) {
    const response = await fetch(`${server.url()}${what}?id=..`, { method: 'POST' });
    expect(response.status).toBe(400);
  }
});

describe.each(BROWSERS)('in %s', (name) => {
  test.skipIf(isMissing(name))('another job can be started when there is none to follow', async () => {
    await using own = await startAlone('jobs');
    const browser = await startExampleBrowser(name);
    try {
      // Such as one of before the server was started anew.
      await using tab = await ExampleTab.openApart(browser, `${own.url()}#id=primes-99&listen=tidings`);
      await tab.shows('run-state', 'unknown');
      await own.kill();
      await tab.click('start');
      await tab.shows('run-state', 'the server is out of reach');
      expect(await tab.page.$$eval('button:disabled', (buttons) => buttons.map(({ id }) => id))).toEqual(['stop']);
    } finally {
      await browser.close();
    }
  });

  test.skipIf(isMissing(name))('the page of a job can be closed and opened', async () => {
    const browser = await startExampleBrowser(name);
    try {
      const first = await ExampleTab.openApart(browser, server.url());
      await first.click('start');
      await first.follows('open', 'progress', 'message', 'progress');
      const url = first.page.url();
      await first[Symbol.asyncDispose]();
      await using second = await ExampleTab.openApart(browser, url);
      await second.shows('run-state', 'done');
      expect(await second.text('result')).toBe(RESULT);
      expect(await second.page.$eval('#progress', (bar) => (bar as HTMLProgressElement).value)).toBe(100);
      const lines = await second.log();
      expect(lines.filter((line) => line.startsWith('progress '))).toHaveLength(20);
      expect(lines.filter((line) => line.startsWith('message '))).toHaveLength(20);
      expect(lines.find((line) => line.startsWith('message '))).toMatch(/^message 168 primes up to 1000 /);
    } finally {
      await browser.close();
    }
  });
});
