import {
  ClientError,
  ConnectionError,
  InvalidOptionError,
  isGap,
  subscribe,
  type SubscribeOptions,
} from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { ScriptedFetch, settle } from './scripted-fetch.ts';
import { failureOf, start, URL } from './subscription-harness.ts';

describe('the iteration', () => {
  test('gives the events in order', async () => {
    const { server, next } = start();
    const request = await server.request(0);
    request.open();
    request.send('id: 1\ndata: a\n\nevent: x\ndata: b\n\n');
    expect(await next()).toEqual({ type: 'message', data: 'a', lastEventId: '1' });
    expect(await next()).toEqual({ type: 'x', data: 'b', lastEventId: '1' });
  });

  test('goes on behind the last event ID after a loss, nothing lost and nothing doubled', async () => {
    const { server, clock, next } = start();
    const first = await server.request(0);
    first.open();
    first.send('id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: half');
    await settle();
    first.breakOff(new Error('the line broke'));
    await settle();
    clock.advance(1_000);

    const second = await server.request(1);
    expect(second.init.headers['last-event-id']).toBe('2');
    second.open();
    second.send('id: 3\ndata: c\n\n');
    expect([await next(), await next(), await next()].map(({ data }) => data)).toEqual(['a', 'b', 'c']);
  });

  test('goes on after a clean end', async () => {
    const { server, clock, next } = start();
    const first = await server.request(0);
    first.open();
    first.send('data: a\n\n');
    first.end();
    expect((await next()).data).toBe('a');
    await settle();
    clock.advance(1_000);
    const second = await server.request(1);
    second.open();
    second.send('data: b\n\n');
    expect((await next()).data).toBe('b');
  });

  test('is done after status 204, behind what was queued', async () => {
    const { server, clock, events, subscription } = start();
    const first = await server.request(0);
    first.open();
    first.send('data: last\n\n');
    first.end();
    await settle();
    clock.advance(1_000);
    (await server.request(1)).respond({ status: 204 });
    await settle();
    expect(subscription.state).toEqual({ phase: 'closed', attempt: 2 });
    expect(await events.next()).toMatchObject({ done: false, value: { data: 'last' } });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('throws once for a status that is not retried, behind what was queued', async () => {
    const { server, clock, events } = start();
    const first = await server.request(0);
    first.open();
    first.send('data: last\n\n');
    first.end();
    await settle();
    clock.advance(1_000);
    (await server.request(1)).respond({ status: 403 });
    await settle();
    expect(await events.next()).toMatchObject({ value: { data: 'last' } });
    const error = await failureOf(events.next());
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code: 'ERR_STATUS', status: 403, url: URL, attempt: 2, willRetry: false });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('throws to a consumer that is waiting already', async () => {
    const { server, events } = start();
    const waiting = [events.next(), events.next()];
    (await server.request(0)).respond({ status: 404 });
    expect(await failureOf(waiting[0]!)).toMatchObject({ code: 'ERR_STATUS', status: 404 });
    expect(await waiting[1]).toEqual({ done: true, value: undefined });
  });

  test('gives waiting consumers their events in the order they asked', async () => {
    const { server, events } = start();
    const waiting = [events.next(), events.next()];
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\ndata: b\n\n');
    expect((await Promise.all(waiting)).map(({ value }) => value?.data)).toEqual(['a', 'b']);
  });

  test('throws for a response that is no event stream', async () => {
    const { server, events } = start();
    (await server.request(0)).respond({ headers: new Headers({ 'content-type': 'text/html' }) });
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_CONTENT_TYPE', status: 200, willRetry: false });
  });

  test('throws for an event over the limit', async () => {
    const { server, events } = start({ maxEventBytes: 10 });
    const request = await server.request(0);
    request.open();
    request.send(`data: ${'x'.repeat(100)}\n\n`);
    const error = await failureOf(events.next());
    expect(error).toMatchObject({
      code: 'ERR_EVENT_TOO_LARGE',
      message: `could not listen to ${URL}: found an event over 10 bytes`,
      willRetry: false,
    });
  });

  test('throws for a body that does not give bytes', async () => {
    const { server, events } = start({ retry: { maxAttempts: 1 } });
    const request = await server.request(0);
    request.respond({ body: new ReadableStream({ start: (body) => body.enqueue('data: a\n\n' as never) }) });
    expect(await failureOf(events.next())).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('found string, expected a Uint8Array') as string,
    });
  });

  test.each([
    [undefined, 'undefined'],
    [5, 'number'],
    [Object.create(null), 'object'],
    [{ status: 200, headers: {} }, 'object'],
  ])('throws for a fetch that gives no response, but %o', async (given, named) => {
    const { events } = start({ fetch: async () => given as never });
    expect(await failureOf(events.next())).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining(`found ${named}, expected a Response`) as string,
      willRetry: false,
    });
  });

  test('takes a response whose URL is relative to that of the request', async () => {
    const { server, next } = start();
    const request = await server.request(0);
    request.respond({ url: '/elsewhere', body: new Response('data: a\n\n').body });
    expect(await next()).toMatchObject({ data: 'a' });
  });

  test('ends well with the stream where there is to be no other try', async () => {
    const { server, events } = start({ retry: { maxAttempts: 1 } });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    request.end();
    expect(await events.next()).toMatchObject({ value: { data: 'a' } });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('leaves out heartbeats, which move the last event ID', async () => {
    const { server, clock, subscription, next } = start();
    const request = await server.request(0);
    request.open();
    request.send('id: e.1\ndata: a\n\nevent: tidings-heartbeat\nid: e.9\ndata:\n\n');
    expect((await next()).lastEventId).toBe('e.1');
    await settle();
    expect(subscription.lastEventId).toBe('e.9');
    request.end();
    await settle();
    clock.advance(1_000);
    expect((await server.request(1)).init.headers['last-event-id']).toBe('e.9');
  });

  test('leaves out that its rights have expired, and goes on with new ones', async () => {
    let attempts = 0;
    const { server, clock, next } = start({ headers: () => ({ authorization: `Bearer ${(attempts += 1)}` }) });
    const request = await server.request(0);
    request.open();
    request.send('id: e.1\ndata: a\n\nevent: tidings-expired\ndata: {"reason":"expired"}\n\n');
    expect((await next()).data).toBe('a');
    request.end();
    await settle();
    clock.advance(1_000);
    const again = await server.request(1);
    expect(again.init.headers).toMatchObject({ authorization: 'Bearer 2', 'last-event-id': 'e.1' });
    again.open();
    again.send('id: e.2\ndata: b\n\n');
    expect((await next()).data).toBe('b');
  });

  test('tells a gap', async () => {
    const { server, next } = start();
    const request = await server.request(0);
    request.open();
    const gap = { after: 'e.1', resumedAt: 'e.7', reason: 'trimmed' };
    request.send(`event: tidings-gap\nid: e.7\ndata: ${JSON.stringify(gap)}\n\n`);
    request.send('event: tidings-gap\ndata: no JSON\n\nevent: tidings-gap\ndata: null\n\ndata: a\n\n');
    const [told, garbled, empty, other] = [await next(), await next(), await next(), await next()];
    if (!isGap(told)) return expect.unreachable('it is a gap');
    expect(told.reason).toBe('trimmed');
    expect(told).toEqual({
      type: 'tidings-gap',
      data: JSON.stringify(gap),
      lastEventId: 'e.7',
      ...gap,
    });
    expect([garbled, empty, other].map(isGap)).toEqual([false, false, false]);
  });

  test('tells up to where events are missing if others lie between them, and nothing else that a gap may have', async () => {
    const { server, next } = start();
    const request = await server.request(0);
    request.open();
    const gap = { after: 'e.1', resumedAt: 'e.7', reason: 'trimmed' };
    for (const through of ['e.9', 9]) {
      request.send(`event: tidings-gap\ndata: ${JSON.stringify({ ...gap, through, type: 'other' })}\n\n`);
    }
    const [told, none] = [await next(), await next()];
    if (!isGap(told) || !isGap(none)) return expect.unreachable('they are gaps');
    expect(told).toMatchObject({ ...gap, type: 'tidings-gap', through: 'e.9' });
    expect(none).toMatchObject({ ...gap, type: 'tidings-gap' });
    expect(none.through).toBe(undefined);
  });

  test('its last event ID is that of what was taken, not of what is queued', async () => {
    const { server, subscription, next } = start({ lastEventId: '0' });
    expect(subscription.lastEventId).toBe('0');
    const request = await server.request(0);
    expect(request.init.headers['last-event-id']).toBe('0');
    request.open();
    request.send('id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n');
    await settle();
    expect(subscription.lastEventId).toBe('0');
    await next();
    expect(subscription.lastEventId).toBe('1');
    await next();
    expect(subscription.lastEventId).toBe('3');
  });
});

