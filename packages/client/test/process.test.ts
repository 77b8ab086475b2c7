import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InstalledClient } from './installed-client.ts';
import { runProgram } from './program.ts';
import { type Runtime, runtimes } from '../../../test/runtimes.ts';
import { ScriptedServer, type ServerScript, STREAM_HEAD } from './scripted-server.ts';

const END = { do: 'end' } as const;

let installed: InstalledClient;

beforeAll(() => {
  installed = new InstalledClient();
});

afterAll(() => installed[Symbol.dispose]());

async function run(runtime: Runtime, scripts: readonly ServerScript[], source: string) {
  await using server = await ScriptedServer.listen(scripts);
  const program = `import { EventSource, subscribe } from '@tidings/client';
    const [url] = args;
    /** Calls back when a listener has thrown, and keeps the process from ending of it. */
    function onReport(report) {
      if (globalThis.Deno === undefined) return process.on('uncaughtException', ({ message }) => report(message));
      addEventListener('error', (event) => {
        event.preventDefault();
        report(event.error.message);
      });
    }
    ${source}`;
  const result = await runProgram(runtime, installed, program, { args: [`${server.origin}/`] });
  return { ...result, requests: server.requests.length };
}

describe.each(runtimes)('a process of $title', (runtime) => {
  const { missing } = runtime;

  test.skipIf(missing)('stays alive while an EventSource waits to reconnect, and ends after close()', async () => {
    const result = await run(
      runtime,
      [[STREAM_HEAD, 'retry: 300\n\n', END], [STREAM_HEAD]],
      `const source = new EventSource(url);
      let opened = 0;
      source.onerror = () => console.log('error', source.readyState);
      source.onopen = () => {
        console.log('open', ++opened);
        if (opened === 2) source.close();
      };`,
    );
    expect(result).toEqual({ code: 0, lines: ['open 1', 'error 0', 'open 2'], requests: 2 });
  });

  test.skipIf(missing)('ends when an EventSource is closed while it waits', async () => {
    const result = await run(
      runtime,
      [[STREAM_HEAD, 'retry: 1000000\n\n', END]],
      `const source = new EventSource(url);
      source.onerror = () => {
        console.log('error');
        setTimeout(() => source.close());
      };`,
    );
    expect(result).toEqual({ code: 0, lines: ['error'], requests: 1 });
  });

  test.skipIf(missing)('ends when an EventSource has failed', async () => {
    const result = await run(
      runtime,
      [['HTTP/1.1 204 No Content\r\n\r\n']],
      `const source = new EventSource(url);
      source.onerror = () => console.log('error', source.readyState);`,
    );
    expect(result).toEqual({ code: 0, lines: ['error 2'], requests: 1 });
  });

  test.skipIf(missing)('ends when an EventSource is closed while the answer is awaited', async () => {
    const result = await run(
      runtime,
      [[]],
      `const source = new EventSource(url);
      setTimeout(() => source.close(), 100);
      console.log('connecting');`,
    );
    expect(result).toMatchObject({ code: 0, lines: ['connecting'] });
  });

  test.skipIf(missing)('reads a subscription over a reconnect, and ends when its loop is left', async () => {
    const result = await run(
      runtime,
      [
        [STREAM_HEAD, 'retry: 300\nid: 1\ndata: a\n\n', END],
        [STREAM_HEAD, 'data: b\n\n'],
      ],
      `for await (const event of subscribe(url)) {
        console.log(event.type, event.data, event.lastEventId);
        if (event.data === 'b') break;
      }`,
    );
    expect(result).toEqual({ code: 0, lines: ['message a 1', 'message b 1'], requests: 2 });
  });

  test.skipIf(missing)('hears of a handler that throws, and the stream goes on', async () => {
    const result = await run(
      runtime,
      [[STREAM_HEAD, 'data: a\n\ndata: b\n\n', 'data: c\n\n']],
      `onReport((message) => console.log('uncaught', message));
      const source = new EventSource(url);
      source.onmessage = ({ data }) => {
        console.log(data);
        if (data === 'c') setTimeout(() => source.close());
        throw new Error(data);
      };`,
    );
    expect(result.code).toBe(0);
    expect(result.lines.toSorted()).toEqual(['a', 'b', 'c', 'uncaught a', 'uncaught b', 'uncaught c']);
    expect(result.requests).toBe(1);
  });

  test.skipIf(missing)('hears of an onState that throws, and the subscription goes on', async () => {
    const result = await run(
      runtime,
      [[STREAM_HEAD, 'data: a\n\n']],
      `onReport((message) => console.log('uncaught', message));
      const onState = ({ phase }) => {
        throw new Error(phase);
      };
      for await (const { data } of subscribe(url, { onState })) {
        console.log(data);
        break;
      }`,
    );
    expect(result.code).toBe(0);
    expect(result.lines.toSorted()).toEqual(['a', 'uncaught closed', 'uncaught open']);
  });
});
