import { subscribe } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { program, RunningProgram } from '../../../test/program.ts';
import { ScriptedServer, STREAM_HEAD } from './scripted-server.ts';
import { settle } from './scripted-fetch.ts';
import { failureOf, start } from './subscription-harness.ts';

const END = { do: 'end' } as const;
const RESET = { do: 'reset' } as const;
const delta = (content: string): string => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
}

describe('the answer of a language model', () => {
  test('is read to its [DONE], which is no event', async () => {
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, delta('Hel'), delta('lo'), 'data: [DONE]\n\n', delta('never')],
    ]);
    let answer = '';
    for await (const event of subscribe(`${server.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
      body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'Hi' }] }),
      json: true,
      until: ({ data }) => data === '[DONE]',
      idleTimeoutMs: 30_000,
    })) {
      if (event.type === 'message') answer += (event.data as Chunk).choices[0]?.delta.content ?? '';
    }
    expect(answer).toBe('Hello');
    expect(server.requests).toMatchObject([
      { method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer key' } },
    ]);
    expect(JSON.parse(server.requests[0]!.body)).toMatchObject({ stream: true });
  });

  test('is read by the example for workers, also among events of other types without data', async () => {
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, delta('Hel'), 'event: ping\ndata:\n\n', delta('lo'), 'data: [DONE]\n\n'],
    ]);
    const worker = program('docs/workers-and-edge.md', 'js', 'MODEL_URL').replace('export default', 'const worker =');
    const use = `
      const request = new Request('http://localhost/', { method: 'POST', body: '{}' });
      const response = await worker.fetch(request, { MODEL_URL: '${server.origin}', MODEL_KEY: 'key' });
      console.log(await response.text());`;
    const { code, output } = await RunningProgram.node(worker + use).ended();
    expect({ code, output }).toEqual({ code: 0, output: 'Hello\n' });
  });

  test('is read to an event type that ends it', async () => {
    const part = (type: string, rest = {}): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
    await using server = await ScriptedServer.listen([
      [
        STREAM_HEAD,
        part('message_start'),
        part('ping'),
        part('content_block_delta', { delta: { text: 'Hello' } }),
        part('message_stop'),
      ],
    ]);
    const types: string[] = [];
    const answer = subscribe(server.origin, {
      method: 'POST',
      body: '{}',
      json: true,
      until: ({ type }) => type === 'message_stop',
    });
    for await (const { type } of answer) types.push(type);
    expect(types).toEqual(['message_start', 'ping', 'content_block_delta']);
    expect(answer.state).toEqual({ phase: 'closed', attempt: 1 });
  });

  test('that ends without an end mark is over', async () => {
    const { server, subscription } = start({ method: 'POST', body: '{}' });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    request.end();
    for await (const { data } of subscription) expect(data).toBe('a');
    expect(server.requests).toHaveLength(1);
  });

  test('that breaks is not asked for again, because asking may cost or do something twice', async () => {
    const { server, events } = start({ method: 'POST', body: '{}' });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    await settle();
    request.breakOff(new Error('reset'));
    expect(await events.next()).toMatchObject({ value: { data: 'a' } });
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_NETWORK', willRetry: false });
  });

  test('is asked for again where maxAttempts says so', async () => {
    const { server, clock } = start({ method: 'POST', body: '{}', retry: { maxAttempts: 3 } });
    (await server.request(0)).respond({ status: 529 });
    await settle();
    clock.advance(1_000);
    expect((await server.request(1)).init).toMatchObject({ method: 'POST', body: '{}' });
  });

  test('is asked for again after a 401, which did nothing', async () => {
    const { server, clock } = start({ method: 'POST', body: '{}', headers: () => ({}) });
    (await server.request(0)).respond({ status: 401 });
    await settle();
    clock.advance(0);
    expect((await server.request(1)).init.method).toBe('POST');
  });

  test('that stalls is given up', async () => {
    const { server, clock, events } = start({ method: 'POST', body: '{}', idleTimeoutMs: 20_000 });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    await events.next();
    clock.advance(20_000);
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_IDLE_TIMEOUT', willRetry: false });
  });

  test('that breaks is gone on with by GET', async () => {
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, 'retry: 100\nid: r1/1\ndata: Hel\n\n', END],
      [STREAM_HEAD, 'id: r1/2\ndata: lo\n\ndata: [DONE]\n\n'],
    ]);
    let answer = '';
    for await (const { data } of subscribe(
      ({ lastEventId }) => `${server.origin}/answers${lastEventId && `/${lastEventId.split('/')[0]}`}`,
      {
        method: ({ lastEventId }) => (lastEventId ? 'GET' : 'POST'),
        body: ({ lastEventId }) => (lastEventId ? undefined : '{}'),
        until: (event) => event.data === '[DONE]',
      },
    )) {
      answer += data;
    }
    expect(answer).toBe('Hello');
    expect(server.requests).toMatchObject([
      { method: 'POST', path: '/answers', body: '{}' },
      { method: 'GET', path: '/answers/r1', body: '', headers: { 'last-event-id': 'r1/1' } },
    ]);
  });

  test('is asked for by the next try where a try was given up before its POST went out', async () => {
    const waiting: (() => void)[] = [];
    const { server, clock, subscription } = start({
      method: () => 'POST',
      headers: () => new Promise<Record<string, string>>((resolve) => waiting.push(() => resolve({}))),
      connectTimeoutMs: 1_000,
    });
    await settle();
    clock.advance(1_000);
    expect(subscription.state.phase).toBe('waiting');
    waiting[0]!();
    await settle();
    clock.advance(1_000);
    await settle();
    waiting[1]!();
    expect((await server.request(0)).init.method).toBe('POST');
  });

  test('that breaks before its first ID is not asked for again by POST, and fails with why it broke', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
    await using server = await ScriptedServer.listen([[head, RESET], [STREAM_HEAD]]);
    const answer = subscribe(server.origin, {
      method: ({ lastEventId }) => (lastEventId ? 'GET' : 'POST'),
      retry: { initialMs: 100 },
    });
    const error = await failureOf(answer[Symbol.asyncIterator]().next());
    expect(error).toMatchObject({ code: 'ERR_NETWORK', willRetry: false });
    expect(server.requests).toHaveLength(1);
  });
});

describe('until', () => {
  test('ends the iteration behind what is queued, and the connection at once', async () => {
    const { server, events, subscription } = start({ until: ({ type }) => type === 'end' });
    const request = await server.request(0);
    request.open();
    request.send('id: 1\ndata: a\n\nid: 2\nevent: end\ndata:\n\nid: 3\ndata: b\n\n');
    await settle();
    expect(request.init.signal.aborted).toBe(true);
    expect(await events.next()).toMatchObject({ value: { data: 'a' } });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(subscription.lastEventId).toBe('2');
  });

  test('that throws ends the iteration with what it threw', async () => {
    const mine = new Error('mine');
    const { server, events } = start({
      until: () => {
        throw mine;
      },
    });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    expect(await failureOf(events.next())).toBe(mine);
    expect(request.init.signal.aborted).toBe(true);
  });

  test('has to be a function', () => {
    expect(() => subscribe('http://tidings.test/', { until: 'x' as never })).toThrow('until');
  });
});
