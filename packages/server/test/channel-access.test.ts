import { Channel, type Authentication, type ReceivedEvent, type Rights } from '@tidings/server';
import { MemoryLog } from '@tidings/server/log';
import { createServer as createStreamServer, respond } from '@tidings/server/node';
import { createServer as createHttpServer } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import { dataOf, events, listen, requestHead, untilData } from './channel-rig.ts';
import { deferred } from './deferred.ts';
import { FakeClock } from './fake-clock.ts';
import { parseChunked, TestServer, until, type Handler } from './test-server.ts';

const EVEN: Rights = { allow: true, filter: ({ data }) => Number(data) % 2 === 0 };

async function publish(channel: Channel, ...data: (string | number)[]): Promise<string[]> {
  return await Promise.all(data.map((text) => channel.publish({ data: String(text) })));
}

/** Waits until what was scheduled has run. */
async function tick(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('authenticate', () => {
  test('lets in who may listen, and answers the others 403', async () => {
    const asked: string[] = [];
    const channel = new Channel({
      authenticate: async (request) => {
        asked.push(request.url);
        return await Promise.resolve(request.header('authorization') === 'Bearer right');
      },
    });
    await using server = await TestServer.listen((request, response) => void respond(channel, request, response));
    const refused = await fetch(`${server.url}a`, { headers: { Authorization: 'Bearer wrong' } });
    expect([refused.status, await refused.text()]).toEqual([403, 'This request may not listen here\n']);
    expect(refused.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const allowed = await fetch(`${server.url}b`, { headers: { Authorization: 'Bearer right' } });
    expect(allowed.status).toBe(200);
    await allowed.body!.cancel();
    expect(asked).toEqual(['/a', '/b']);
    expect(channel.stats().refused.forbidden).toBe(1);
  });

  test('says itself how a request is refused', async () => {
    const channel = new Channel({
      authenticate: () => ({
        allow: false,
        status: 401,
        headers: { 'WWW-Authenticate': 'Bearer' },
        body: 'who are you?',
      }),
    });
    const answer = await channel.answer(requestHead());
    expect(answer).toEqual({
      status: 401,
      headers: {
        'Content-Type': 'text/plain; charset=utf-8',
        'Cache-Control': 'no-store',
        'WWW-Authenticate': 'Bearer',
      },
      body: 'who are you?',
    });
  });

  test('is asked again on every reconnect, so that rights that are gone give no replay', async () => {
    let allow = true;
    const channel = new Channel({ authenticate: () => allow });
    const [first] = await publish(channel, 1, 2);
    const { sink } = await listen(channel, { headers: { 'last-event-id': first! } });
    await untilData(sink, '2');
    allow = false;
    expect(await channel.answer(requestHead({ headers: { 'last-event-id': first! } }))).toMatchObject({ status: 403 });
  });

  const wrong: unknown[] = [
    undefined,
    null,
    'yes',
    1,
    {},
    { allow: 'yes' },
    { allow: true, expiresAt: '2030' },
    { allow: true, expiresAt: Number.NaN },
    // Seconds, as in a token.
    { allow: true, expiresAt: Math.floor(Date.now() / 1000) + 3600 },
    { allow: true, filter: 'a' },
    { allow: true, filter: () => true, filterKey: 1 },
    { allow: true, subject: 1 },
    { allow: true, key: ['ada'] },
    { allow: true, listen: 'channel' },
    { allow: true, publish: null },
    { allow: true, private: { all: true } },
    { allow: true, listen: [null] },
    { allow: false, status: 200 },
  ];
  test.each(wrong)('that answers %o lets nobody in', async (answer) => {
    const channel = new Channel({ authenticate: () => answer as Authentication });
    await expect(channel.answer(requestHead())).rejects.toMatchObject({
      code: 'ERR_INVALID_RIGHTS',
      message: expect.stringMatching(/^Cannot use the result of authenticate: .+ but must be/) as string,
    });
    expect(channel.stats().listeners).toBe(0);
  });

  test('that throws lets nobody in', async () => {
    const channel = new Channel({
      authenticate: () => {
        throw new Error('no database');
      },
      maxListeners: 1,
    });
    await expect(channel.answer(requestHead())).rejects.toThrow('no database');
    await expect(channel.answer(requestHead())).rejects.toThrow('no database');
  });

  test('that grants what has expired already refuses', async () => {
    const clock = new FakeClock(1000);
    const channel = new Channel({ authenticate: () => ({ allow: true, expiresAt: 1000 }), clock });
    expect(await channel.answer(requestHead())).toMatchObject({
      status: 403,
      body: 'The rights of this request have expired\n',
    });
  });
});

describe('a filter', () => {
  test('is bound to the listener: live events and replayed ones', async () => {
    const channel = new Channel({ authenticate: ({ url }) => (url === '/even' ? EVEN : true) });
    const [first] = await publish(channel, 1, 2, 3, 4);
    const even = await listen(channel, { url: '/even', headers: { 'last-event-id': first! } });
    const all = await listen(channel, { headers: { 'last-event-id': first! } });
    await untilData(all.sink, '4');
    await publish(channel, 5, 6, 7);
    await untilData(all.sink, '7');
    expect(dataOf(all.sink)).toEqual(['2', '3', '4', '5', '6', '7']);
    expect(dataOf(even.sink)).toEqual(['2', '4', '6']);
  });

  test('is given type, data, id and topics of an event, once for all listeners with the same key', async () => {
    const seen: ReceivedEvent[] = [];
    const filter = (event: ReceivedEvent): boolean => seen.push(event) > 0;
    const channel = new Channel({ authenticate: () => ({ allow: true, filter, filterKey: 'mine' }) });
    const listeners = await Promise.all([listen(channel), listen(channel), listen(channel)]);
    await channel.publish({ event: 'added', data: 'a\nb', id: 'ü' });
    const id = await channel.publish({ retry: 1 });
    for (const { sink } of listeners) await until(() => events(sink).length === 2);
    expect(seen).toEqual([
      { type: 'added', data: 'a\nb', id: 'ü', topics: ['channel'] },
      { type: 'message', data: '', id, topics: ['channel'] },
    ]);
    // They are written to together: the very same bytes.
    expect(new Set(listeners.map(({ sink }) => sink.chunks.at(-1))).size).toBe(1);
  });

  test('without a key is one for each listener, and all of them are given the same event', async () => {
    const seen: ReceivedEvent[] = [];
    const channel = new Channel({
      authenticate: ({ url }) => ({ allow: true, filter: (event) => seen.push(event) > 0 && event.data === url }),
    });
    const [a, b] = await Promise.all([listen(channel, { url: 'a' }), listen(channel, { url: 'b' })]);
    await publish(channel, 'a', 'b');
    await untilData(a.sink, 'a');
    await untilData(b.sink, 'b');
    expect([dataOf(a.sink), dataOf(b.sink)]).toEqual([['a'], ['b']]);
    // Read once for each event, not once for each listener.
    expect([seen.length, new Set(seen).size]).toEqual([4, 2]);
  });

  test('moves the cursor of a listener for which nothing comes', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ authenticate: () => EVEN, keepAliveMs: 20, clock });
    const { sink } = await listen(channel);
    const [, last] = await publish(channel, 1, 3);
    await tick();
    clock.advance(20);
    await until(() => sink.text.endsWith(`event: tidings-heartbeat\nid: ${last}\ndata:\n\n`));
    expect(events(sink)).toEqual([]);
  });

  test('that throws breaks its own listener off, and the others go on', async () => {
    const onError = vi.fn<(error: unknown) => void>();
    const filter = (): boolean => {
      throw new Error('a bug');
    };
    const channel = new Channel({
      authenticate: ({ url }) => (url === '/bad' ? { allow: true, filter } : true),
      onError,
    });
    const [bad, good] = [await listen(channel, { url: '/bad' }), await listen(channel)];
    const [first] = await publish(channel, 1, 2);
    await untilData(good.sink, '2');
    expect([bad.sink.state, dataOf(bad.sink)]).toEqual(['destroyed', []]);
    expect(channel.listeners).toBe(1);
    expect(onError.mock.calls).toEqual([[new Error('a bug')]]);
    // Also where it throws for an event of the past.
    const back = await listen(channel, { url: '/bad', headers: { 'last-event-id': first! } });
    await until(() => back.sink.state === 'destroyed');
    expect([channel.listeners, onError.mock.calls.length]).toEqual([1, 2]);
  });

  test('that returns a promise is not taken for a yes', async () => {
    const onError = vi.fn<(error: unknown) => void>();
    const filter = (() => Promise.resolve(false)) as unknown as () => boolean;
    const channel = new Channel({ authenticate: () => ({ allow: true, filter }), onError });
    const { sink } = await listen(channel);
    await publish(channel, 1);
    await until(() => sink.state === 'destroyed');
    expect(dataOf(sink)).toEqual([]);
    expect(String(onError.mock.calls[0]![0])).toContain('must return a boolean');
  });
});

