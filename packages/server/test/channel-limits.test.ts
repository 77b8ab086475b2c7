import { Channel, type ChannelOptions, type RequestHead } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { describe, expect, test } from 'vitest';
import { listen, requestHead } from './channel-rig.ts';
import { deferred } from './deferred.ts';
import { FakeClock } from './fake-clock.ts';
import { TestServer, until, type RawClient } from './test-server.ts';

describe('maxListeners', () => {
  test('is kept: who comes then is answered 503 with a time to come back, and has the place of one that leaves', async () => {
    const channel = new Channel({ maxListeners: 2 });
    const first = await listen(channel);
    await listen(channel);
    const refused = await channel.answer(requestHead());
    expect(refused).toMatchObject({ status: 503, headers: { 'Retry-After': '5' } });
    expect(refused.body).toContain('The limit of listeners is reached');
    first.sink.leave();
    await listen(channel);
    expect(channel.stats()).toMatchObject({ listeners: 2, refused: { full: 1, 'full-for-key': 0 } });
  });

  test('is kept by those who are answered at once, though none has started', async () => {
    const channel = new Channel({ maxListeners: 3, authenticate: () => Promise.resolve(true) });
    const answers = await Promise.all(Array.from({ length: 10 }, () => channel.answer(requestHead())));
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(3);
  });

  test('keeps no place from who has got everything of a closed channel', async () => {
    const channel = new Channel({ maxListeners: 1 });
    const first = await listen(channel);
    const id = await channel.publish({ data: 'x' });
    await channel.close();
    expect(channel.stats().listeners).toBe(1);
    const answers = [requestHead(), requestHead({ headers: { 'last-event-id': id } })];
    for (const request of answers) expect(await channel.answer(request)).toMatchObject({ status: 204 });
    first.sink.leave();
  });

  test('refuses before authenticate is asked', async () => {
    let asked = 0;
    const channel = new Channel({ maxListeners: 1, authenticate: () => (asked += 1) > 0 });
    await listen(channel);
    await channel.answer(requestHead());
    expect(asked).toBe(1);
  });
});

describe('maxListenersPerKey', () => {
  test('is kept for each network address', async () => {
    const channel = new Channel({ maxListenersPerKey: 1 });
    const one = await listen(channel, { address: '10.0.0.1' });
    await listen(channel, { address: '10.0.0.2' });
    const refused = await channel.answer(requestHead({ address: '10.0.0.1' }));
    expect(refused).toMatchObject({ status: 429, headers: { 'Retry-After': '5' } });
    expect(refused.body).toContain('Your limit of listeners is reached');
    one.sink.leave();
    await listen(channel, { address: '10.0.0.1' });
    // An address that is not known is nobody's.
    await listen(channel);
    await listen(channel);
  });

  test('is kept for each key that `key` gives', async () => {
    const key = (request: RequestHead): string | undefined => request.header('user');
    const channel = new Channel({ maxListenersPerKey: 2, key });
    const [a, b] = [{ headers: { user: 'a' } }, { headers: { user: 'b' } }];
    await listen(channel, a);
    await listen(channel, a);
    await listen(channel, b);
    expect(await channel.answer(requestHead(a))).toMatchObject({ status: 429 });
    expect(channel.stats().refused).toMatchObject({ full: 0, 'full-for-key': 1 });
  });

  test('is kept for the key of the rights, where they have one', async () => {
    const channel = new Channel({
      maxListenersPerKey: 1,
      authenticate: (request) => ({ allow: true, ...(request.url === '/' ? {} : { key: request.url }) }),
    });
    const address = '10.0.0.1';
    await listen(channel, { url: '/ada', address });
    await listen(channel, { url: '/bob', address });
    await listen(channel, { address });
    expect(await channel.answer(requestHead({ url: '/ada', address: '10.0.0.2' }))).toMatchObject({ status: 429 });
    expect(await channel.answer(requestHead({ address }))).toMatchObject({ status: 429 });
  });
});

