import { Channel, type Authorization, type ChannelEvent, type Grant } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { dataOf, events, listen, requestHead, untilData } from './channel-rig.ts';
import { deferred } from './deferred.ts';
import { parseChunked, TestServer, until } from './test-server.ts';

const EVEN: Grant = { allow: true, filter: ({ data }) => Number(data) % 2 === 0 };

async function publish(channel: Channel, ...data: (string | number)[]): Promise<string[]> {
  return await Promise.all(data.map((text) => channel.publish({ data: String(text) })));
}

describe('authorize', () => {
  test('lets in who may listen, and answers the others 403', async () => {
    const asked: string[] = [];
    const channel = new Channel({
      authorize: async (request) => {
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
      authorize: () => ({ allow: false, status: 401, headers: { 'WWW-Authenticate': 'Bearer' }, body: 'who are you?' }),
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
    const channel = new Channel({ authorize: () => allow });
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
    { allow: true, filter: 'a' },
    { allow: true, filter: () => true, filterKey: 1 },
    { allow: false, status: 200 },
  ];
  test.each(wrong)('that answers %o lets nobody in', async (answer) => {
    const channel = new Channel({ authorize: () => answer as Authorization });
    await expect(channel.answer(requestHead())).rejects.toThrow(/Cannot use what authorize answered: .+ but must be/);
    expect(channel.stats().listeners).toBe(0);
  });

  test('that throws lets nobody in', async () => {
    const channel = new Channel({
      authorize: () => {
        throw new Error('no database');
      },
      maxListeners: 1,
    });
    await expect(channel.answer(requestHead())).rejects.toThrow('no database');
    await expect(channel.answer(requestHead())).rejects.toThrow('no database');
  });

  test('that grants what has expired already refuses', async () => {
    const channel = new Channel({ authorize: () => ({ allow: true, expiresAt: 1000 }), now: () => 1000 });
    expect(await channel.answer(requestHead())).toMatchObject({ status: 403 });
  });
});

describe('a filter', () => {
  test('is bound to the listener: live events and replayed ones', async () => {
    const channel = new Channel({ authorize: ({ url }) => (url === '/even' ? EVEN : true) });
    const [first] = await publish(channel, 1, 2, 3, 4);
    const even = await listen(channel, { url: '/even', headers: { 'last-event-id': first! } });
    const all = await listen(channel, { headers: { 'last-event-id': first! } });
    await untilData(all.sink, '4');
    await publish(channel, 5, 6, 7);
    await untilData(all.sink, '7');
    expect(dataOf(all.sink)).toEqual(['2', '3', '4', '5', '6', '7']);
    expect(dataOf(even.sink)).toEqual(['2', '4', '6']);
  });

  test('is given type, data and id of an event, once for all listeners with the same key', async () => {
    const seen: ChannelEvent[] = [];
    const filter = (event: ChannelEvent): boolean => seen.push(event) > 0;
    const channel = new Channel({ authorize: () => ({ allow: true, filter, filterKey: 'mine' }) });
    const listeners = await Promise.all([listen(channel), listen(channel), listen(channel)]);
    await channel.publish({ event: 'added', data: 'a\nb', id: 'ü' });
    const id = await channel.publish({});
    for (const { sink } of listeners) await until(() => events(sink).length === 2);
    expect(seen).toEqual([
      { type: 'added', data: 'a\nb', id: 'ü' },
      { type: 'message', data: '', id },
    ]);
    // They are written to together: the very same bytes.
    expect(new Set(listeners.map(({ sink }) => sink.chunks.at(-1))).size).toBe(1);
  });

  test('without a key is one for each listener, and all of them are given the same event', async () => {
    const seen: ChannelEvent[] = [];
    const channel = new Channel({
      authorize: ({ url }) => ({ allow: true, filter: (event) => seen.push(event) > 0 && event.data === url }),
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
    const channel = new Channel({ authorize: () => EVEN, keepAliveMs: 20 });
    const { sink } = await listen(channel);
    const [, last] = await publish(channel, 1, 3);
    await until(() => sink.text.endsWith(`event: tidings-heartbeat\nid: ${last}\ndata:\n\n`));
    expect(events(sink)).toEqual([]);
  });

  test('that throws breaks its own listener off, and the others go on', async () => {
    const onError = vi.fn<(error: unknown) => void>();
    const filter = (): boolean => {
      throw new Error('a bug');
    };
    const channel = new Channel({ authorize: ({ url }) => (url === '/bad' ? { allow: true, filter } : true), onError });
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
    const channel = new Channel({ authorize: () => ({ allow: true, filter }), onError });
    const { sink } = await listen(channel);
    await publish(channel, 1);
    await until(() => sink.state === 'destroyed');
    expect(dataOf(sink)).toEqual([]);
    expect(String(onError.mock.calls[0]![0])).toContain('must return a boolean');
  });
});

describe('at expiry', () => {
  afterEach(() => void vi.useRealTimers());

  test('a listener that is still allowed goes on, without a break, with what was published while it was being asked about', async () => {
    const second = deferred<Authorization>();
    const answers = [{ allow: true, expiresAt: Date.now() + 30 } as const, second.promise];
    const heads: string[] = [];
    const channel = new Channel({
      authorize: (request) => {
        heads.push(request.url);
        return answers.shift()!;
      },
    });
    const { sink } = await listen(channel, { url: '/me' });
    await publish(channel, 1);
    await untilData(sink, '1');
    await until(() => heads.length === 2);
    await publish(channel, 2, 3);
    await new Promise((resolve) => setImmediate(resolve));
    // Not before it is known that it may see them.
    expect(dataOf(sink)).toEqual(['1']);
    second.resolve(true);
    await untilData(sink, '3');
    await publish(channel, 4);
    await untilData(sink, '4');
    expect([dataOf(sink), sink.state, heads]).toEqual([['1', '2', '3', '4'], 'open', ['/me', '/me']]);
  });

  test('a listener that is no longer allowed is broken off, and its reconnect is refused', async () => {
    let allow = true;
    const channel = new Channel({
      authorize: () => (allow ? { allow: true, expiresAt: Date.now() + 30 } : { allow: false, status: 410 }),
    });
    const { sink } = await listen(channel);
    const id = (await publish(channel, 1))[0]!;
    await untilData(sink, '1');
    allow = false;
    await until(() => sink.state === 'destroyed');
    expect(channel.listeners).toBe(0);
    expect(await channel.answer(requestHead({ headers: { 'last-event-id': id } }))).toMatchObject({ status: 410 });
  });

  test('a listener that is no longer allowed sees a response that is not complete', async () => {
    let allow = true;
    const channel = new Channel({ authorize: () => allow && { allow: true, expiresAt: Date.now() + 30 } });
    await using server = await TestServer.listen((request, response) => void respond(channel, request, response));
    const client = server.connect();
    client.get();
    await client.until('tidings-heartbeat');
    await channel.publish({ data: '1' });
    await client.until('data: 1');
    allow = false;
    await client.closed;
    expect(parseChunked(client.received)).toMatchObject({ status: 200, complete: false, rest: '' });
    expect((await fetch(server.url)).status).toBe(403);
  });

  test('the rights may be others: from then on another filter is its own', async () => {
    const answers: Authorization[] = [
      { allow: true, expiresAt: Date.now() + 30, filter: ({ data }) => data.startsWith('a') },
      { allow: true, filter: ({ data }) => data.startsWith('b') },
    ];
    const channel = new Channel({ authorize: () => answers.shift()! });
    const { sink } = await listen(channel);
    await publish(channel, 'a1', 'b1');
    await untilData(sink, 'a1');
    await until(() => answers.length === 0);
    await publish(channel, 'a2', 'b2');
    await untilData(sink, 'b2');
    expect(dataOf(sink)).toEqual(['a1', 'b2']);
  });

  test('a hook that throws breaks the listener off, and is told', async () => {
    const onError = vi.fn<(error: unknown) => void>();
    let asked = 0;
    const channel = new Channel({
      authorize: () => {
        asked += 1;
        if (asked > 1) throw new Error('no database');
        return { allow: true, expiresAt: Date.now() + 20 };
      },
      onError,
    });
    const { sink } = await listen(channel);
    await until(() => sink.state === 'destroyed');
    expect(onError.mock.calls).toEqual([[new Error('no database')]]);
    expect(channel.listeners).toBe(0);
  });

  test('a listener that has gone is not asked about', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const channel = new Channel({ authorize: () => ({ allow: true, expiresAt: Date.now() + 1000 }), keepAliveMs: 0 });
    const { sink } = await listen(channel);
    expect(vi.getTimerCount()).toBe(1);
    sink.leave();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a far time is waited for, however far', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    let asked = 0;
    const channel = new Channel({
      authorize: () => {
        asked += 1;
        return { allow: true, expiresAt: Date.now() + 2 ** 33 };
      },
      keepAliveMs: 0,
    });
    await listen(channel);
    await vi.advanceTimersByTimeAsync(2 ** 33 - 1);
    expect(asked).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toBe(2);
  });
});