describe('at expiry', () => {
  test('a listener that is still allowed goes on, without a break, with what was published while it was being asked about', async () => {
    const clock = new FakeClock(1000);
    const second = deferred<Authentication>();
    const answers = [{ allow: true, expiresAt: 1030 } as const, second.promise];
    const heads: string[] = [];
    const channel = new Channel({
      authenticate: (request) => {
        heads.push(request.url);
        return answers.shift()!;
      },
      clock,
    });
    const { sink } = await listen(channel, { url: '/me' });
    await publish(channel, 1);
    await untilData(sink, '1');
    clock.advance(29);
    expect(heads).toHaveLength(1);
    clock.advance(1);
    expect(heads).toHaveLength(2);
    await publish(channel, 2, 3);
    await tick();
    // Not before it is known that it may see them.
    expect(dataOf(sink)).toEqual(['1']);
    second.resolve(true);
    await untilData(sink, '3');
    await publish(channel, 4);
    await untilData(sink, '4');
    expect([dataOf(sink), sink.state, heads]).toEqual([['1', '2', '3', '4'], 'open', ['/me', '/me']]);
  });

  test('a listener that is no longer allowed is told so and sent away, and its reconnect is refused', async () => {
    const clock = new FakeClock();
    let allow = true;
    const channel = new Channel({
      authenticate: () => (allow ? { allow: true, expiresAt: clock.time() + 30 } : { allow: false, status: 410 }),
      clock,
    });
    const { sink } = await listen(channel);
    const id = (await publish(channel, 1))[0]!;
    await untilData(sink, '1');
    allow = false;
    clock.advance(30);
    await until(() => sink.state === 'ending');
    sink.take();
    expect(sink.text).toMatch(/event: tidings-expired\ndata: \{"reason":"expired"\}\n\n$/);
    await until(() => channel.listeners === 0);
    expect(await channel.answer(requestHead({ headers: { 'last-event-id': id } }))).toMatchObject({ status: 410 });
  });

  test('a listener that is no longer allowed sees a response that is complete, and why it ended', async () => {
    const clock = new FakeClock();
    let allow = true;
    const channel = new Channel({
      authenticate: () => allow && { allow: true, expiresAt: clock.time() + 30 },
      clock,
    });
    await using server = await TestServer.listen((request, response) => void respond(channel, request, response));
    const client = server.connect();
    client.get();
    await client.until('tidings-heartbeat');
    await channel.publish({ data: '1' });
    await client.until('data: 1');
    allow = false;
    clock.advance(30);
    await client.until('\r\n0\r\n\r\n');
    expect(parseChunked(client.received)).toMatchObject({ status: 200, complete: true, rest: '' });
    expect(client.received).toContain('event: tidings-expired');
    expect((await fetch(server.url)).status).toBe(403);
  });

  test('the rights may be others: from then on another filter is its own', async () => {
    const clock = new FakeClock();
    const answers: Authentication[] = [
      { allow: true, expiresAt: 30, filter: ({ data }) => data.startsWith('a') },
      { allow: true, filter: ({ data }) => data.startsWith('b') },
    ];
    const channel = new Channel({ authenticate: () => answers.shift()!, clock });
    const { sink } = await listen(channel);
    await publish(channel, 'a1', 'b1');
    await untilData(sink, 'a1');
    clock.advance(30);
    expect(answers).toEqual([]);
    await publish(channel, 'a2', 'b2');
    await untilData(sink, 'b2');
    expect(dataOf(sink)).toEqual(['a1', 'b2']);
  });

  test('rights that do not cover the channel any more end the stream of the listener', async () => {
    const clock = new FakeClock();
    const answers: Authentication[] = [
      { allow: true, expiresAt: 30, listen: ['news'] },
      { allow: true, listen: ['weather'] },
    ];
    const channel = new Channel({ authenticate: () => answers.shift()!, clock, topic: 'news' });
    const { sink } = await listen(channel);
    clock.advance(30);
    await until(() => sink.state === 'ending');
    sink.take();
    await until(() => channel.listeners === 0);
    expect(sink.text).toContain('event: tidings-expired');
  });

  test('a hook that throws breaks the listener off, and is told', async () => {
    const clock = new FakeClock();
    const onError = vi.fn<(error: unknown) => void>();
    let asked = 0;
    const channel = new Channel({
      authenticate: () => {
        asked += 1;
        if (asked > 1) throw new Error('no database');
        return { allow: true, expiresAt: 20 };
      },
      onError,
      clock,
    });
    const { sink } = await listen(channel);
    clock.advance(20);
    await until(() => sink.state === 'destroyed');
    expect(onError.mock.calls).toEqual([[new Error('no database')]]);
    expect(channel.listeners).toBe(0);
  });

  test('a listener that leaves while it is asked about is let go of', async () => {
    const clock = new FakeClock();
    const second = deferred<Authentication>();
    const answers = [{ allow: true, expiresAt: 20 } as const, second.promise];
    const channel = new Channel({ authenticate: () => answers.shift()!, clock, maxListeners: 1, keepAliveMs: 0 });
    const { sink } = await listen(channel);
    clock.advance(20);
    sink.leave();
    second.resolve({ allow: true, expiresAt: 1000 });
    await tick();
    expect([channel.listeners, clock.pending]).toEqual([0, 0]);
  });

  test('a listener that has gone is not asked about', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ authenticate: () => ({ allow: true, expiresAt: 1000 }), keepAliveMs: 0, clock });
    const { sink } = await listen(channel);
    expect(clock.pending).toBe(1);
    sink.leave();
    expect(clock.pending).toBe(0);
  });

  test('a time that never comes needs no timer', async () => {
    const clock = new FakeClock();
    const authenticate = (): Authentication => ({ allow: true, expiresAt: Number.POSITIVE_INFINITY });
    await listen(new Channel({ authenticate, keepAliveMs: 0, clock }));
    expect(clock.pending).toBe(0);
  });

  test('a far time is waited for, however far', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const channel = new Channel({
      authenticate: () => {
        asked += 1;
        return { allow: true, expiresAt: clock.time() + 2 ** 33 };
      },
      keepAliveMs: 0,
      clock,
    });
    await listen(channel);
    clock.advance(2 ** 33 - 1);
    expect(asked).toBe(1);
    clock.advance(1);
    expect(asked).toBe(2);
  });
});

