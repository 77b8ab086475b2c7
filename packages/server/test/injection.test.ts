import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createServer, connect, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Channel, eventStream as fetchEventStream, ServerError } from '@tidings/server';
import { eventStream, respond } from '@tidings/server/node';
import { decodeEventStream, type EventFields } from '@tidings/wire';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deferred } from './deferred.ts';
import { TestServer } from './test-server.ts';

async function* one(fields: EventFields): AsyncGenerator<EventFields> {
  yield fields;
}

const HOSTILE_HEADERS: readonly [string, Record<string, string>][] = [
  ['CR and LF in a value', { 'X-Test': 'a\r\nSet-Cookie: forged=1' }],
  ['LF in a value', { 'X-Test': 'a\nSet-Cookie: forged=1' }],
  ['CR in a value', { 'X-Test': 'a\rSet-Cookie: forged=1' }],
  ['NUL in a value', { 'X-Test': 'a\0' }],
  ['a value past Latin-1', { 'X-Test': '→' }],
  ['a value that is a number', { 'X-Test': 5 as unknown as string }],
  ['CR and LF in a name', { 'X-Test: a\r\nSet-Cookie': 'forged=1' }],
  ['a colon in a name', { 'X-Test: a': 'b' }],
  ['an empty name', { '': 'a' }],
  ['a framing of its own', { 'Transfer-Encoding': 'chunked' }],
  ['a length', { 'content-length': '5' }],
];

const REFUSED = expect.objectContaining({
  constructor: ServerError,
  code: 'ERR_INVALID_OPTION',
  message: expect.stringMatching(/headers?\b.*[^.]$/s),
});

describe.each(HOSTILE_HEADERS)('header fields with %s are refused', (_, headers) => {
  test('by eventStream for Node, with the request left to be answered', async () => {
    const outcome = deferred<unknown>();
    await using server = await TestServer.listen((incoming, response) => {
      eventStream(incoming, response, one({ data: 'a' }), { headers }).catch((error: unknown) => {
        outcome.resolve(error);
        response.writeHead(500).end();
      });
    });
    const response = await fetch(server.url);
    expect([response.status, response.headers.get('set-cookie')]).toEqual([500, null]);
    expect(await outcome.promise).toEqual(REFUSED);
  });

  test('by eventStream for Fetch and by Channel', () => {
    const asked = new Request('http://127.0.0.1/');
    expect(() => fetchEventStream(asked, one({ data: 'a' }), { headers })).toThrow(REFUSED);
    expect(() => new Channel({ headers })).toThrow(REFUSED);
  });
});

test.each([
  ['CR and LF in a value', { 'WWW-Authenticate': 'a\r\nSet-Cookie: forged=1' }],
  ['LF in a name', { 'a\nSet-Cookie': 'forged=1' }],
])('header fields of a refusal with %s are an error of the hook, and no one else’s', async (_, headers) => {
  const channel = new Channel({
    authenticate: ({ url }) => url === '/' || { allow: false, headers },
  });
  const errors: unknown[] = [];
  await using server = await TestServer.listen((incoming, response) => {
    respond(channel, incoming, response).catch((error: unknown) => {
      errors.push(error);
      response.writeHead(500).end();
    });
  });
  const refused = await fetch(`${server.url}refused`);
  expect([refused.status, refused.headers.get('set-cookie'), errors.length]).toEqual([500, null, 1]);
  // Others are let in as before.
  const open = await fetch(server.url);
  expect(open.status).toBe(200);
  await open.body!.cancel();
});

test.each<[string, EventFields]>([
  ['LF in an id', { id: 'a\nid: forged', data: 'b' }],
  ['CR in a type', { event: 'a\rdata: forged', data: 'b' }],
  ['NUL in an id', { id: 'a\0', data: 'b' }],
  ['a retry that is no integer', { retry: '5\ndata: forged' as unknown as number }],
  ['a field of another name', { 'data: forged\n\n': 'a' } as EventFields],
])('a source that yields %s breaks its response off behind what came before', async (_, fields) => {
  const outcome = deferred<unknown>();
  await using server = await TestServer.listen((incoming, response) => {
    const source = async function* (): AsyncGenerator<EventFields> {
      yield { data: 'before', id: '1' };
      yield fields;
      yield { data: 'behind' };
    };
    eventStream(incoming, response, source).catch(outcome.resolve);
  });
  const client = server.connect();
  client.get();
  await client.closed;
  expect(client.received).not.toMatch(/forged|behind|\r\n0\r\n/);
  expect(client.received).toContain('data: before');
  expect(await outcome.promise).toMatchObject({ code: 'ERR_INVALID_FIELD', message: expect.stringMatching(/[^.]$/) });
});

/** Asks with the bytes of an id as browsers send it: those of UTF-8, whatever they are. */
async function ask(port: number, id: string): Promise<IncomingMessage> {
  const headers = { 'Last-Event-ID': Buffer.from(id).toString('latin1') };
  const sent = request({ host: '127.0.0.1', port, headers, agent: false }).end();
  onTestFinished(() => void sent.destroy());
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

test.each(['a', 'ünï→🎉', 'a  b', 'a: b', '\u2028', '0', 'ÿþ', '"; forged="', 'x'.repeat(1024)])(
  'an id that a channel accepts is one that a listener can come back with: %j',
  async (id) => {
    const channel = new Channel();
    await using server = await TestServer.listen((incoming, response) => void respond(channel, incoming, response));
    await channel.publish({ data: 'before' });
    await channel.publish({ data: 'seen', id });
    await channel.publish({ data: 'missed' });
    const { port } = server.server.address() as AddressInfo;
    for await (const { type, data } of decodeEventStream(await ask(port, id))) {
      expect([type, data]).toEqual(['message', 'missed']);
      break;
    }
  },
);

test.each([' a', 'a ', ' '])('an id that HTTP would change on its way back is refused by a channel: %j', async (id) => {
  await expect(new Channel().publish({ data: 'a', id })).rejects.toMatchObject({ code: 'ERR_INVALID_EVENT' });
});

test('a Last-Event-ID of any bytes is taken for an unknown one at worst', async () => {
  const channel = new Channel();
  await channel.publish({ data: 'a', id: 'known' });
  await using server = await TestServer.listen((incoming, response) => void respond(channel, incoming, response));
  for (const bytes of ['\xff\xfe', '\xe2\x82', '\xc0\x80', '\xed\xa0\x80', 'a\tb', 'x'.repeat(8000), '#', '%0a%0d']) {
    const client = server.connect();
    client.socket.write(Buffer.from(`GET / HTTP/1.1\r\nHost: test\r\nLast-Event-ID: ${bytes}\r\n\r\n`, 'latin1'));
    const received = await client.until('event: tidings-gap');
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    client.socket.destroy();
  }
});

test('on HTTP/2 too, hostile header fields are refused and the connection lives on', async () => {
  const errors: unknown[] = [];
  const server = createServer((incoming: Http2ServerRequest, response: Http2ServerResponse) => {
    const headers = incoming.url === '/hostile' ? { 'X-Test': 'a\r\nb' } : {};
    eventStream(incoming, response, one({ data: 'fine' }), { headers }).catch((error: unknown) => {
      errors.push(error);
      response.writeHead(500).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => session.destroy());
  const statuses: unknown[] = [];
  for (const path of ['/hostile', '/']) {
    const stream = session.request({ ':path': path });
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    statuses.push(head[':status']);
    stream.resume();
    await once(stream, 'end');
  }
  expect(statuses).toEqual([500, 200]);
  expect(errors).toEqual([REFUSED]);
});
