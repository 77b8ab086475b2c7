import { type Attempt, type Fetch, type FetchInit, type Network, type RequestBody, subscribe } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { ScriptedServer, STREAM_HEAD } from './scripted-server.ts';
import { settle } from './scripted-fetch.ts';
import { failureOf, start, URL } from './subscription-harness.ts';

const RETRIES = { maxAttempts: 5 };

describe('the parts of the request', () => {
  test('are all asked for at each try, and told which it is', async () => {
    const told: Attempt[] = [];
    const { server, clock } = start(
      {
        method: ({ attempt }) => (attempt === 1 ? 'post' : 'get'),
        headers: async ({ attempt }) => ({ 'x-attempt': `${attempt}` }),
        body: ({ attempt }) => (attempt === 1 ? 'body' : undefined),
        lastEventId: '7',
      },
      async (attempt) => {
        told.push(attempt);
        return `http://tidings.test/${attempt.attempt}`;
      },
    );
    const first = await server.request(0);
    expect(first).toMatchObject({ url: 'http://tidings.test/1', init: { method: 'POST', body: 'body' } });
    first.fail(new Error('refused'));
    await settle();
    clock.advance(1_000);
    const second = await server.request(1);
    expect(second.url).toBe('http://tidings.test/2');
    expect(second.init).toMatchObject({ method: 'GET', headers: { 'x-attempt': '2' } });
    expect(second.init).not.toHaveProperty('body');
    expect(told).toEqual([
      { attempt: 1, unauthorized: false, lastEventId: '7' },
      { attempt: 2, unauthorized: false, lastEventId: '7' },
    ]);
  });

  const refused: [string, () => ReturnType<typeof start>][] = [
    ['a URL', () => start({}, () => 'ftp://tidings.test/')],
    ['a method', () => start({ method: () => 'GET /' })],
    ['headers', () => start({ headers: () => ({ a: 'b\nc' }) })],
    ['a body', () => start({ method: 'PUT', body: () => new ReadableStream() as never })],
    ['a body for GET', () => start({ body: () => 'x' })],
  ];
  test.each(refused)('fails for good where a function returns %s that cannot be', async (_, begin) => {
    const { events, server } = begin();
    const error = await failureOf(events.next());
    expect(error).toMatchObject({ code: 'ERR_REQUEST', willRetry: false, cause: { code: 'ERR_INVALID_OPTION' } });
    expect(server.requests).toHaveLength(0);
  });

  const boom = (): never => {
    throw new Error('boom');
  };
  const failing: [string, () => ReturnType<typeof start>, string, string][] = [
    ['the function for headers throws', () => start({ headers: boom }), URL, `could not listen to ${URL}: boom`],
    ['headers are none', () => start({ headers: () => 5 as never }), URL, `could not listen to ${URL}: headers has`],
    [
      'a scheme is not allowed',
      () => start({}, () => 'ftp://me:secret@tidings.test/x'),
      'ftp://tidings.test/x',
      'could not listen to ftp://tidings.test/x: url has',
    ],
    ['a URL is none', () => start({}, () => 'no URL'), '', 'could not listen: url has to be a URL, found "no URL"'],
    ['the function for the URL throws', () => start({}, boom), '', 'could not listen: boom'],
  ];
  test.each(failing)('the error has the URL, if there is one, where %s', async (_, begin, url, message) => {
    const { subscription } = begin();
    await settle();
    const { error } = subscription.state;
    expect(error).toMatchObject({ code: 'ERR_REQUEST', url });
    expect(error?.message.startsWith(message)).toBe(true);
  });

  test('the error has the URL where the headers do not come in time', async () => {
    const { clock, subscription } = start({ headers: () => new Promise(() => {}) });
    await settle();
    clock.advance(60_000);
    expect(subscription.state.error).toMatchObject({ code: 'ERR_CONNECT_TIMEOUT', url: URL });
  });

  test('the error does not have the URL of the attempt before', async () => {
    const { server, clock, subscription } = start({}, ({ attempt }) => (attempt === 1 ? URL : boom()));
    (await server.request(0)).fail(new Error('refused'));
    await settle();
    clock.advance(1_000);
    await settle();
    expect(subscription.state.error).toMatchObject({ attempt: 2, url: '', message: 'could not listen: boom' });
  });

  const form = new FormData();
  form.set('name', 'välue');
  const bodies: [string, RequestBody, string | undefined, string][] = [
    ['a string', 'text', 'text/plain;charset=UTF-8', 'text'],
    ['a Uint8Array', new TextEncoder().encode('bytes'), undefined, 'bytes'],
    ['an ArrayBuffer', new TextEncoder().encode('buffer').buffer, undefined, 'buffer'],
    ['a DataView', new DataView(new TextEncoder().encode('view').buffer, 1), undefined, 'iew'],
    ['a Blob', new Blob(['{}'], { type: 'application/json' }), 'application/json', '{}'],
    ['URLSearchParams', new URLSearchParams({ a: 'b c' }), 'application/x-www-form-urlencoded;charset=UTF-8', 'a=b+c'],
  ];
  test('a fetch of the caller gets a form as bytes with their content type, because it may have a FormData of its own', async () => {
    const sent = new Promise<FetchInit>((resolve) => {
      const fetch: Fetch = async (_, init) => {
        resolve(init);
        throw new Error('not sent');
      };
      const request = { method: 'POST', body: form, fetch };
      const events = subscribe('http://tidings.test/', request)[Symbol.asyncIterator]();
      events.next().catch(() => {});
    });
    const { headers, body } = await sent;
    expect(body).toBeInstanceOf(ArrayBuffer);
    const read = await new Response(body, { headers }).formData();
    expect(read.get('name')).toBe('välue');
  });

  test.each(bodies)('the body may be %s, sent again at each try', async (_, body, contentType, text) => {
    await using server = await ScriptedServer.listen([[STREAM_HEAD, 'retry: 100\n\n', { do: 'end' }], [STREAM_HEAD]]);
    await using subscription = subscribe(server.origin, { method: 'POST', body, retry: RETRIES });
    await server.received(2);
    expect(subscription.state.phase).not.toBe('closed');
    for (const request of server.requests) {
      expect(request.body).toBe(text);
      expect(request.headers['content-type']).toBe(contentType);
    }
  });

  test('the body may be a form', async () => {
    await using server = await ScriptedServer.listen([[STREAM_HEAD]]);
    await using subscription = subscribe(server.origin, { method: 'POST', body: form });
    await server.received(1);
    expect(subscription.state.phase).not.toBe('closed');
    const { headers, body } = server.requests[0]!;
    const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(headers['content-type']!)![1]!;
    expect(body.startsWith(`--${boundary}\r\n`)).toBe(true);
    expect(Buffer.from(body, 'latin1').toString()).toContain('välue');
  });

  test("a body's content type gives way to that of the headers", async () => {
    const { server } = start({ method: 'PUT', body: '{}', headers: { 'content-type': 'application/json' } });
    expect((await server.request(0)).init.headers['content-type']).toBe('application/json');
  });
});

