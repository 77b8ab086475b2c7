import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'puppeteer-core';
import { expect, onTestFinished, test } from 'vitest';
import { ANSWER, createModel } from '../examples/chat/model.ts';
import { isMissing, startBrowser } from './browser.ts';
import { freePort } from './end-to-end/hub.ts';
import { startNetwork } from './network.ts';
import { program, RunningProgram, whenUp } from './program.ts';

const PAGE = 'docs/resumable-answers.md';
const EXAMPLES = join(import.meta.dirname, '../examples');

/** A folder from where programs find the AI SDK and React. */
function makeFolder(): string {
  const cache = join(EXAMPLES, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'answers-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A model that stops in the middle of an answer while it is held. */
class Held {
  #going = Promise.resolve();
  goOn: () => void = () => {};

  hold(): void {
    this.#going = new Promise((resolve) => (this.goOn = resolve));
  }

  async pause(token: number, signal: AbortSignal): Promise<void> {
    if (token === 30) await Promise.race([this.#going, once(signal, 'abort')]);
    signal.throwIfAborted();
  }
}

async function startModel(held: Held): Promise<ReturnType<typeof createModel> & { readonly url: string }> {
  const model = createModel((token, signal) => held.pause(token, signal));
  await once(model.server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    model.server.closeAllConnections();
    model.server.close();
  });
  return { ...model, url: `http://127.0.0.1:${(model.server.address() as AddressInfo).port}/v1` };
}

async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.waitForFunction(
    (where, what) => document.querySelector(where)?.textContent?.includes(what) === true,
    { polling: 50 },
    selector,
    text,
  );
}

async function press(page: Page, button: 'Ask' | 'Ask again' | 'Stop'): Promise<void> {
  await page.waitForSelector(`::-p-xpath(//button[text()="${button}" and not(@disabled)])`);
  await page.$eval(`::-p-xpath(//button[text()="${button}"])`, (element) => (element as HTMLElement).click());
}

interface Chat {
  readonly url: string;
  readonly port: number;
  readonly held: Held;
  readonly model: ReturnType<typeof createModel>;
  readonly server: RunningProgram;
}

/** Runs the server of the page, with its model. */
async function startChat(folder = makeFolder()): Promise<Chat> {
  const held = new Held();
  const [model, port] = await Promise.all([startModel(held), freePort()]);
  const settings = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: 'none', PORT: port };
  const set = `Object.assign(process.env, ${JSON.stringify(settings)});\nconsole.error = console.log;\n`;
  const server = RunningProgram.node(set + program(PAGE, 'js', 'createServer'), folder);
  const url = `http://127.0.0.1:${port}/`;
  await (await whenUp(server, url)).body?.cancel();
  return { url, port, held, model, server };
}

/** Runs the page, too, as it says. */
async function startPage(): Promise<Chat> {
  const folder = makeFolder();
  writeFileSync(join(folder, 'page.jsx'), program(PAGE, 'jsx', 'useChat'));
  const [bundle = ''] = program(PAGE, 'sh', 'esbuild page.jsx').split('\n');
  // In the workshop `npx` would run it in the folder of the workspace.
  const [, ...args] = bundle.split(' ');
  await promisify(execFile)(join(import.meta.dirname, '../node_modules/.bin', args.shift() ?? ''), args, {
    cwd: folder,
  });
  return await startChat(folder);
}

async function openBrowser(): Promise<Browser> {
  const browser = await startBrowser('chromium');
  onTestFinished(() => browser.close());
  return browser;
}

function ask(url: string, body: object): Promise<Response> {
  return fetch(`${url}api/chat`, { method: 'POST', body: JSON.stringify(body) });
}

test('the server of the page on resumable answers asks the model once for a request, and anew for a question that was edited', async () => {
  const { url, model, server } = await startChat();
  const messagesOf = (text: string): object[] => [{ id: 'question', role: 'user', parts: [{ type: 'text', text }] }];
  const first = { id: 'chat', messages: messagesOf('Who owns an answer?'), trigger: 'submit-message' };
  const [answer, repeated] = await Promise.all([ask(url, first), ask(url, first)]);
  expect(await answer.text()).toBe(await repeated.text());
  expect(model.counts.finished).toBe(1);
  await (await ask(url, { ...first, messages: messagesOf('Who owns a question?') })).text();
  expect(model.counts.finished).toBe(2);
  // What a tool of the page has found is sent with the answer, which keeps its id.
  for (const output of ['here', 'there']) {
    const called = { type: 'tool-where', toolCallId: 'call', state: 'output-available', input: {}, output };
    const messages = [...messagesOf('Where am I?'), { id: 'answer', role: 'assistant', parts: [called] }];
    await (await ask(url, { ...first, messages })).text();
  }
  expect(model.counts).toEqual({ underWay: 0, finished: 4, aborted: 0 });
  // What a producer throws is printed.
  const text = await (await ask(url, { ...first, messages: [{ id: 'question', role: 'nobody' }] })).text();
  expect(text).toContain('The answer broke off.');
  await server.printed('chat/');
});

test.skipIf(isMissing('chromium'))(
  'the page on resumable answers gets all of an answer that is over before its network is back',
  async () => {
    const { port, held, url } = await startPage();
    const network = await startNetwork(port);
    const page = await (await openBrowser()).newPage();
    await page.goto(network.url);
    held.hold();
    await press(page, 'Ask');
    await shows(page, '.assistant', 'nobody’s page');
    network.fail();
    held.goOn();
    const chat = await page.evaluate(() => location.hash.slice(1));
    while ((await fetch(`${url}api/chat/${chat}/stream`)).status !== 204);
    network.mend();
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.waitForSelector('::-p-xpath(//button[text()="Ask" and not(@disabled)])');
    expect(await page.$eval('.assistant', (element) => element.textContent)).toBe(ANSWER);
    expect(await page.$('[role=alert]')).toBeNull();
  },
);

test.skipIf(isMissing('chromium'))('the page on resumable answers has a chat that goes on', async () => {
  const { url, held, model } = await startPage();
  const wrong = [
    'x',
    'null',
    '{}',
    '{"id":"a","messages":[]}',
    '{"id":"a/../b","messages":[{"id":"m"}]}',
    '{"id":"a","messages":[{}]}',
  ];
  for (const body of wrong)
    expect([body, (await fetch(`${url}api/chat`, { method: 'POST', body })).status]).toEqual([body, 400]);

  const browser = await openBrowser();
  const first = await browser.newPage();
  await first.goto(url);
  held.hold();
  await press(first, 'Ask');
  await shows(first, '.assistant', 'nobody’s page');
  await first.reload();
  const second = await browser.newPage();
  await second.goto(first.url());
  for (const page of [first, second]) await shows(page, '.assistant', 'nobody’s page');
  held.goOn();
  for (const page of [first, second]) {
    await shows(page, '.assistant', ANSWER.slice(-30));
    expect(await page.$eval('.assistant', (element) => element.textContent)).toBe(ANSWER);
  }
  expect(model.counts).toEqual({ underWay: 0, finished: 1, aborted: 0 });

  held.hold();
  await press(first, 'Ask');
  await first.waitForFunction(() => document.querySelectorAll('.assistant').length === 2, { polling: 50 });
  await second.reload();
  await shows(second, '.assistant', 'nobody’s page');
  await press(second, 'Stop');
  for (const page of [first, second])
    await page.waitForSelector('::-p-xpath(//button[text()="Ask" and not(@disabled)])');
  expect(await second.$eval('.assistant', (element) => element.textContent)).not.toContain(ANSWER.slice(-30));
  while (model.counts.underWay > 0) await new Promise((resolve) => void setImmediate(resolve));
  expect(model.counts).toEqual({ underWay: 0, finished: 1, aborted: 1 });

  // The question whose answer was stopped is answered again.
  held.goOn();
  await press(first, 'Ask again');
  await first.waitForFunction(
    (end) => document.querySelectorAll('.assistant')[1]?.textContent?.endsWith(end) === true,
    { polling: 50 },
    ANSWER.slice(-30),
  );
  expect(model.counts).toEqual({ underWay: 0, finished: 2, aborted: 1 });
});

test('the page on resumable answers has a log for several processes of one machine', async () => {
  const host = RunningProgram.node(program(PAGE, 'js', 'LogHost'));
  await host.printed('The log is open');
  const runs = `import { Runs } from '@tidings/server/runs';\n${program(PAGE, 'js', 'RemoteLog')}`;
  const producer = RunningProgram.node(
    `${runs}
    const { over } = await runs.start('answer', async ({ append, flush, signal }) => {
      await append('one');
      await flush();
      console.log('has begun');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    console.log(await over);
    process.exit();`,
    host.folder,
  );
  await producer.printed('has begun');
  const produced = producer.ended();
  const reader = RunningProgram.node(
    `${runs}
    for await (const { type, data, state } of runs.resume('answer')) {
      console.log(type, data ?? state);
      if (type === 'chunk') await runs.stop('answer');
    }
    process.exit();`,
    host.folder,
  );
  expect(await reader.ended()).toEqual({ code: 0, output: 'chunk one\nend stopped\n' });
  expect(await produced).toEqual({ code: 0, output: 'has begun\nstopped\n' });

  // What the page says of a second process that opens the folder.
  const second = RunningProgram.node(
    `import { LmdbLog } from '@tidings/lmdb';
    await LmdbLog.open({ path: 'data' }).catch(({ code }) => console.log(code));
    process.exit();`,
    host.folder,
  );
  expect(await second.ended()).toEqual({ code: 0, output: 'ERR_DATA_IN_USE\n' });
});