test('close and reconnect can be passed on as callbacks', async () => {
  const { server, subscription } = start();
  const { close, reconnect } = subscription;
  (await server.request(0)).open();
  await settle();
  reconnect();
  await server.request(1);
  close();
  expect(subscription.state.phase).toBe('closed');
});

describe('the request', () => {
  test('asks for an event stream', async () => {
    const { server } = start({ withCredentials: true });
    const { url, init } = await server.request(0);
    expect(url).toBe(URL);
    expect(init).toMatchObject({
      method: 'GET',
      headers: { accept: 'text/event-stream' },
      credentials: 'include',
      cache: 'no-store',
    });
  });

  test('takes headers and body anew at each try', async () => {
    let tries = 0;
    const { server, clock } = start({
      method: 'post',
      headers: async () => ({ authorization: `Bearer ${++tries}` }),
      body: () => `body ${tries}`,
      retry: { maxAttempts: 2 },
    });
    const first = await server.request(0);
    expect(first.init).toMatchObject({ method: 'POST', body: 'body 0' });
    expect(first.init.headers).toEqual({
      accept: 'text/event-stream',
      authorization: 'Bearer 1',
    });
    first.fail(new Error('refused'));
    await settle();
    clock.advance(1_000);
    expect((await server.request(1)).init).toMatchObject({ body: 'body 1', headers: { authorization: 'Bearer 2' } });
  });

  test('counts a try as failed where a function for it throws', async () => {
    let tries = 0;
    const cause = new Error('no token');
    const { server, clock, states } = start({
      headers: () => {
        if (++tries === 1) throw cause;
        return {};
      },
    });
    await settle();
    expect(states).toMatchObject([{ phase: 'waiting', error: { code: 'ERR_REQUEST', cause, willRetry: true } }]);
    clock.advance(1_000);
    await server.request(0);
    expect(tries).toBe(2);
  });

  test('is made by calling fetch as a function, which the one of browsers insists on', async () => {
    const owners: unknown[] = [];
    const { subscription } = start({
      fetch: function (this: unknown) {
        owners.push(this);
        return new Promise(() => {});
      },
    });
    await settle();
    expect(owners).toEqual([undefined]);
    subscription.close();
  });

  test('is not made where it was closed before', async () => {
    const { server, subscription } = start();
    subscription.close();
    await settle();
    expect(server.requests).toHaveLength(0);
  });

  test('carries the credentials of the URL in a header', async () => {
    const server = new ScriptedFetch();
    subscribe('http://us%C3%A9r:p%3Aw@tidings.test/stream#part', { fetch: server.fetch });
    const { url, init } = await server.request(0);
    expect(url).toBe(URL);
    expect(init.headers['authorization']).toBe(`Basic ${Buffer.from('usér:p:w').toString('base64')}`);
  });

  test('goes to the URL asked for after a redirect', async () => {
    const { server, clock } = start();
    const first = await server.request(0);
    first.respond({ url: 'http://other.test/for-now', redirected: true });
    first.end();
    await settle();
    clock.advance(1_000);
    expect((await server.request(1)).url).toBe(URL);
  });
});