describe('the topics of rights', () => {
  test('let a listener in where they have the topic of the channel', async () => {
    const rights: Record<string, Rights> = {
      '/all': { allow: true },
      '/news': { allow: true, listen: ['weather', 'news'] },
      '/weather': { allow: true, listen: ['weather'] },
      '/none': { allow: true, listen: [] },
      '/publisher': { allow: true, listen: [], publish: 'all' },
    };
    const channel = new Channel({ authenticate: ({ url }) => rights[url]!, topic: 'news' });
    const statuses: Record<string, number> = {};
    for (const url of Object.keys(rights)) {
      const { status, abandon } = await channel.answer(requestHead({ url }));
      abandon?.();
      statuses[url] = status;
    }
    expect(statuses).toEqual({ '/all': 200, '/news': 200, '/weather': 403, '/none': 403, '/publisher': 403 });
    expect(channel.stats().refused.forbidden).toBe(3);
  });

  test('give private events to those who have a right to them, live and replayed', async () => {
    const log = new MemoryLog();
    const channel = new Channel({
      log,
      authenticate: ({ url }) => ({ allow: true, ...(url === '/private' ? { private: ['channel'] } : {}) }),
    });
    const earliest = { headers: { 'last-event-id': 'earliest' } };
    await log.append([{ topics: ['channel'], fields: { data: '1' }, private: true }]);
    await publish(channel, 2);
    const [all, some] = [await listen(channel, { url: '/private', ...earliest }), await listen(channel, earliest)];
    await untilData(some.sink, '2');
    await log.append([{ topics: ['channel'], fields: { data: '3' }, private: true }]);
    await publish(channel, 4);
    await untilData(all.sink, '4');
    await untilData(some.sink, '4');
    expect([dataOf(all.sink), dataOf(some.sink)]).toEqual([
      ['1', '2', '3', '4'],
      ['2', '4'],
    ]);
  });

  test('keep two channels on one log apart', async () => {
    const log = new MemoryLog();
    const [a, b] = [new Channel({ log, topic: 'a' }), new Channel({ log, topic: 'b' })];
    const [ofA, ofB] = [await listen(a), await listen(b)];
    await publish(a, 1);
    await publish(b, 2);
    await untilData(ofA.sink, '1');
    await untilData(ofB.sink, '2');
    expect([dataOf(ofA.sink), dataOf(ofB.sink)]).toEqual([['1'], ['2']]);
  });
});

