import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { oldToken, ROOT, startMercure, subscribe } from './mercure-hub.ts';
import { bearer } from './token-maker.ts';

/** Sends the bytes of a request over a socket of its own. Gives all bytes of the answer. */
async function send(port: number, lines: readonly string[], body: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `${[...lines, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`,
  );
  return await text(socket);
}

const CLIENTS: readonly [name: string, headers: readonly string[], body: string][] = [
  [
    'the component of Symfony: repeated topic, private=on, no fields without a value',
    [
      'User-Agent: Symfony HttpClient (Curl)',
      'Accept: */*',
      'Accept-Encoding: gzip',
      'Content-Type: application/x-www-form-urlencoded',
    ],
    'topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=books&data=%7B%22status%22%3A%22Out+of+stock%22%7D&private=on&id=urn%3Auuid%3A1&type=book&retry=3000',
  ],
  [
    'the component of Symfony without curl, whose field names come in capitals and small letters',
    [
      'Accept: */*',
      'User-Agent: Symfony HttpClient (Native)',
      'Accept-Encoding: gzip',
      'Content-type: application/x-www-form-urlencoded',
    ],
    'topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=books&data=%7B%22status%22%3A%22Out+of+stock%22%7D&private=on&id=urn%3Auuid%3A1&type=book&retry=3000',
  ],
  [
    'the publisher of npm’s mercure: the data before the topics, and targets that nobody has any more',
    [
      'Accept: application/json, text/plain, */*',
      'Content-Type: application/x-www-form-urlencoded',
      'User-Agent: axios/0.21.1',
    ],
    'data=%7B%22status%22%3A%22Out%20of%20stock%22%7D&topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=books&target=a&id=urn%3Auuid%3A1&type=book&retry=3000',
  ],
  [
    'a publisher that stringifies its options with axios: empty fields for those that are not given',
    [
      'Accept: application/json, text/plain, */*',
      'User-Agent: axios/0.18.1',
      'Content-Type: application/x-www-form-urlencoded',
    ],
    'topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=books&data=%7B%22status%22%3A%22Out%20of%20stock%22%7D&id=urn%3Auuid%3A1&type=book&retry=3000&private=',
  ],
  [
    'fetch with URLSearchParams',
    [
      'accept: */*',
      'accept-language: *',
      'sec-fetch-mode: cors',
      'user-agent: node',
      'accept-encoding: gzip, deflate',
      'content-type: application/x-www-form-urlencoded;charset=UTF-8',
    ],
    'topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=books&data=%7B%22status%22%3A%22Out+of+stock%22%7D&private=on&id=urn%3Auuid%3A1&type=book&retry=3000',
  ],
  [
    'a client of Go, whose form is sorted',
    ['User-Agent: Go-http-client/1.1', 'Content-Type: application/x-www-form-urlencoded', 'Accept-Encoding: gzip'],
    'data=%7B%22status%22%3A%22Out+of+stock%22%7D&id=urn%3Auuid%3A1&private=on&retry=3000&topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=books&type=book',
  ],
];

describe('the requests of ready-made publishers are taken', () => {
  test.each(CLIENTS)('%s', async (_name, headers, body) => {
    const hub = await startMercure();
    const token = await oldToken({ publish: ['https://example.com/books/{id}', 'books'], subscribe: ['books'] });
    const listener = await subscribe(hub, 'topic=https://example.com/books/{id}', bearer(token));
    const lines = [
      `POST ${ROOT} HTTP/1.1`,
      `Host: 127.0.0.1:${hub.port}`,
      `Authorization: Bearer ${token}`,
      ...headers,
    ];
    const answer = await send(hub.port, lines, body);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toMatch(/\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
    expect(answer).toMatch(/\r\n\r\nurn:uuid:1$/);
    await listener.until(() => listener.published.length === 1);
    expect(listener.published).toEqual([
      { type: 'book', data: '{"status":"Out of stock"}', lastEventId: 'urn:uuid:1' },
    ]);
    expect(listener.retries).toEqual([3000]);
  });

  test('curl -d', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'topic=books');
    const token = await oldToken({ publish: ['*'] });
    const args = [
      '-s',
      '-d',
      'topic=books',
      '--data-urlencode',
      'data=a & b',
      '-H',
      `Authorization: Bearer ${token}`,
      hub.url + ROOT,
    ];
    const { stdout } = await promisify(execFile)('curl', args);
    expect([stdout, await listener.take(1)]).toEqual([`#${hub.cursor(1)}`, ['a & b']]);
  });
});

describe('the requests of ready-made subscribers are answered', () => {
  test('an EventSource of a page, with the cookie of the old dialect, that comes back by itself', async () => {
    const hub = await startMercure({}, { anonymous: 'none', allowedOrigins: ['https://app.example'] });
    const token = await oldToken({ subscribe: ['https://example.com/{+any}'] });
    const headers = {
      accept: 'text/event-stream',
      'cache-control': 'no-cache',
      origin: 'https://app.example',
      cookie: `mercureAuthorization=${token}`,
    };
    await hub.log.append(
      [1, 2].map((n) => ({ topics: ['https://example.com/a'], fields: { data: `${n}` }, private: true })),
    );
    const again = await Listener.open(hub.port, `${ROOT}?topic=https%3A%2F%2Fexample.com%2Fa`, {
      ...headers,
      'last-event-id': `#${hub.cursor(1)}`,
    });
    expect([await again.take(1), again.response.headers['access-control-allow-credentials']]).toEqual([['2'], 'true']);
  });

  test('an EventSource polyfill that sends its place as a query parameter', async () => {
    const hub = await startMercure();
    await hub.log.append([1, 2].map((n) => ({ topics: ['a'], fields: { data: `${n}`, id: `i${n}` } })));
    const listener = await subscribe(hub, 'topic=a&Last-Event-ID=i1');
    expect(await listener.take(1)).toEqual(['2']);
  });
});
