import { decodeEventStream, type EventMessage } from '@tidings/wire';
import { authenticateByKey, createServer, Hub, type HubOptions, MemoryLog, page, topics } from '@tidings/hub';
import type { Rights } from '@tidings/server';
import { ManualClock } from '@tidings/server/log/testing';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { text } from 'node:stream/consumers';
import { ask, problemOf, serve, startHub, type Reply } from './test-hub.ts';

describe('a hub in a Fetch server', () => {
  const at = (path: string): string => `http://localhost${path}`;

  function fetchHub(): Hub {
    const hub = new Hub({ log: new MemoryLog() });
    onTestFinished(() => hub.close());
    return hub;
  }

  test('publishes and streams to Response bodies', async () => {
    const hub = fetchHub();
    const abort = new AbortController();
    const listening = await hub.fetch(new Request(at('/topics/a'), { signal: abort.signal }));
    expect([listening.status, listening.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const answer = await hub.fetch(new Request(at('/topics/a?type=t'), { method: 'POST', body: 'Hello 🎉' }));
    const id = await answer.text();
    const events: EventMessage[] = [];
    for await (const event of decodeEventStream(listening.body!)) {
      events.push(event);
      if (event.type === 't') break;
    }
    expect(events.map(({ type }) => type)).toEqual(['tidings-heartbeat', 't']);
    expect(events[1]).toEqual({ type: 't', data: 'Hello 🎉', lastEventId: id });
    const body = 'data: 1\n\ndata: 2\n\n';
    const headers = { 'content-type': 'text/event-stream' };
    await hub.fetch(new Request(at('/topics/a'), { method: 'POST', headers, body }));
    const again = await hub.fetch(new Request(at('/topics/a'), { headers: { 'last-event-id': id } }));
    const data: string[] = [];
    for await (const event of decodeEventStream(again.body!)) if (data.push(event.data) === 2) break;
    expect(data).toEqual(['1', '2']);
  });

  test('answers problems and documents', async () => {
    const hub = fetchHub();
    const missing = await hub.fetch(new Request(at('/nothing')));
    expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    expect(await (await hub.fetch(new Request(at('/topics')))).json()).toMatchObject({ topics: [], total: 0 });
    const elsewhere = await hub.fetch(new Request('http://example.com/topics'));
    expect(elsewhere.status).toBe(403);
    const preflight = await hub.fetch(new Request(at('/topics/a'), { method: 'OPTIONS' }));
    expect([preflight.status, await preflight.text()]).toEqual([204, '']);
  });

  test('answers without a body where the status allows none', async () => {
    const hub = fetchHub();
    const send = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
      const response = await hub.fetch(new Request(at(path), { method, headers, ...(body ? { body } : {}) }));
      return { status: response.status, headers: response.headers, text: await response.text() };
    };
    const nothing = { status: 204, text: '' };
    const { lease } = JSON.parse((await send('PUT', '/topics/a?lease=30s')).text) as { lease: string };
    expect(await send('DELETE', '/topics/a?lease', { 'tidings-lease': lease })).toMatchObject(nothing);
    const { text: first } = await send('POST', '/topics/a', {}, 'x');
    await send('POST', '/topics/a', {}, 'y');
    const read = (headers: Record<string, string>) =>
      send('GET', `/topics/a?limit=1&lastEventId=${first}`, { accept: 'application/json', ...headers });
    const etag = (await read({})).headers.get('etag') ?? '';
    expect(await read({ 'if-none-match': etag })).toMatchObject({ status: 304, text: '' });
    await send('POST', '/topics/a?close');
    expect(await send('GET', '/topics/a')).toMatchObject(nothing);
  });

  test('lets a listener go when its request is aborted or its body cancelled', async () => {
    const hub = fetchHub();
    const listeners = async (): Promise<number> =>
      ((await (await hub.fetch(new Request(at('/healthz')))).json()) as { listeners: number }).listeners;
    const abort = new AbortController();
    const aborted = await hub.fetch(new Request(at('/topics/a'), { signal: abort.signal }));
    const cancelled = await hub.fetch(new Request(at('/topics/a')));
    expect(await listeners()).toBe(2);
    abort.abort();
    await expect(aborted.text()).rejects.toThrow('broken off');
    await cancelled.body!.cancel();
    expect(await listeners()).toBe(0);
  });
});

test('a request that was given up before its answer leaves nothing behind', async () => {
  const rights: ((answer: boolean) => void)[] = [];
  const authenticate = (): Promise<boolean> => new Promise((resolve) => void rights.push(resolve));
  const hub = new Hub({ log: new MemoryLog(), limits: { maxListeners: 1 }, authenticate });
  const server = createServer(hub);
  const port = await serve(hub, server);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await expect.poll(() => rights.length).toBe(1);
  const connections = (): Promise<number> =>
    new Promise((resolve) => void server.getConnections((_, count) => resolve(count)));
  socket.destroy();
  await expect.poll(connections).toBe(0);
  rights[0]!(true);
  const next = Listener.open(port, '/topics/a');
  await expect.poll(() => rights.length).toBe(2);
  rights[1]!(true);
  expect((await next).response.statusCode).toBe(200);
});

describe('closing a hub', () => {
  test('sends each listener away with a time of its own to come back, and refuses new requests', async () => {
    const { hub, port } = await startHub();
    const listeners = await Promise.all(Array.from({ length: 8 }, () => Listener.open(port, '/topics/a')));
    const list = await Listener.open(port, '/topics', { accept: 'text/event-stream' });
    await list.take(1);
    await hub.close({ windowMs: 1000 });
    for (const listener of listeners) expect(await listener.end()).toBe('complete');
    const times = listeners.map(({ retries }) => retries[0]!);
    for (const time of times) expect(time).toSatisfy((ms: number) => ms >= 5000 && ms <= 6000);
    expect(new Set(times).size).toBeGreaterThan(1);
    expect(await list.end()).toBe('complete');
    expect((await ask(port, 'GET', '/topics/a')).status).toBe(503);
    // An EventSource that is refused would never come back.
    const late = await ask(port, 'GET', '/topics/a', { headers: { accept: 'text/event-stream' } });
    expect([late.status, late.headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(Number(/^retry: (\d+)\n\n$/.exec(late.text)![1])).toSatisfy((ms: number) => ms >= 5000 && ms <= 6000);
    expect((await ask(port, 'POST', '/topics/a')).status).toBe(503);
    expect((await ask(port, 'GET', '/healthz')).status).toBe(503);
  });

  test('answers preflights, so that a page of another origin is told when to come back', async () => {
    const { hub, port } = await startHub({ allowedOrigins: ['https://app.example'], anonymous: 'all' });
    await hub.close();
    const preflight = {
      origin: 'https://app.example',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'last-event-id',
    };
    const { status, headers } = await ask(port, 'OPTIONS', '/topics/a', { headers: preflight });
    expect([status, headers['access-control-allow-headers']]).toEqual([204, 'last-event-id']);
  });

  test('breaks off who is still being given old events, so that nobody takes the end for a whole stream', async () => {
    const { hub, port, log } = await startHub();
    for (let n = 0; n < 40; n += 1) await log.append([{ topics: ['a'], fields: { data: 'x'.repeat(1024 * 1024) } }]);
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write('GET /topics/a?last_event_id=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => void socket.once('readable', resolve));
    await hub.close();
    let tail = '';
    for await (const chunk of socket.on('error', () => {})) tail = (tail + String(chunk)).slice(-7);
    expect(tail).not.toBe('\r\n0\r\n\r\n');
  });

  test('lets publishes under way finish', async () => {
    const { hub, epoch } = await startHub();
    let finish = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        finish = () => {
          controller.enqueue(Buffer.from('last'));
          controller.close();
        };
      },
    });
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    const publishing = hub.fetch(new Request('http://localhost/topics/a', init));
    const closing = hub.close();
    finish();
    const reply = await publishing;
    expect([reply.status, await reply.text()]).toEqual([200, `${epoch}.1`]);
    await closing;
  });

  test('gives the same promise to everyone who closes it', async () => {
    const { hub } = await startHub();
    const first = hub.close();
    expect(hub.close({ windowMs: 1, finishMs: 1 })).toBe(first);
    await first;
  });

  /** A publish whose body never ends. The hub has asked for its body when `begun` resolves. */
  function upload(port: number, type: string, body: string): { begun: Promise<unknown>; reply: Promise<Reply> } {
    const headers = { 'content-type': type, expect: '100-continue' };
    const sent = request({ host: '127.0.0.1', port, path: '/topics/a', method: 'POST', headers, agent: false });
    const begun = once(sent, 'continue').then(() => sent.write(body));
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    const reply = answered.then(async ([response]) => ({
      status: response.statusCode!,
      headers: response.headers,
      text: await text(response),
    }));
    sent.flushHeaders();
    return { begun, reply };
  }

  test('ends an upload that stays open at once, and says what was published of it', async () => {
    const started = await startHub({ clock: new ManualClock() });
    const { hub, port } = started;
    const listener = await Listener.open(port, '/topics/a');
    const { reply } = upload(port, 'text/event-stream', 'data: 1\n\ndata: 2\n\ndata: unfinished\n');
    expect(await listener.take(2)).toEqual(['1', '2']);
    const closing = hub.close();
    expect(await listener.end()).toBe('complete');
    expect(listener.retries).toHaveLength(1);
    expect(problemOf(await reply)).toBe('draining');
    expect(JSON.parse((await reply).text)).toMatchObject({ published: 2, lastId: started.cursor(2) });
    expect((await reply).headers['retry-after']).toBe('1');
    await closing;
  });

  test('begins no upload whose sender was let in only after the hub had begun to close', async () => {
    let letIn = (): void => {};
    const authenticate = (): Promise<Rights> =>
      new Promise((resolve) => (letIn = () => resolve({ allow: true, publish: 'all' })));
    const { hub, port } = await startHub({ clock: new ManualClock(), authenticate });
    const before = letIn;
    const { reply } = upload(port, 'text/event-stream', 'data: 1\n\n');
    await expect.poll(() => letIn !== before).toBe(true);
    const closing = hub.close();
    letIn();
    expect(problemOf(await reply)).toBe('draining');
    expect(JSON.parse((await reply).text)).not.toHaveProperty('published');
    await closing;
  });

  test('breaks off a body that is never whole when its time is over', async () => {
    const clock = new ManualClock();
    const { hub, port } = await startHub({ clock });
    const { begun, reply } = upload(port, 'text/plain', 'unfinished');
    await begun;
    const closing = hub.close({ finishMs: 1000 });
    clock.advance(1000);
    await closing;
    expect(problemOf(await reply)).toBe('draining');
  });

  test('waits for its listeners, and breaks off those that do not read when the window is over', async () => {
    const clock = new ManualClock();
    const { hub, port, log } = await startHub({ clock });
    const reading = await Listener.open(port, '/topics/a');
    const asleep: Socket[] = [];
    for (const head of ['/topics/a?x HTTP/1.1', '/topics HTTP/1.1\r\nAccept: text/event-stream']) {
      const socket = connect(port, '127.0.0.1').pause();
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {});
      socket.write(`GET ${head.replace('?x', '?last=1')}\r\nHost: localhost\r\n\r\n`);
      asleep.push(socket);
    }
    await expect.poll(() => hub.stats().listeners).toBe(2);
    // More than the kernels take.
    for (let n = 0; n < 16; n += 1) await log.append([{ topics: ['a'], fields: { data: 'x'.repeat(1024 * 1024) } }]);
    await reading.take(16);
    const closing = hub.close({ windowMs: 3000 });
    expect(await reading.end()).toBe('complete');
    clock.advance(3000);
    await closing;
    expect(hub.stats().listeners).toBe(0);
  });

  test('waits no longer for a request whose rights are never found out', async () => {
    const clock = new ManualClock();
    const hub = new Hub({ log: new MemoryLog(), clock, authenticate: () => new Promise(() => {}) });
    void hub.fetch(new Request('http://localhost/topics/a'));
    const closing = hub.close();
    clock.advance(5000);
    await closing;
    expect(clock.pending).toBe(0);
  });
});

