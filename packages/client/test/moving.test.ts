import { stripTypeScriptTypes } from 'node:module';
import { expect, describe, test } from 'vitest';
import { program, RunningProgram, strictErrors } from '../../../test/program.ts';
import { head, ScriptedServer, STREAM_HEAD } from './scripted-server.ts';

const END = { do: 'end' } as const;
const UNAUTHORIZED = [head(401, { 'Content-Length': '0' }), END] as const;
const HERE = 'http://127.0.0.1:3000';

describe('the page for those who come from eventsource', () => {
  const PAGE = 'docs/moving-from-eventsource.md';

  test('has a source with headers of its own', async () => {
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, 'retry: 100\nid: 1\ndata: a\n\n', END],
      UNAUTHORIZED,
    ]);
    const code = program(PAGE, 'js', 'new EventSource');
    expect(await strictErrors(code)).toBe('');
    const { code: exitCode, output } = await RunningProgram.node(code.replace(HERE, server.origin)).ended();
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: 'a\ntrying again\nnot authorized\n' });
    expect(server.requests.map(({ headers }) => [headers['authorization'], headers['last-event-id']])).toEqual([
      ['Bearer my-token', undefined],
      ['Bearer my-token', '1'],
    ]);
  });

  test('has a subscription with headers of its own', async () => {
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, 'data: a\n\n', END],
      [head(204), END],
    ]);
    const code = program(PAGE, 'js', 'subscribe');
    expect(await strictErrors(code)).toBe('');
    const { output } = await RunningProgram.node(code.replace(HERE, server.origin)).ended();
    expect(output).toBe('a\n');
    expect(server.requests.map(({ headers }) => headers['authorization'])).toEqual(
      Array<string>(2).fill('Bearer my-token'),
    );
  });

  test('has a class whose errors have the status as their code', async () => {
    await using server = await ScriptedServer.listen([UNAUTHORIZED, [{ do: 'reset' }]]);
    const code = program(PAGE, 'ts', 'extends Standard');
    expect(await strictErrors(code)).toBe('');
    const use = `
      const refused = new EventSource('${server.origin}');
      refused.onerror = ({ code, cause }) => {
        console.log(code === 401, cause.code);
        const broken = new EventSource('${server.origin}');
        broken.onerror = ({ code, cause }) => {
          console.log(code, cause.code);
          broken.close();
        };
      };`;
    const { output } = await RunningProgram.node(stripTypeScriptTypes(code) + use).ended();
    expect(output).toBe('true ERR_STATUS\nundefined ERR_NETWORK\n');
  });
});

describe('the page for those who come from fetch-event-source', () => {
  const PAGE = 'docs/moving-from-fetch-event-source.md';

  test('has a stream that is asked for again, and given up', async () => {
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, 'retry: 0\nid: 1\nevent: order\ndata: a\n\n', END],
      [head(403), END],
    ]);
    const code = program(PAGE, 'js', 'onState');
    expect(await strictErrors(code)).toBe('');
    const { output } = await RunningProgram.node(code.replace(HERE, server.origin)).ended();
    expect(output).toBe(['open ', 'order a 1', 'waiting ', 'connecting ', 'closed 403', 'given up', ''].join('\n'));
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1']);
  });

  test('has a POST that is sent once', async () => {
    await using server = await ScriptedServer.listen([[STREAM_HEAD, 'data: because\n\ndata: [DONE]\n\ndata: no\n\n']]);
    const code = program(PAGE, 'js', "'[DONE]'");
    expect(await strictErrors(code)).toBe('');
    const { output } = await RunningProgram.node(code.replace(HERE, server.origin)).ended();
    expect(output).toBe('because\n');
    expect(server.requests).toMatchObject([{ method: 'POST', path: '/answers', body: '{"question":"why?"}' }]);
  });

  test('has a listener that pauses while its page is hidden', async () => {
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, 'id: 1\ndata: a\n\n'],
      [STREAM_HEAD, 'id: 2\ndata: b\n\n'],
    ]);
    // A page that is hidden or shown at each signal.
    const page = `
      setInterval(() => {}, 60_000);
      globalThis.document = Object.assign(new EventTarget(), { hidden: false });
      process.on('SIGTERM', () => {
        document.hidden = !document.hidden;
        document.dispatchEvent(new Event('visibilitychange'));
      });\n`;
    const code = program(PAGE, 'js', 'visibilitychange');
    expect(await strictErrors(code)).toBe('');
    const running = RunningProgram.node(page + code.replace(HERE, server.origin));
    await running.printed('a\n');
    running.stop();
    await server.deserted();
    running.stop();
    await running.printed('b\n');
    expect(running.output).toBe('a\nb\n');
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1']);
  });
});
