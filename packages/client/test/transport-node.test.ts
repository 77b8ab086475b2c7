import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as zlib from 'node:zlib';
import { EventSource, subscribe, type SubscribeOptions, type SubscriptionState } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { head, ScriptedServer, type ServerScript, STREAM_HEAD } from './scripted-server.ts';

const END = { do: 'end' } as const;
const EVENT: ServerScript = [STREAM_HEAD, 'data: here\n\n'];

/** Listens with what is asked for until the first event, and returns the requests that this took. */
async function requestsOf(scripts: readonly ServerScript[], options: SubscribeOptions = {}) {
  await using server = await ScriptedServer.listen(scripts);
  for await (const event of subscribe(`${server.origin}/stream`, options)) {
    expect(event.data).toBe('here');
    break;
  }
  await server.deserted();
  return server.requests;
}

function redirect(status: number, location: string): ServerScript {
  return [head(status, { Location: location, 'Content-Length': '0' }), END];
}

describe('a redirect', () => {
  const SECRETS = { authorization: 'Bearer secret', cookie: 'a=secret', 'x-key': 'secret' };

  test('within the origin keeps all headers', async () => {
    const [, second] = await requestsOf([redirect(302, '/target'), EVENT], { headers: SECRETS });
    expect(second).toMatchObject({ path: '/target', headers: SECRETS });
  });

  test('to another origin keeps no secret, also not when it comes back', async () => {
    const scripts = [redirect(302, '{other}/away'), redirect(302, '{origin}/back'), EVENT];
    const requests = await requestsOf(scripts, { headers: SECRETS, lastEventId: '7' });
    expect(requests.map(({ path }) => path)).toEqual(['/stream', '/away', '/back']);
    expect(requests[0]!.headers).toMatchObject(SECRETS);
    for (const { headers } of requests.slice(1)) {
      expect(Object.keys(headers).filter((name) => name in SECRETS)).toEqual([]);
      expect(headers).toMatchObject({ 'last-event-id': '7', accept: 'text/event-stream' });
    }
  });

  const methods = [
    [301, 'GET', ''],
    [302, 'GET', ''],
    [303, 'GET', ''],
    [307, 'POST', 'question'],
    [308, 'POST', 'question'],
  ] as const;
  test.each(methods)('%i makes a POST a %s with the body "%s"', async (status, method, body) => {
    const options = { method: 'POST', body: 'question' };
    const requests = await requestsOf([redirect(status, '/target'), EVENT], options);
    expect(requests[0]).toMatchObject({ method: 'POST', body: 'question' });
    expect(requests[1]).toMatchObject({ method, path: '/target', body });
    expect(requests[1]!.headers['content-type']).toBe(body === '' ? undefined : 'text/plain;charset=UTF-8');
  });

  test.each([301, 302, 303, 307, 308])('of a subscription by %i is followed anew at the next try', async (status) => {
    const ended: ServerScript = [STREAM_HEAD, 'retry: 100\n\n', END];
    const requests = await requestsOf([redirect(status, '/target'), ended, EVENT]);
    expect(requests.map(({ path }) => path)).toEqual(['/stream', '/target', '/stream']);
  });

  test('of a POST that becomes a GET is followed by a POST', async () => {
    const ended: ServerScript = [STREAM_HEAD, 'retry: 100\n\n', END];
    const requests = await requestsOf([redirect(301, '/target'), ended, EVENT], {
      method: 'POST',
      body: 'x',
      retry: { maxAttempts: 2 },
    });
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /stream',
      'GET /target',
      'POST /stream',
    ]);
  });

  test('without end is a network error', async () => {
    await using server = await ScriptedServer.listen(Array.from({ length: 30 }, () => redirect(302, '/loop')));
    const subscription = subscribe(`${server.origin}/stream`, { retry: { maxAttempts: 1 } });
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'ERR_NETWORK',
      cause: { message: expect.stringContaining('20 redirects') },
    });
    expect(server.requests).toHaveLength(21);
  });

  test('to a scheme that is not HTTP is not followed, and not asked for again', async () => {
    await using server = await ScriptedServer.listen([redirect(302, 'file:///etc/hostname')]);
    const subscription = subscribe(`${server.origin}/stream`);
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'ERR_STATUS',
      status: 302,
    });
  });
});