describe('reconnecting', () => {
  test.each([429, 500, 502, 503, 504, 599])('status %i is tried again', async (status) => {
    const { server, clock, subscription } = start();
    (await server.request(0)).respond({ status });
    await settle();
    expect(subscription.state).toMatchObject({ phase: 'waiting', error: { code: 'ERR_STATUS', status } });
    clock.advance(1_000);
    await server.request(1);
  });

  test.each([201, 400, 401, 403, 404, 409, 600])('status %i is not', async (status) => {
    const { server, events } = start();
    (await server.request(0)).respond({ status });
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_STATUS', status });
  });

  test('statuses to retry are an option', async () => {
    const { server, subscription } = start({ retry: { retryStatus: (status) => status === 404 } });
    (await server.request(0)).respond({ status: 404 });
    await settle();
    expect(subscription.state.phase).toBe('waiting');
  });

  test('is told as it goes', async () => {
    const { server, clock, states } = start();
    (await server.request(0)).fail(new Error('refused'));
    await settle();
    clock.advance(1_000);
    (await server.request(1)).open();
    await settle();
    expect(states).toMatchObject([
      {
        phase: 'waiting',
        attempt: 2,
        retryAt: clock.time(),
        error: { code: 'ERR_NETWORK', attempt: 1, willRetry: true, message: expect.stringContaining('refused') },
      },
      { phase: 'connecting', attempt: 2 },
      { phase: 'open', attempt: 2 },
    ]);
  });

  test('gives up after the failures in a row that are allowed', async () => {
    const { server, clock, events } = start({ retry: { maxAttempts: 2, initialMs: 50 } });
    (await server.request(0)).fail(new Error('first'));
    await settle();
    clock.advance(50);
    (await server.request(1)).fail(new Error('second'));
    const error = await failureOf(events.next());
    expect(error).toMatchObject({ code: 'ERR_NETWORK', attempt: 2, willRetry: false, cause: { message: 'second' } });
  });

  test('does not give up while each connection moves the last event ID, however soon it breaks', async () => {
    const { server, clock, subscription, events } = start({ retry: { maxAttempts: 2, initialMs: 50 } });
    const breakOff = async (index: number, text: string): Promise<void> => {
      const request = await server.request(index);
      request.open();
      request.send(text);
      await settle();
      request.breakOff(new Error(`reset ${index}`));
      await settle();
    };
    for (const index of [0, 1, 2, 3]) {
      await breakOff(index, `id: ${index + 1}\ndata: ${index}\n\n`);
      expect(subscription.state).toMatchObject({ phase: 'waiting', attempt: 2 });
      clock.advance(50 * 2 ** index);
    }
    expect((await server.request(4)).init.headers).toMatchObject({ 'last-event-id': '4' });
    for (const data of ['0', '1', '2', '3']) expect(await events.next()).toMatchObject({ value: { data } });
    // The same event again is none that is new.
    await breakOff(4, 'id: 4\ndata: 3\n\n');
    expect(await events.next()).toMatchObject({ value: { data: '3' } });
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_NETWORK', cause: { message: 'reset 4' } });
  });

  test('a reconnection time longer than a timer holds is no storm', async () => {
    const { server, clock, subscription } = start();
    const request = await server.request(0);
    request.open();
    request.send('retry: 99999999999\n\n');
    request.end();
    await settle();
    expect(subscription.state.retryAt).toBe(clock.time() + 2_000_000_000);
    clock.advance(1_999_999_999);
    await settle();
    expect(server.requests).toHaveLength(1);
    clock.advance(1);
    await server.request(1);
  });

  test('begins a new row after a connection that brought an event and ended cleanly, not after one that broke', async () => {
    const { server, clock, subscription } = start();
    (await server.request(0)).fail(new Error('refused'));
    for (const [index, isClean] of [true, false].entries()) {
      await settle();
      clock.advance(2_000);
      const request = await server.request(index + 1);
      request.open();
      request.send('data: a\n\n');
      await settle();
      if (isClean) request.end();
      else request.breakOff(new Error('reset'));
      await settle();
      expect(subscription.state).toMatchObject({ phase: 'waiting', attempt: isClean ? 2 : 3 });
    }
  });

  test.each([
    ['a control character', 'a\u0007'],
    ['more characters than any server takes', 'é'.repeat(100_000)],
  ])('tells of an id that no header can carry for %s, and goes on without it', async (_, id) => {
    const { server, clock, states } = start();
    const request = await server.request(0);
    request.open();
    request.send(`id: ${id}\ndata: a\n\n`);
    request.end();
    await settle();
    expect(states.at(-1)).toMatchObject({
      phase: 'waiting',
      error: { code: 'ERR_LAST_EVENT_ID', cause: { code: 'ERR_STREAM_ENDED' } },
    });
    clock.advance(1_000);
    expect((await server.request(1)).init.headers).not.toHaveProperty('last-event-id');
  });

  test('a fetch that someone else aborts is not made again', async () => {
    const { server, events } = start();
    (await server.request(0)).fail(new DOMException('stopped', 'AbortError'));
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_ABORTED', willRetry: false });
  });

  test('a fetch that ignores its signal does not disturb the next try', async () => {
    const late: (() => void)[] = [];
    const server = new ScriptedFetch();
    const { clock, subscription } = start({
      connectTimeoutMs: 500,
      fetch: (url, init) =>
        late.length === 0
          ? new Promise((resolve) => {
              const response = new Response('data: late\n\n', { headers: { 'content-type': 'text/event-stream' } });
              late.push(() => resolve(response));
            })
          : server.fetch(url, init),
    });
    await settle();
    clock.advance(500);
    clock.advance(1_000);
    const second = await server.request(0);
    late[0]!();
    await settle();
    expect(subscription.state.phase).toBe('connecting');
    subscription.close();
    expect(second.init.signal.aborted).toBe(true);
  });
});