describe('options of a hub are checked at the door', () => {
  const BAD: readonly [options: object, message: string | RegExp][] = [
    [{ log: undefined }, 'The option log is undefined, but must be an event log'],
    [{ log: Promise.resolve({}) }, 'The option log is a promise, but must be an event log; await it first'],
    [
      { log: { append() {} } },
      'The option log is an object without read, locate, locateLast, locateSince, follow, close, but must be an event log with',
    ],
    [{ alowedOrigins: [] }, 'There is no option alowedOrigins; allowed are log, faces, authenticate, key,'],
    [{ limits: { maxMatcher: 1 } }, 'There is no option limits.maxMatcher; allowed are limits.maxEventBytes,'],
    [{ faces: [{}] }, 'The option faces[0] is an object, but must be a function that makes a face, such as topics()'],
    [{ faces: topics }, 'but must be an array of functions'],
    [{ publicUrl: 'hub.example' }, 'The option publicUrl is "hub.example", but must be an absolute URL'],
    [{ publicUrl: 'http://[' }, 'The option publicUrl is "http://[", but must be an absolute URL'],
    [{ publicUrl: 'http://hub.example/?a' }, 'must be a URL without a query and a fragment'],
    [{ publicUrl: 'https://ann:hush@hub.example/' }, /^(?!.*hush).*The option publicUrl has a user or a password/],
    [
      { tokens: { issuers: [{ keys: [{ url: 'https://ann:hush@hub.example/' }], audience: 'a' }] } },
      /^(?!.*hush).*a URL with a user or a password/,
    ],
    [{ publicUrl: 'http://hub.example/topics/' }, 'whose path begins with neither of /topics, /healthz'],
    [
      { trustedProxies: ['10.0.0.0/33'] },
      'The option trustedProxies has "10.0.0.0/33"; allowed are IP addresses, networks such as 10.0.0.0/8, and the words loopback, private, unix',
    ],
    [{ trustedProxies: ['proxy.example'] }, 'and the words loopback, private, unix'],
    [{ trustedProxies: ['toString'] }, 'The option trustedProxies has "toString"; allowed are IP addresses'],
    [{ trustedProxies: [Object.create(null)] }, 'The option trustedProxies has an object; allowed are IP addresses'],
    [
      { trustedProxies: 'loopback' },
      'The option trustedProxies is "loopback", but must be an array with any of IP addresses',
    ],
    [{ key: 'short' }, 'The option key is a text of 5 characters, but must be 16 or more printable ASCII characters'],
    [
      { key: 1234567890123456 },
      'The option key is of the type number, but must be 16 or more printable ASCII characters',
    ],
    [{ proxyHeader: 'via' as never }, 'The option proxyHeader is "via", but must be "x-forwarded" or "forwarded"'],
    [{ authenticate: 'all' }, 'The option authenticate is "all", but must be a function'],
    [{ keepAliveMs: -1 }, 'The option keepAliveMs is -1, but must be an integer from 0'],
    [{ limits: 5 }, 'The option limits is 5, but must be an object with any of limits.maxEventBytes,'],
    [{ allowedOrigins: 'https://a.example' }, 'The option allowedOrigins is "https://a.example", but must be an array'],
  ];

  test.each(BAD)('%o is refused', (options, message) => {
    const make = (): Hub => new Hub({ log: new MemoryLog(), ...options });
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(make).toThrow(message);
  });

  test.each([undefined, null, 'log'])('%s in the place of all options is refused', (options) => {
    const make = (): Hub => new Hub(options as unknown as HubOptions);
    expect(make).toThrow(expect.objectContaining({ name: 'HubError', code: 'ERR_INVALID_OPTION' }));
    expect(make).toThrow(`The options are ${JSON.stringify(options)}, but must be an object with any of log, faces,`);
  });
});