describe('a request', () => {
  test('carries a body of bytes', async () => {
    const [request] = await requestsOf([EVENT], { method: 'PUT', body: Uint8Array.of(0, 255, 65) });
    expect(request).toMatchObject({ method: 'PUT', body: '\u0000\u00FFA', headers: { 'content-length': '3' } });
  });

  test('carries the user name and password of its URL', async () => {
    await using server = await ScriptedServer.listen([EVENT]);
    const source = new EventSource(server.origin.replace('//', '//me:p%40ss@'));
    await once(source, 'message');
    source.close();
    expect(server.requests[0]!.headers['authorization']).toBe(`Basic ${btoa('me:p@ss')}`);
  });

  test('that is refused is a network error', async () => {
    const server = await ScriptedServer.listen([]);
    const { origin } = server;
    await server[Symbol.asyncDispose]();
    const subscription = subscribe(origin, { retry: { maxAttempts: 1 } });
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'ERR_NETWORK',
      message: expect.stringContaining('ECONNREFUSED'),
      cause: { code: 'ECONNREFUSED' },
    });
  });
});

describe('a connection that breaks', () => {
  const codings = [
    ['plain', (text: string) => Buffer.from(text)],
    ['gzip', (text: string) => zlib.gzipSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH })],
  ] as const;
  test.each(codings)('after its head is reported as what happened (%s)', async (coding, encode) => {
    const server = http.createServer((_, response) => {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        ...(coding === 'gzip' && { 'content-encoding': coding }),
      });
      response.write(encode('data: here\n\n'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const listening = subscribe(`http://127.0.0.1:${port}/`, { retry: { maxAttempts: 1 } });
    const loop = (async () => {
      for await (const { data } of listening) {
        expect(data).toBe('here');
        server.closeAllConnections();
      }
    })();
    await expect(loop).rejects.toMatchObject({
      code: 'ERR_NETWORK',
      message: expect.stringMatching(/: the connection broke before the stream ended$/),
      cause: { cause: expect.any(Error) },
    });
    server.close();
  });

  test('before its head is reported as what happened', async () => {
    const server = http.createServer((request) => request.socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const listening = subscribe(`http://127.0.0.1:${port}/`, { retry: { maxAttempts: 1 } });
    await expect(listening[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'ERR_NETWORK',
      message: expect.stringMatching(/: the server closed the connection before it answered$/),
      cause: { code: 'ECONNRESET' },
    });
    server.close();
  });
});

describe('a compressed stream', () => {
  const codings = [
    ['gzip', () => zlib.createGzip()],
    ['deflate', () => zlib.createDeflate()],
    ['br', () => zlib.createBrotliCompress()],
  ] as const;
  test.each(codings)('in %s is read event by event', async (coding, createEncoder) => {
    let send: (text: string) => void = () => {};
    const server = http.createServer((request, response) => {
      expect(request.headers['accept-encoding']).toContain(coding);
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': coding });
      const encoder = createEncoder();
      encoder.pipe(response);
      send = (text) => {
        encoder.write(text);
        encoder.flush();
      };
      send('data: 0\n\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const seen: string[] = [];
    for await (const { data } of subscribe(`http://127.0.0.1:${port}/`)) {
      seen.push(data);
      if (data === '3') break;
      send(`data: ${Number(data) + 1}\n\n`); // sent only after the one before has arrived
    }
    expect(seen).toEqual(['0', '1', '2', '3']);
    server.close();
    server.closeAllConnections();
  });

  test('that ends without the end of its coding has ended, not broken', async () => {
    let requests = 0;
    const server = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      const whole = zlib.gzipSync(`retry: 100\n\nid: 1\ndata: ${++requests}\n\n`, {
        finishFlush: zlib.constants.Z_SYNC_FLUSH,
      });
      response.end(whole);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const seen: string[] = [];
    const errors: (string | undefined)[] = [];
    const onState = ({ error }: SubscriptionState): void => {
      if (error !== undefined) errors.push(error.code);
    };
    for await (const { data } of subscribe(`http://127.0.0.1:${port}/`, { onState })) {
      seen.push(data);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['1', '2']);
    expect(errors).toEqual(['ERR_STREAM_ENDED']);
    server.close();
    server.closeAllConnections();
  });
});