describe('the watchdogs', () => {
  test('give up a try that gets no response', async () => {
    const { server, clock, subscription } = start({ connectTimeoutMs: 5_000 });
    const { init } = await server.request(0);
    clock.advance(4_999);
    expect(init.signal.aborted).toBe(false);
    clock.advance(1);
    expect(init.signal.aborted).toBe(true);
    expect(subscription.state).toMatchObject({ phase: 'waiting', error: { code: 'ERR_CONNECT_TIMEOUT' } });
  });

  test('give up a stream that is silent, where any byte counts', async () => {
    const { server, clock, subscription } = start({ idleTimeoutMs: 30_000 });
    const request = await server.request(0);
    request.open();
    await settle();
    for (let comment = 0; comment < 3; comment++) {
      clock.advance(29_999);
      request.send(':');
      await settle();
      expect(subscription.state.phase).toBe('open');
    }
    clock.advance(30_000);
    expect(request.init.signal.aborted).toBe(true);
    expect(subscription.state).toMatchObject({ phase: 'waiting', error: { code: 'ERR_IDLE_TIMEOUT' } });
  });

  test('give up a stream whose first byte does not come', async () => {
    const { server, clock, subscription } = start({
      firstByteTimeoutMs: 5_000,
      idleTimeoutMs: 40_000,
    });
    const request = await server.request(0);
    request.open();
    await settle();
    clock.advance(5_000);
    expect(request.init.signal.aborted).toBe(true);
    expect(subscription.state).toMatchObject({
      phase: 'waiting',
      error: { code: 'ERR_FIRST_BYTE_TIMEOUT' },
    });
  });

  test.each([
    [5_000, 40_000],
    [40_000, 5_000],
  ])('wait for the first byte only once, be it %d ms, and then for the next %d ms', async (first, idle) => {
    const { server, clock, subscription } = start({
      firstByteTimeoutMs: first,
      idleTimeoutMs: idle,
    });
    const request = await server.request(0);
    request.open();
    await settle();
    clock.advance(4_999);
    request.send(':');
    await settle();
    clock.advance(idle - 1);
    expect(subscription.state.phase).toBe('open');
    clock.advance(1);
    expect(subscription.state).toMatchObject({
      phase: 'waiting',
      error: { code: 'ERR_IDLE_TIMEOUT' },
    });
  });

  test('do not take a slow consumer for a silent stream', async () => {
    const { server, clock, subscription, next } = start({ idleTimeoutMs: 30_000, maxQueuedEvents: 1 });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    await settle();
    clock.advance(1_000_000);
    expect(subscription.state.phase).toBe('open');
    await next();
    await settle();
    clock.advance(30_000);
    expect(subscription.state.phase).toBe('waiting');
  });
});