const NO_HUBS: readonly [given: unknown, found: string][] = [
  [undefined, 'is undefined, but must be a Hub: new Hub({ log })'],
  [{ log: new MemoryLog() }, 'is an object, but must be a Hub: new Hub({ log })'],
  [() => {}, 'is a function, but must be a Hub: new Hub({ log })'],
  [Hub, 'is a function, but must be a Hub: new Hub({ log })'],
  [Promise.resolve(), 'is a promise, but must be a Hub: await it first'],
];

test.each(NO_HUBS)('createServer refuses %o at once, and not at the first request', (given, found) => {
  const make = (): unknown => createServer(given as Hub);
  expect(make).toThrow(expect.objectContaining({ name: 'HubError', code: 'ERR_INVALID_OPTION' }));
  expect(make).toThrow(`The hub of createServer ${found}`);
});

test('a page that is no text is refused', () => {
  const make = (): unknown => page(undefined as unknown as string);
  expect(make).toThrow(expect.objectContaining({ name: 'HubError', code: 'ERR_INVALID_OPTION' }));
  expect(make).toThrow('The page is undefined, but must be the text of an HTML document');
});

test.each([
  ['a-key-of-the-hub-itself', 'a text'],
  [undefined, 'undefined'],
])('authenticateByKey refuses %o, which gives no key', (options, found) => {
  const make = (): unknown => authenticateByKey(options as unknown as object);
  expect(make).toThrow(expect.objectContaining({ name: 'HubError', code: 'ERR_INVALID_OPTION' }));
  expect(make).toThrow(
    `The options of authenticateByKey are ${found}, but must be an object with any of key, anonymous`,
  );
});