describe('kick', () => {
  const rights = ({ url }: { url: string }): Rights => ({ allow: true, subject: url.slice(1), key: `key of ${url}` });

  test('breaks off the listeners that are chosen, and the others go on', async () => {
    const channel = new Channel({ authenticate: rights, maxListenersPerKey: 5 });
    const [ada, bob] = [
      await listen(channel, { url: '/ada', address: '10.0.0.1' }),
      await listen(channel, { url: '/bob', address: '10.0.0.2' }),
    ];
    const known: unknown[] = [];
    const count = channel.kick((listener) => {
      known.push(listener);
      return listener.subject === 'ada';
    });
    expect(count).toBe(1);
    expect(known).toEqual([
      { subject: 'ada', key: 'key of /ada', address: '10.0.0.1' },
      { subject: 'bob', key: 'key of /bob', address: '10.0.0.2' },
    ]);
    expect([ada.sink.state, bob.sink.state, channel.listeners]).toEqual(['destroyed', 'open', 1]);
    await publish(channel, 1);
    await untilData(bob.sink, '1');
    expect(dataOf(ada.sink)).toEqual([]);
    expect(channel.kick(({ key }) => key === 'key of /ada')).toBe(0);
    expect(channel.kick(({ address }) => address === '10.0.0.2')).toBe(1);
  });

  test.each(['node:http', '@tidings/server/node'])(
    'knows the addresses of listeners on a server of %s',
    async (kind) => {
      const channel = new Channel();
      const make = kind === 'node:http' ? createHttpServer : createStreamServer;
      const answer: Handler = (request, response) => void respond(channel, request, response);
      await using server = await TestServer.listen(answer, 'tcp', make);
      const client = server.connect();
      client.get();
      await client.until('tidings-heartbeat');
      await tick();
      expect(channel.kick(({ address }) => address === '10.0.0.1')).toBe(0);
      expect(channel.kick(({ address }) => address === '127.0.0.1')).toBe(1);
      await client.closed;
      expect(channel.listeners).toBe(0);
    },
  );

  test('gives the place of the listener back at once', async () => {
    const channel = new Channel({ maxListeners: 1 });
    await listen(channel);
    expect(channel.kick(() => true)).toBe(1);
    await listen(channel);
    expect(channel.listeners).toBe(1);
  });

  test('goes by the rights as they were renewed', async () => {
    const clock = new FakeClock();
    const answers: Authentication[] = [
      { allow: true, subject: 'ada', expiresAt: 10 },
      { allow: true, subject: 'countess' },
    ];
    const channel = new Channel({ authenticate: () => answers.shift()!, clock });
    await listen(channel);
    clock.advance(10);
    await tick();
    expect(channel.kick(({ subject }) => subject === 'ada')).toBe(0);
    expect(channel.kick(({ subject }) => subject === 'countess')).toBe(1);
  });
});