describe('closing', () => {
  test('forgets what is queued, drops the connection and leaves no timer', async () => {
    const { server, clock, subscription, events, states } = start({ idleTimeoutMs: 1_000 });
    const request = await server.request(0);
    request.open();
    request.send('id: 1\ndata: a\n\n');
    await settle();
    const waiting = [events.next(), events.next()];
    subscription.close();
    subscription.close();
    expect(request.init.signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
    expect(await waiting[0]).toMatchObject({ done: false });
    expect(await waiting[1]).toEqual({ done: true, value: undefined });
    expect(states.map(({ phase }) => phase)).toEqual(['open', 'closed']);
  });

  test.each(['using', 'await using'])('is what the end of a block does with %s', async (declaration) => {
    const { server, clock, subscription, events } = start();
    const request = await server.request(0);
    request.open();
    await settle();
    if (declaration === 'using') {
      using listening = subscription;
      expect(listening.state.phase).toBe('open');
    } else {
      await using listening = subscription;
      expect(listening.state.phase).toBe('open');
    }
    expect(request.init.signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('while waiting ends the wait', async () => {
    const { server, clock, subscription, events } = start();
    (await server.request(0)).fail(new Error('refused'));
    await settle();
    expect(clock.pending).toBe(1);
    subscription.close();
    expect(clock.pending).toBe(0);
    expect(subscription.state).toEqual({ phase: 'closed', attempt: 2 });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('comes with leaving the loop', async () => {
    const { server, subscription } = start();
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\ndata: b\n\n');
    for await (const event of subscription) {
      expect(event.data).toBe('a');
      break;
    }
    expect(subscription.state.phase).toBe('closed');
    expect(request.init.signal.aborted).toBe(true);
  });

  test('comes with the end of its scope', async () => {
    const { server } = start();
    {
      await using subscription = start({ fetch: server.fetch }).subscription;
      await server.request(1);
      expect(subscription.state.phase).toBe('connecting');
    }
    expect(server.requests[1]!.init.signal.aborted).toBe(true);
  });

  test("an abort forgets what is queued and throws the signal's reason", async () => {
    const controller = new AbortController();
    const { server, events } = start({ signal: controller.signal });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    await settle();
    const reason = new Error('enough');
    controller.abort(reason);
    expect(request.init.signal.aborted).toBe(true);
    expect(await failureOf(events.next())).toBe(reason);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('an abort that came before asks for nothing', async () => {
    const reason = new Error('enough');
    const { server, events } = start({ signal: AbortSignal.abort(reason) });
    expect(await failureOf(events.next())).toBe(reason);
    expect(server.requests).toHaveLength(0);
  });
});

describe('an option that is wrong is refused', () => {
  const wrong: [string, SubscribeOptions, string][] = [
    ['retry.initialMs', { retry: { initialMs: 0 } }, 'retry.initialMs'],
    ['retry.maxMs', { retry: { maxMs: '1' as never } }, 'retry.maxMs'],
    ['retry.maxAttempts', { retry: { maxAttempts: Number.NaN } }, 'retry.maxAttempts'],
    ['connectTimeoutMs', { connectTimeoutMs: -1 }, 'connectTimeoutMs'],
    ['idleTimeoutMs', { idleTimeoutMs: Number.NaN }, 'idleTimeoutMs'],
    ['maxQueuedEvents', { maxQueuedEvents: 0 }, 'maxQueuedEvents'],
    ['maxQueuedBytes', { maxQueuedBytes: 0 }, 'maxQueuedBytes'],
    ['maxEventBytes', { maxEventBytes: 0.5 }, 'maxEventBytes'],
    ['lastEventId', { lastEventId: 'a\nb' }, 'lastEventId'],
    ['headers', { headers: { a: 'b\nc' } }, 'headers'],
    ['method', { method: 'GET /' }, 'method'],
    ['a body for GET', { body: 'x' }, 'body is set'],
    ['fetch', { fetch: {} as never }, 'fetch'],
    ['retry.retryStatus', { retry: { retryStatus: 503 as never } }, 'retryStatus'],
  ];
  test.each(wrong)('%s', (_name, options, named) => {
    expect(() => subscribe(URL, options)).toThrow(InvalidOptionError);
    expect(() => subscribe(URL, options)).toThrow(named);
  });

  test.each(['/relative', 'ftp://tidings.test/', ''])('the URL %j', (url) => {
    expect(() => subscribe(url)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });
});
