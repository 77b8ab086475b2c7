import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type * as client from '@tidings/client';
import { EventSource as OurEventSource, type Fetch, subscribe } from '@tidings/client';
import { build } from 'esbuild';
import { JSDOM } from 'jsdom';
import nodeFetch from 'node-fetch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workerd } from '../../../test/runtimes.ts';
import { busyFetch } from './busy-body.ts';
import { WorkerProcess } from './worker-process.ts';

/** What our class tells: each event with its data, and each error with its code, its message and the state after it. */
const LISTEN = `
  globalThis.listen = (url, init, limit) => new Promise((resolve) => {
    const log = [];
    const source = new client.EventSource(url, init);
    const add = (line) => {
      log.push(line);
      if (log.length < limit && source.readyState !== 2) return;
      source.close();
      resolve(log);
    };
    source.onmessage = ({ data }) => add('handler ' + data);
    source.addEventListener('message', ({ type, lastEventId, source, ports }) =>
      add([type, lastEventId, source, ports.length].join(' ')));
    source.onerror = ({ code, message }) => add(code + ': ' + message);
  });`;

/** The client as a script that makes the globals `client` and `listen`. */
async function bundle(conditions: readonly string[]): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '@tidings/client'`, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'client',
    platform: 'neutral',
    conditions: [...conditions],
    target: 'es2022',
  });
  return `${outputFiles[0]!.text}\nglobalThis.client = client;${LISTEN}`;
}

/** A server that answers each request with an event and counts the streams that are open. */
let server: http.Server;
let url = '';
const asked: string[] = [];
const open = new Set<http.ServerResponse>();

beforeAll(async () => {
  server = http.createServer((request, response) => {
    asked.push(`${request.method}`);
    open.add(response);
    response.on('close', () => open.delete(response));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'access-control-allow-origin': '*' });
    response.write('id: 1\ndata: é漢🙂\n\n');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const HEARD = ['handler é漢🙂', 'message 1  0'];

interface Window {
  listen(url: string, init: object, limit: number): Promise<readonly string[]>;
  readonly client: typeof client;
  streamingFetch: Fetch;
  eval(code: string): unknown;
}

/** Answers with a stream of one event that stays open. */
const answerOnce: Fetch = async (target) => {
  const body = new ReadableStream<Uint8Array>({
    start: (its) => its.enqueue(new TextEncoder().encode('data: a\n\n')),
  });
  const headers = new Headers({ 'content-type': 'text/event-stream' });
  return { status: 200, url: target, redirected: false, headers, body };
};

/** A page of jsdom that has loaded scripts. */
function openPage(...scripts: readonly string[]): Window {
  const page = new JSDOM('', { url, runScripts: 'outside-only', pretendToBeVisual: true });
  const window = page.window as unknown as Window;
  for (const script of scripts) window.eval(script);
  return window;
}

describe.each([{ conditions: ['browser'] }, { conditions: [] }])(
  'in jsdom, bundled for $conditions',
  ({ conditions }) => {
    let script: string;
    beforeAll(async () => {
      script = await bundle(conditions);
    });

    test('without fetch an attempt fails once, and its error names what is missing', async () => {
      const [first, ...others] = await openPage(script).listen(url, {}, 3);
      expect(first).toMatch(/^ERR_UNSUPPORTED: .*fetch/);
      expect(others).toEqual([]);
    });

    test('with a fetch that a test has put there, events arrive, each handler once', async () => {
      const page = openPage(script);
      // The signal of jsdom is not one of Node.
      const ofNode: Fetch = async (target, { signal, ...init }) => {
        const controller = new AbortController();
        signal.addEventListener('abort', () => controller.abort());
        return fetch(target, { ...init, signal: controller.signal });
      };
      expect(await page.listen(url, { fetch: ofNode }, 2)).toEqual(HEARD);
    });

    test('a body that never waits leaves others their turns', async () => {
      const { fetch: busy, hadTurn } = busyFetch('stream');
      const loop = openPage(script).client.subscribe(url, { fetch: busy, retry: { maxAttempts: 1 } });
      for await (const { data } of loop) expect(data).toBe('a');
      expect(hadTurn()).toBe(true);
    });
  },
);

describe('the fetch that React Native installs', () => {
  const rnFetch = readFileSync(
    join(import.meta.dirname, '../../../node_modules/whatwg-fetch/dist/fetch.umd.js'),
    'utf8',
  );
  const recipe = /export (function streamingFetch[^]*?\n\})\n```/.exec(
    readFileSync(join(import.meta.dirname, '../../../docs/react-native.md'), 'utf8'),
  )?.[1];
  let script: string;
  beforeAll(async () => {
    script = await bundle(['react-native']);
  });

  test('is refused before anything is sent, because it does not stream', async () => {
    const before = asked.length;
    const page = openPage(rnFetch, script);
    const [first, ...others] = await page.listen(url, {}, 3);
    expect(first).toMatch(/^ERR_UNSUPPORTED: .*does not stream/);
    expect(others).toEqual([]);
    const post = page.client.subscribe(url, { method: 'POST', body: 'x' });
    await expect(post[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    expect(asked).toHaveLength(before);
  });

  test('is replaced by the one of the docs, which streams', async () => {
    const page = openPage(rnFetch, script, `globalThis.streamingFetch = ${recipe}`);
    expect(await page.listen(url, { fetch: page.streamingFetch }, 2)).toEqual(HEARD);
    while (open.size > 0) await once([...open][0]!, 'close');
  });

  test('is given as an option, and its answer is an error that is final', async () => {
    let requests = 0;
    const ofReactNative = async (target: string): Promise<object> => {
      requests++;
      const headers = new Headers({ 'content-type': 'text/event-stream' });
      return { status: 200, url: target, redirected: false, headers };
    };
    for (const method of ['GET', 'POST']) {
      const loop = subscribe(url, { method, fetch: ofReactNative as Fetch })[Symbol.asyncIterator]();
      await expect(loop.next()).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', willRetry: false });
    }
    expect(requests).toBe(2);
  });

  test('loads without EventTarget, and only EventSource is missing then', async () => {
    const page = openPage('delete globalThis.EventTarget', script);
    expect(() => new page.client.EventSource(url)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
    const subscription = page.client.subscribe(url, { fetch: answerOnce });
    const { value } = await subscription[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ data: 'a' });
    subscription.close();
  });

  test('a signal that gives no reason and cannot throw ends a subscription with an AbortError', async () => {
    const page = openPage('delete AbortSignal.prototype.reason; delete AbortSignal.prototype.throwIfAborted', script);
    const controller = page.eval('new AbortController()') as AbortController;
    const subscription = page.client.subscribe(url, { fetch: answerOnce, signal: controller.signal });
    const loop = subscription[Symbol.asyncIterator]();
    expect((await loop.next()).value).toMatchObject({ data: 'a' });
    controller.abort();
    await expect(loop.next()).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a body that is no web stream', () => {
  test('is read as it arrives where it can be iterated, as that of node-fetch', async () => {
    const subscription = subscribe(url, { method: 'POST', body: 'x', fetch: nodeFetch as unknown as Fetch });
    const { value } = await subscription[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ data: 'é漢🙂', lastEventId: '1' });
    subscription.close();
    while (open.size > 0) await once([...open][0]!, 'close');
  });

  test.each([
    { found: 'a text', body: 'data: a\n\n' },
    { found: 'a stream of texts', body: new ReadableStream({ pull: (its) => its.enqueue('data: a\n\n') }) },
    { found: 'a stream of numbers', body: new ReadableStream({ pull: (its) => its.enqueue(7) }) },
    { found: 'a Blob', body: new Blob(['data: a\n\n']) },
  ])('is an error that is final where it is $found', async ({ body }) => {
    let requests = 0;
    const headers = new Headers({ 'content-type': 'text/event-stream' });
    const answer = async (target: string): Promise<object> => {
      requests++;
      return { status: 200, url: target, redirected: false, headers, body };
    };
    const source = new OurEventSource(url, { fetch: answer as Fetch });
    const error = await new Promise((resolve) => source.addEventListener('error', resolve));
    expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', cause: { willRetry: false } });
    expect(source.readyState).toBe(2);
    expect(requests).toBe(1);
  });
});

describe.skipIf(workerd.missing)(
  'in a Worker whose getters belong to instances, and whose listeners may end an event',
  () => {
    test('a listener that throws does not end the stream', async () => {
      const code = `${await bundle(['workerd', 'worker', 'browser'])}
      export default { async fetch(request) {
        const source = new client.EventSource(${JSON.stringify(url)});
        const heard = await new Promise((resolve) => {
          source.addEventListener('open', () => { throw new Error('on purpose'); });
          source.addEventListener('message', ({ data }) => resolve(data));
          source.addEventListener('error', ({ message }) => resolve(message));
        });
        source.close();
        return new Response(heard);
      } };`;
      using worker = await WorkerProcess.start(code, '2021-11-03');
      const answer = await fetch(worker.origin);
      expect(await answer.text()).toBe('é漢🙂');
    });
  },
);
