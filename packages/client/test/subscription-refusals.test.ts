import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ConnectionError, EventSource, type EventSourceErrorEvent, subscribe } from '@tidings/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { settle } from './scripted-fetch.ts';
import { failureOf, start } from './subscription-harness.ts';

const ONCE = { retry: { maxAttempts: 1 } };

async function serve(handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function refusalOf(handler: http.RequestListener): Promise<ConnectionError> {
  const events = subscribe(await serve(handler), ONCE)[Symbol.asyncIterator]();
  return (await failureOf(events.next())) as ConnectionError;
}

describe('the error of a refusal', () => {
  const REASON = '{"error":{"message":"max_tokens is too large"}}';

  test('carries the headers and the body', async () => {
    const error = await refusalOf((_, response) => {
      response.writeHead(400, { 'content-type': 'application/json', 'X-Request-ID': 'r1', 'set-cookie': ['a', 'b'] });
      response.end(REASON);
    });
    expect(error).toMatchObject({ code: 'ERR_STATUS', status: 400, body: REASON });
    expect(error.headers?.get('x-request-id')).toBe('r1');
    expect(error.headers?.get('Set-Cookie')).toBe('a, b');
    expect(error.headers?.get('x-other')).toBeNull();
    expect(Object.fromEntries(error.headers as unknown as Iterable<[string, string]>)).toMatchObject({
      'x-request-id': 'r1',
      'content-type': 'application/json',
    });
  });

  test('carries the body of a response of another type, which may be compressed', async () => {
    const { gzipSync } = await import('node:zlib');
    const error = await refusalOf((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' }).end(gzipSync('<p>Log in'));
    });
    expect(error).toMatchObject({ code: 'ERR_CONTENT_TYPE', status: 200, body: '<p>Log in' });
  });

  test('carries no more than 4,096 bytes of the body, and no half of a character', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const error = await refusalOf((_, response) => {
      closed = once(response, 'close');
      response.writeHead(500);
      const fill = (): void => {
        while (!response.destroyed && response.write('x' + 'é'.repeat(5_000)));
      };
      response.on('drain', fill);
      fill();
    });
    expect(error.body).toBe('x' + 'é'.repeat(2_047));
    await closed;
  });

  test('carries what came of a body that breaks', async () => {
    const error = await refusalOf((request, response) => {
      response.writeHead(500, { 'content-length': 100 });
      response.write('the start', () => request.socket.destroy());
    });
    expect(error).toMatchObject({ status: 500, body: 'the start' });
  });

  test('carries what came of a body that does not end within a second', async () => {
    const { server, clock, events } = start(ONCE);
    const failure = failureOf(events.next());
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('wait')),
      cancel: () => {
        isCancelled = true;
      },
    });
    (await server.request(0)).respond({ status: 503, body });
    await settle();
    clock.advance(999);
    await settle();
    expect(isCancelled).toBe(false);
    clock.advance(1);
    expect(await failure).toMatchObject({ code: 'ERR_STATUS', status: 503, body: 'wait' });
    expect(isCancelled).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('is not waited for once the subscription is closed', async () => {
    const { server, clock, events, subscription } = start();
    const next = events.next();
    const body = new ReadableStream<Uint8Array>();
    (await server.request(0)).respond({ status: 503, body });
    await settle();
    subscription.close();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(clock.pending).toBe(0);
  });

  test('stays within its time where the head took almost all of its own', async () => {
    const { server, clock, events } = start({ ...ONCE, connectTimeoutMs: 1_000 });
    const failure = failureOf(events.next());
    const request = await server.request(0);
    clock.advance(999);
    request.respond({ status: 503, body: new ReadableStream<Uint8Array>() });
    await settle();
    clock.advance(1_000);
    expect(await failure).toMatchObject({ code: 'ERR_STATUS', status: 503, body: '' });
  });

  test('is told again where the request is not sent a second time', async () => {
    const url = await serve((_, response) => response.writeHead(429, { 'retry-after': '7' }).end('slow down'));
    const events = subscribe(url, { method: 'POST', body: 'x' })[Symbol.asyncIterator]();
    const error = (await failureOf(events.next())) as ConnectionError;
    expect(error).toMatchObject({ status: 429, body: 'slow down', willRetry: false });
    expect(error.headers?.get('retry-after')).toBe('7');
  });

  test('of an EventSource comes at once, with the headers', async () => {
    const url = await serve((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).flushHeaders();
    });
    const source = new EventSource(url);
    const [error] = (await once(source, 'error')) as [EventSourceErrorEvent];
    expect(error).toMatchObject({ status: 401, cause: { status: 401, body: undefined } });
    expect(error.cause.headers?.get('www-authenticate')).toBe('Bearer');
    expect(source.readyState).toBe(EventSource.CLOSED);
  });
});

test('a retryStatus that throws ends the subscription with what it threw', async () => {
  const mine = new Error('mine');
  const { server, events } = start({
    retry: {
      retryStatus: () => {
        throw mine;
      },
    },
  });
  (await server.request(0)).respond({ status: 503 });
  expect(await failureOf(events.next())).toMatchObject({
    code: 'ERR_REQUEST',
    message: expect.stringContaining(': mine') as string,
    willRetry: false,
    cause: { cause: mine },
  });
});

describe('until', () => {
  const answer = async (text: string, status = 200): Promise<string> =>
    serve((_, response) => response.writeHead(status, { 'content-type': 'text/event-stream' }).end(text));
  const options = { method: 'POST', body: 'x', until: (event: { data: string }) => event.data === '[DONE]' };

  test('that came true ends the loop', async () => {
    const seen = [];
    for await (const { data } of subscribe(await answer('data: all\n\ndata: [DONE]\n\n'), options)) seen.push(data);
    expect(seen).toEqual(['all']);
  });

  test('that never came true makes the loop throw once the stream has ended', async () => {
    const seen: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const { data } of subscribe(await answer('data: half\n\n'), options)) seen.push(data);
    };
    await expect(loop()).rejects.toMatchObject({ code: 'ERR_STREAM_ENDED', willRetry: false });
    expect(seen).toEqual(['half']);
  });

  test('that never came true makes the loop throw where the server says stop', async () => {
    const { until } = options;
    const events = subscribe(await answer('', 204), { until })[Symbol.asyncIterator]();
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_STATUS', status: 204 });
  });
});