describe('a place', () => {
  /** A channel with one place on a real server, and whether the place is free. */
  async function rig(
    options: ChannelOptions = {},
  ): Promise<{ channel: Channel; server: TestServer; isFree(): Promise<boolean> }> {
    const channel = new Channel({ maxListeners: 1, ...options });
    const server = await TestServer.listen((request, response) => void respond(channel, request, response));
    const isFree = async (): Promise<boolean> => {
      const { start, abandon } = await channel.answer(requestHead());
      abandon?.();
      return start !== undefined;
    };
    return { channel, server, isFree };
  }

  async function untilFree(isFree: () => Promise<boolean>): Promise<void> {
    while (!(await isFree())) await new Promise((resolve) => setImmediate(resolve));
  }

  test('is free again when its listener goes while authenticate is being asked', async () => {
    const asked = deferred();
    const decision = deferred<boolean>();
    let first = true;
    const { channel, server, isFree } = await rig({
      authenticate: async () => {
        if (!first) return true;
        first = false;
        asked.resolve();
        return await decision.promise;
      },
    });
    await using _ = server;
    const client = server.connect();
    client.get();
    await asked.promise;
    // It holds no place meanwhile.
    expect(await isFree()).toBe(true);
    client.socket.destroy();
    await client.closed;
    decision.resolve(true);
    await untilFree(isFree);
    expect(channel.listeners).toBe(0);
  });

  test('is free again when its listener goes while it catches up', async () => {
    const { channel, server, isFree } = await rig({ history: {} });
    await using _ = server;
    const id = await channel.publish({ data: '0' });
    for (let n = 1; n <= 200; n += 1) await channel.publish({ data: `${'x'.repeat(100_000)} ${n}` });
    const client: RawClient = server.connect();
    client.get('/', { headers: `Last-Event-ID: ${id}\r\n` });
    await client.until('x 1\n');
    client.socket.pause();
    expect([await isFree(), channel.stats()]).toMatchObject([false, { listeners: 1, live: 0 }]);
    client.socket.destroy();
    await untilFree(isFree);
    expect(channel.listeners).toBe(0);
  });

  test('is free again when its live listener goes', async () => {
    const { server, isFree } = await rig();
    await using _ = server;
    const client = server.connect();
    client.get();
    await client.until('tidings-heartbeat');
    expect(await isFree()).toBe(false);
    client.socket.destroy();
    await untilFree(isFree);
  });

  test('is free at once when a body is cancelled, and when it was never read', async () => {
    const { channel, server, isFree } = await rig();
    await using _ = server;
    const leaving = new AbortController();
    const unread = await channel.respond(new Request('http://test/', { signal: leaving.signal }));
    expect([unread.status, await isFree()]).toEqual([200, false]);
    leaving.abort();
    await untilFree(isFree);
    const read = await channel.respond(new Request('http://test/'));
    await read.body!.cancel();
    await untilFree(isFree);
    const gone = await channel.respond(new Request('http://test/', { signal: AbortSignal.abort() }));
    expect([gone.status, gone.body, channel.listeners]).toEqual([200, null, 0]);
    expect(await isFree()).toBe(true);
  });

  test('is free at once where the request is aborted while authenticate is asked', async () => {
    const decision = deferred<boolean>();
    const answers = [decision.promise, true];
    const channel = new Channel({ maxListeners: 1, authenticate: () => answers.shift()! });
    const leaving = new AbortController();
    const response = channel.respond(new Request('http://test/', { signal: leaving.signal }));
    leaving.abort();
    decision.resolve(true);
    await response;
    await listen(channel);
    expect(channel.listeners).toBe(1);
  });

  test('is given back where the answer is abandoned, once', async () => {
    const channel = new Channel({ maxListeners: 1 });
    const { abandon } = await channel.answer(requestHead());
    abandon!();
    abandon!();
    await listen(channel);
    expect(await channel.answer(requestHead())).toMatchObject({ status: 503 });
  });

  test('lapses where nobody ever starts the answer', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ maxListeners: 1, clock });
    await channel.answer(requestHead());
    clock.advance(9999);
    expect(await channel.answer(requestHead())).toMatchObject({ status: 503 });
    clock.advance(1);
    const second = await channel.answer(requestHead());
    expect(second.status).toBe(200);
  });

  test('is not lost by an evicted listener, one that is drained, one that is broken off or one that is finished', async () => {
    const evicting = new Channel({ maxListeners: 1, history: false, maxBacklogBytes: 0 });
    const slow = await listen(evicting, {}, 1);
    await evicting.publish({ data: '1' });
    await until(() => slow.sink.state === 'destroyed');
    await listen(evicting);

    const finished = new Channel({ maxListeners: 1 });
    const { sink } = await listen(finished);
    const id = await finished.publish({ data: '1' });
    await finished.publish({ data: '2' });
    await finished.close();
    await until(() => sink.state === 'ending');
    sink.take();
    await until(() => sink.state === 'ended');
    const behind = await listen(finished, { headers: { 'last-event-id': id } });
    await finished.drain();
    expect(behind.sink.state).toBe('destroyed');
    for (let n = 0; n < 3; n += 1) await listen(finished);
  });
});