describe('a refused try', () => {
  test('with 401 asks for new headers once, and fails at the second one', async () => {
    const told: boolean[] = [];
    const { server, clock, events, states } = start({
      headers: ({ unauthorized }) => {
        told.push(unauthorized);
        return { authorization: unauthorized ? 'fresh' : 'stale' };
      },
    });
    (await server.request(0)).respond({ status: 401 });
    await settle();
    expect(states).toMatchObject([{ phase: 'waiting', error: { status: 401, attempt: 1, willRetry: true } }]);
    clock.advance(0);
    const second = await server.request(1);
    expect(second.init.headers['authorization']).toBe('fresh');
    second.respond({ status: 401 });
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_STATUS', status: 401, willRetry: false });
    expect(told).toEqual([false, true]);
  });

  test('with 401 asks for new headers after each connection that was open', async () => {
    const { server, clock, subscription } = start({ headers: () => ({}) });
    (await server.request(0)).respond({ status: 401 });
    await settle();
    clock.advance(0);
    const second = await server.request(1);
    second.open();
    await settle();
    second.end();
    await settle();
    clock.advance(1_000);
    (await server.request(2)).respond({ status: 401 });
    await settle();
    expect(subscription.state).toMatchObject({ phase: 'waiting', error: { status: 401 } });
  });

  test('waits as long as Retry-After says', async () => {
    const { server, clock, subscription } = start();
    clock.chance = 0;
    (await server.request(0)).respond({ status: 503, headers: new Headers({ 'retry-after': '120' }) });
    await settle();
    expect(subscription.state).toMatchObject({ phase: 'waiting', retryAt: clock.time() + 120_000 });
  });

  test('waits for Retry-After no longer than the cap', async () => {
    const { server, clock, subscription } = start({ retry: { maxRetryAfterMs: 5_000 } });
    clock.chance = 0;
    (await server.request(0)).respond({ status: 429, headers: new Headers({ 'retry-after': '86400' }) });
    await settle();
    expect(subscription.state.retryAt).toBe(clock.time() + 5_000);
  });
});

