import { once } from 'node:events';
import * as http from 'node:http';
import * as net from 'node:net';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { EventSource, subscribe, type EventSourceErrorEvent } from '@tidings/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failureOf } from './subscription-harness.ts';

/** A server for one test, and its URL. */
async function serve(handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
}

const headFor = (codings: string) => ({ 'content-type': 'text/event-stream', 'content-encoding': codings });

describe('a body in', () => {
  const streams: [codings: string, name: string, createEncoders: () => Transform[]][] = [
    ['deflate', 'bare deflate', () => [zlib.createDeflateRaw()]],
    ['deflate', 'deflate with its header', () => [zlib.createDeflate()]],
    ['zstd', 'zstd', () => [zlib.createZstdCompress()]],
    ['gzip, br', 'two codings', () => [zlib.createGzip(), zlib.createBrotliCompress()]],
    ['identity, X-GZIP', 'x-gzip', () => [zlib.createGzip()]],
    [
      'zstd,deflate ,gzip',
      'three codings',
      () => [zlib.createZstdCompress(), zlib.createDeflateRaw(), zlib.createGzip()],
    ],
  ];
  test.each(streams)('%s (%s) is read event by event', async (codings, _, createEncoders) => {
    const encoders = createEncoders();
    /** Sends a text through all encoders, each of which is flushed when what was written before has passed. */
    const send = async (text: string): Promise<void> => {
      encoders[0]!.write(text);
      for (const encoder of encoders) {
        await new Promise<void>((flushed) => (encoder as zlib.Gzip).flush(flushed));
      }
    };
    const url = await serve((_request, response) => {
      response.writeHead(200, headFor(codings));
      let last: Transform = encoders[0]!;
      for (const encoder of encoders.slice(1)) last = last.pipe(encoder);
      last.pipe(response);
      void send('data: 0\n\n');
    });
    const seen: string[] = [];
    for await (const { data } of subscribe(url)) {
      seen.push(data);
      if (data === '3') break;
      await send(`data: ${Number(data) + 1}\n\n`); // sent only after the one before has arrived
    }
    expect(seen).toEqual(['0', '1', '2', '3']);
  });

  const whole: [coding: string, encode: (text: string) => Buffer][] = [
    ['deflate', zlib.deflateRawSync],
    ['zstd', zlib.zstdCompressSync],
    ['gzip', zlib.gzipSync],
    ['br', zlib.brotliCompressSync],
  ];
  test.each(whole)('%s that is cut off has ended, and what was whole before counts', async (coding, encode) => {
    const bytes = encode(`data: here\n\n`);
    const url = await serve((_request, response) => response.writeHead(200, headFor(coding)).end(bytes));
    const events = [];
    for await (const event of subscribe(url, { retry: { maxAttempts: 1 } })) events.push(event.data);
    expect(events).toEqual(['here']);
  });

  test('a coding that is not known is an error that nothing follows', async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests++;
      response.writeHead(200, headFor('gzip, exi')).end('x');
    });
    expect(await failureOf(subscribe(url)[Symbol.asyncIterator]().next())).toMatchObject({
      code: 'ERR_CONTENT_CODING',
      willRetry: false,
      message: expect.stringContaining('found the content coding "exi", expected gzip, deflate, br'),
    });
    const source = new EventSource(url);
    const [error] = (await once(source, 'error')) as [EventSourceErrorEvent];
    expect(error.code).toBe('ERR_CONTENT_CODING');
    expect(source.readyState).toBe(EventSource.CLOSED);
    expect(requests).toBe(2);
  });

  test('more codings than a body needs is refused', async () => {
    const url = await serve((_request, response) => response.writeHead(200, headFor('gzip,'.repeat(1_000))).end('x'));
    expect(await failureOf(subscribe(url)[Symbol.asyncIterator]().next())).toMatchObject({
      code: 'ERR_CONTENT_CODING',
      message: expect.stringContaining('1000 content codings'),
    });
  });

  test('a coding that is not known does not hide the status of a refusal', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(404, { 'content-encoding': 'exi', 'x-reason': 'gone' }).end('x');
    });
    const error = await failureOf(subscribe(url)[Symbol.asyncIterator]().next());
    expect(error).toMatchObject({ code: 'ERR_STATUS', status: 404, body: undefined });
    expect((error as { headers: Headers }).headers.get('X-Reason')).toBe('gone');
  });
});

describe('a server that answers 101', () => {
  async function switching(): Promise<string> {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
  }

  test('is a network error of an EventSource, which tries again', async () => {
    const source = new EventSource(await switching());
    const [error] = (await once(source, 'error')) as [EventSourceErrorEvent];
    expect(error).toMatchObject({ code: 'ERR_NETWORK', willRetry: true, message: expect.stringContaining('101') });
    source.close();
  });

  test('makes the loop of a subscription with one attempt throw', async () => {
    const events = subscribe(await switching(), { retry: { maxAttempts: 1 } })[Symbol.asyncIterator]();
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_NETWORK' });
  });
});
