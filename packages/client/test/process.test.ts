import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { installedNodes } from './installed-nodes.ts';
import { ScriptedServer, type ServerScript, STREAM_HEAD } from './scripted-server.ts';

const END = { do: 'end' } as const;

/** Runs a module in a process of its own and returns what it printed, once it has exited by itself. */
async function run(node: string, scripts: readonly ServerScript[], source: string) {
  await using server = await ScriptedServer.listen(scripts);
  const program = `import { EventSource, subscribe } from '@tidings/client'; const url = '${server.origin}/';\n${source}`;
  const child = spawn(node, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname, // the package finds itself by its own name
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, lines: output.trim().split('\n'), requests: server.requests.length };
}

describe.each(installedNodes())('a process of Node $version', ({ path }) => {
  test('stays alive while an EventSource waits to reconnect, and ends after close()', async () => {
    const result = await run(
      path,
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

  test('ends when an EventSource is closed while it waits', async () => {
    const result = await run(
      path,
      [[STREAM_HEAD, 'retry: 1000000\n\n', END]],
      `const source = new EventSource(url);
      source.onerror = () => {
        console.log('error');
        setImmediate(() => source.close());
      };`,
    );
    expect(result).toEqual({ code: 0, lines: ['error'], requests: 1 });
  });

  test('reads a subscription over a reconnect, and ends when its loop is left', async () => {
    const result = await run(
      path,
      [
        [STREAM_HEAD, 'retry: 300\nid: 1\ndata: a\n\n', END],
        [STREAM_HEAD, 'data: b\n\n'],
      ],
      `for await (const event of subscribe(url)) {
        console.log(JSON.stringify(event));
        if (event.data === 'b') break;
      }`,
    );
    const lines = ['a', 'b'].map((data) => JSON.stringify({ type: 'message', data, lastEventId: '1' }));
    expect(result).toEqual({ code: 0, lines, requests: 2 });
  });

  test('hears of a handler that throws, and the stream goes on', async () => {
    const result = await run(
      path,
      [[STREAM_HEAD, 'data: a\n\ndata: b\n\n', 'data: c\n\n']],
      `process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      const source = new EventSource(url);
      source.onmessage = ({ data }) => {
        console.log(data);
        if (data === 'c') setImmediate(() => source.close());
        throw new Error(data);
      };`,
    );
    expect(result.code).toBe(0);
    expect(result.lines.toSorted()).toEqual(['a', 'b', 'c', 'uncaught a', 'uncaught b', 'uncaught c']);
    expect(result.requests).toBe(1);
  });

  test('hears of an onState that throws, and the subscription goes on', async () => {
    const result = await run(
      path,
      [[STREAM_HEAD, 'data: a\n\n']],
      `process.on('uncaughtException', (error) => console.log('uncaught', error.message));
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