describe('the network', () => {
  class FakeNetwork implements Network {
    isOnline = true;
    readonly callbacks = new Set<() => void>();
    onOnline(callback: () => void): () => void {
      this.callbacks.add(callback);
      return () => this.callbacks.delete(callback);
    }
    comeBack(): void {
      this.isOnline = true;
      for (const callback of this.callbacks) callback();
    }
  }

  test('is waited for, and its return is the moment of the next try', async () => {
    const network = new FakeNetwork();
    const { server, clock, subscription } = start({ network });
    network.isOnline = false;
    (await server.request(0)).fail(new Error('no route'));
    await settle();
    clock.advance(59_000);
    expect(subscription.state.phase).toBe('waiting');
    expect(server.requests).toHaveLength(1);
    network.comeBack();
    await server.request(1);
    subscription.close();
    expect(network.callbacks.size).toBe(0);
  });

  test('is waited for no longer than a minute after a try was due', async () => {
    const network = new FakeNetwork();
    const { server, clock, states } = start({ network });
    network.isOnline = false;
    (await server.request(0)).fail(new Error('no route'));
    await settle();
    clock.advance(1_000);
    expect(states.at(-1)).toMatchObject({
      phase: 'waiting',
      retryAt: clock.time() + 60_000,
      error: { willRetry: true },
    });
    clock.advance(60_000);
    await server.request(1);
  });

  test('whose return does not make a server be asked sooner that said when', async () => {
    const network = new FakeNetwork();
    const { server, clock, subscription } = start({ network });
    (await server.request(0)).respond({
      status: 503,
      headers: new Headers({ 'retry-after': '10' }),
    });
    await settle();
    network.comeBack();
    expect(subscription.state.phase).toBe('waiting');
    clock.advance(11_000);
    await server.request(1);
  });

  test('whose return leaves an open connection alone', async () => {
    const network = new FakeNetwork();
    const { server, subscription } = start({ network });
    const request = await server.request(0);
    request.open();
    await settle();
    network.comeBack();
    await settle();
    expect(subscription.state.phase).toBe('open');
    expect(request.init.signal.aborted).toBe(false);
  });

  test('does not matter to a server on this machine', async () => {
    const network = new FakeNetwork();
    network.isOnline = false;
    const { server, clock, subscription } = start({ network }, 'http://localhost:1234/');
    (await server.request(0)).fail(new Error('refused'));
    await settle();
    clock.advance(1_000);
    await server.request(1);
    expect(subscription.state.phase).toBe('connecting');
  });
});

describe('reconnect()', () => {
  test('gives up the wait', async () => {
    const { server, subscription } = start();
    (await server.request(0)).fail(new Error('refused'));
    await settle();
    subscription.reconnect();
    await server.request(1);
    expect(subscription.state).toEqual({ phase: 'connecting', attempt: 2 });
  });

  test('gives up the open connection and goes on behind it, losing nothing that has arrived', async () => {
    const { server, subscription, next } = start();
    const first = await server.request(0);
    first.open();
    first.send('id: 1\ndata: a\n\nid: 2\ndata: b');
    await settle();
    subscription.reconnect();
    await settle();
    expect(first.init.signal.aborted).toBe(true);
    const second = await server.request(1);
    expect(second.init.headers['last-event-id']).toBe('1');
    second.open();
    second.send('id: 2\ndata: b\n\n');
    expect([(await next()).data, (await next()).data]).toEqual(['a', 'b']);
  });

  test('does nothing once closed', async () => {
    const { server, subscription } = start();
    subscription.close();
    subscription.reconnect();
    await settle();
    expect(server.requests).toHaveLength(0);
  });
});

describe('a machine that slept', () => {
  test('drops the connection, which may be dead, and goes on behind it at once', async () => {
    const { server, clock, states } = start();
    const first = await server.request(0);
    first.open();
    first.send('id: 1\ndata: a\n\n');
    await settle();
    clock.sleep(3_600_000);
    clock.advance(10_000);
    expect(first.init.signal.aborted).toBe(true);
    expect((await server.request(1)).init.headers['last-event-id']).toBe('1');
    expect(states).toMatchObject([
      { phase: 'open' },
      { phase: 'waiting', error: { code: 'ERR_SUSPENDED', willRetry: true } },
      { phase: 'connecting' },
    ]);
  });

  test('drops a try that is under way', async () => {
    const { server, clock, states } = start();
    const first = await server.request(0);
    clock.sleep(3_600_000);
    clock.advance(10_000);
    expect(first.init.signal.aborted).toBe(true);
    await server.request(1);
    expect(states).toMatchObject([{ phase: 'waiting', error: { code: 'ERR_SUSPENDED' } }, { phase: 'connecting' }]);
  });

  test('waits no longer', async () => {
    const { server, clock } = start({ retry: { initialMs: 60_000, maxMs: 60_000 } });
    (await server.request(0)).fail(new Error('refused'));
    await settle();
    clock.sleep(3_600_000);
    clock.advance(10_000);
    expect((await server.request(1)).init.signal.aborted).toBe(false);
  });

  test('ends a subscription that is not to reconnect', async () => {
    const { server, clock, events } = start({ retry: { maxAttempts: 1 } });
    (await server.request(0)).open();
    await settle();
    clock.sleep(3_600_000);
    clock.advance(10_000);
    expect(await failureOf(events.next())).toMatchObject({
      code: 'ERR_SUSPENDED',
      willRetry: false,
    });
  });

  test('is not one whose timers ran', async () => {
    const { server, clock, subscription } = start();
    (await server.request(0)).open();
    await settle();
    clock.advance(3_600_000);
    expect(subscription.state.phase).toBe('open');
    expect(clock.pending).toBe(1);
  });
});

test('a topic that was closed with a final event ends the iteration: the reconnect behind it is answered 204', async () => {
  await using server = await ScriptedServer.listen([
    [STREAM_HEAD, 'retry: 100\nid: 1\ndata: first\n\nid: 2\ndata: final\n\n', { do: 'end' }],
    ['HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n', { do: 'end' }],
  ]);
  const taken: string[] = [];
  for await (const { data } of subscribe(server.origin)) taken.push(data);
  expect(taken).toEqual(['first', 'final']);
  expect(server.requests[1]!.headers['last-event-id']).toBe('2');
});

describe('shared', () => {
  test('outside of browsers is a connection of its own', async () => {
    const { server, next } = start({ shared: true });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    expect((await next()).data).toBe('a');
  });

  const wrong: [string, () => unknown, string][] = [
    ['an empty name', () => start({ shared: '' }), 'shared has to be'],
    ['another method', () => start({ shared: true, method: 'POST' }), 'GET'],
    ['a method that is a function', () => start({ shared: true, method: () => 'GET' }), 'GET'],
    ['a URL that is a function, without a name', () => start({ shared: true }, () => 'http://tidings.test/'), 'a name'],
  ];
  test.each(wrong)('with %s is refused', (_, begin, named) => {
    expect(begin).toThrow(named);
  });
});
