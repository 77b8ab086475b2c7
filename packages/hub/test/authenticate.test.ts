import { createServer, Hub, MemoryLog, Problem } from '@tidings/hub';
import type { Authentication } from '@tidings/server';
import { ManualClock } from '@tidings/server/log/testing';
import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deferred, type Deferred } from '../../server/test/deferred.ts';
import { Listener } from './listener.ts';
import { ask, problemOf, serve, startHub } from './test-hub.ts';

const EVERYTHING: Authentication = { allow: true, subject: 'ann', publish: 'all', private: 'all' };

/** A logger, and the messages that it was given. */
function recorder(): { readonly logger: pino.Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { logger: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }), lines };
}

/** Answers each question when the test says so. */
class Asked {
  readonly questions: Deferred<Authentication>[] = [];
  #wake = (): void => {};

  readonly authenticate = (): Promise<Authentication> => {
    const question = deferred<Authentication>();
    this.questions.push(question);
    this.#wake();
    return question.promise;
  };

  /** The n-th question, from 1, when it has been asked. */
  async question(n: number): Promise<Deferred<Authentication>> {
    while (this.questions.length < n) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.questions[n - 1]!;
  }
}

describe('a request that authenticate refuses', () => {
  test('is answered what it says: a status, header fields and a body', async () => {
    const refusal = { allow: false, status: 402, headers: { 'X-Plan': 'free' }, body: 'Pay first\n' } as const;
    const hub = await startHub({ authenticate: () => refusal, allowedOrigins: ['https://app.example'] });
    const reply = await hub.ask('GET', '/topics/a', { headers: { origin: 'https://app.example' } });
    expect([reply.status, reply.text, reply.headers['x-plan']]).toEqual([402, 'Pay first\n', 'free']);
    expect(reply.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': 'https://app.example',
    });
  });

  test('may be answered a document of its own', async () => {
    const refusal = { allow: false, headers: { 'content-type': 'application/json' }, body: '{}' } as const;
    const hub = await startHub({ authenticate: () => refusal });
    const reply = await hub.ask('POST', '/topics/a');
    expect([reply.status, reply.text, reply.headers['content-type']]).toEqual([403, '{}', 'application/json']);
  });

  test('is answered a problem where it says no more than no', async () => {
    const hub = await startHub({ authenticate: () => false });
    for (const path of ['/topics/a', '/topics', '/healthz', '/nothing']) {
      expect(problemOf(await hub.ask('GET', path))).toBe('forbidden');
    }
  });

  test('with 401 is told how to authenticate', async () => {
    const hub = await startHub({ authenticate: () => ({ allow: false, status: 401 }) });
    const reply = await hub.ask('GET', '/topics/a');
    expect([problemOf(reply), reply.headers['www-authenticate']]).toEqual(['unauthorized', 'Bearer']);
    expect(JSON.parse(reply.text)).toMatchObject({ title: 'The request has no valid credentials' });
    const headers = { 'www-authenticate': 'Basic realm="hub"' };
    const other = await startHub({ authenticate: () => ({ allow: false, status: 401, headers }) });
    expect((await other.ask('GET', '/topics/a')).headers['www-authenticate']).toBe('Basic realm="hub"');
  });

  test('with another status is answered a document of no other meaning', async () => {
    const headers = { 'Retry-After': '60' };
    const hub = await startHub({ authenticate: () => ({ allow: false, status: 429, headers }) });
    const reply = await hub.ask('GET', '/topics/a');
    expect([reply.status, reply.headers['retry-after'], reply.headers['content-type']]).toEqual([
      429,
      '60',
      'application/problem+json',
    ]);
    expect(JSON.parse(reply.text)).toEqual({
      type: 'about:blank',
      title: 'Too Many Requests',
      status: 429,
      detail: 'This request was refused',
    });
  });

  test('because its rights have expired is refused', async () => {
    const { logger, lines } = recorder();
    logger.level = 'debug';
    const hub = await startHub({ logger, authenticate: () => ({ allow: true, expiresAt: Date.now() - 1 }) });
    const reply = await hub.ask('GET', '/topics/a');
    expect(problemOf(reply)).toBe('forbidden');
    expect(reply.text).toContain('have expired');
    expect(lines.join('')).toContain('"reason":"expired"');
  });
});

describe('authenticate', () => {
  test('that throws gives nothing away, and the hub goes on', async () => {
    const { logger, lines } = recorder();
    let isBroken = true;
    const authenticate = (): Authentication => {
      if (isBroken) throw new Error('the password of the database is 1234');
      return EVERYTHING;
    };
    const hub = await startHub({ logger, authenticate });
    const reply = await hub.ask('GET', '/topics/a');
    expect(problemOf(reply)).toBe('internal');
    expect(reply.text).not.toContain('1234');
    expect(lines.join('')).toContain('1234');
    isBroken = false;
    await hub.publish('a', 'x');
  });

  test('that rejects or answers nonsense lets nobody in', async () => {
    for (const authenticate of [
      () => Promise.reject(new Error('broken')),
      () => undefined as unknown as Authentication,
      () => 'yes' as unknown as Authentication,
      () => ({ allow: 'yes' }) as unknown as Authentication,
      () => ({ allow: true, listen: 'a' }) as unknown as Authentication,
    ]) {
      const hub = await startHub({ authenticate });
      expect(problemOf(await hub.ask('GET', '/topics/a'))).toBe('internal');
      expect(problemOf(await hub.ask('POST', '/topics/a'))).toBe('internal');
      expect(hub.position.seq).toBe(0);
    }
  });

  test('may throw a problem, which is the answer', async () => {
    const hub = await startHub({
      authenticate: () => {
        throw new Problem('host-not-allowed', 'Not by this name');
      },
    });
    expect(problemOf(await hub.ask('GET', '/topics/a'))).toBe('host-not-allowed');
  });

  test('that is slow holds up nobody else', async () => {
    const slow = deferred<Authentication>();
    const hub = await startHub({
      authenticate: ({ header }) => (header('x-person') === 'slow' ? slow.promise : EVERYTHING),
    });
    const waiting = Listener.open(hub.port, '/topics/a', { 'x-person': 'slow' });
    const quick = await Listener.open(hub.port, '/topics/a');
    await hub.publish('a', 'before');
    expect(await quick.take(1)).toEqual(['before']);
    slow.resolve(EVERYTHING);
    const listener = await waiting;
    await hub.publish('a', 'after');
    expect(await listener.take(1)).toEqual(['after']);
  });

  test('is not asked for OPTIONS, which a browser sends without credentials', async () => {
    const hub = await startHub({
      authenticate: () => {
        throw new Error('asked');
      },
    });
    expect((await hub.ask('OPTIONS', '/topics/a')).status).toBe(204);
  });
});

describe('a request that is aborted before its answer', () => {
  test('gives its place back, in a Fetch server', async () => {
    const asked = new Asked();
    const hub = new Hub({ log: new MemoryLog(), limits: { maxListeners: 1 }, authenticate: asked.authenticate });
    onTestFinished(() => hub.close({ finishMs: 0 }));
    for (let n = 1; n <= 5; n += 1) {
      const leaving = new AbortController();
      const answer = hub.fetch(new Request('http://localhost/topics/a', { signal: leaving.signal }));
      leaving.abort();
      (await asked.question(n)).resolve(EVERYTHING);
      expect([(await answer).status, (await answer).body]).toEqual([200, null]);
      expect(hub.stats().listeners).toBe(0);
    }
    const answer = hub.fetch(new Request('http://localhost/topics/a'));
    (await asked.question(6)).resolve(EVERYTHING);
    const { status, body } = await answer;
    expect([status, hub.stats().listeners, hub.stats().refused.full]).toEqual([200, 1, 0]);
    await body?.cancel();
  });

  test('gives its place back, in a server of Node', async () => {
    const asked = new Asked();
    const hub = new Hub({ log: new MemoryLog(), limits: { maxListeners: 1 }, authenticate: asked.authenticate });
    const server = createServer(hub);
    const port = await serve(hub, server);
    for (let n = 1; n <= 5; n += 1) {
      const connected = once(server, 'connection') as Promise<[Socket]>;
      const sent = request({ host: '127.0.0.1', port, path: '/topics/a', agent: false }).on('error', () => {});
      sent.end();
      const [socket] = await connected;
      const question = await asked.question(n);
      const closed = once(socket, 'close');
      sent.destroy();
      await closed;
      question.resolve(EVERYTHING);
    }
    const listening = Listener.open(port, '/topics/a');
    (await asked.question(6)).resolve(EVERYTHING);
    expect((await listening).response.statusCode).toBe(200);
    expect(hub.stats().listeners).toBe(1);
  });
});

describe('rights that expire', () => {
  /** A hub on a clock that stands still, whose authenticate is answered by the test, and a listener for whom it has allowed a second. */
  async function expiring(rights: object = {}): Promise<{
    readonly asked: Asked;
    readonly clock: ManualClock;
    readonly hub: Hub;
    readonly port: number;
    readonly lines: string[];
    readonly listener: Listener;
    publish(...data: string[]): Promise<void>;
  }> {
    const asked = new Asked();
    const clock = new ManualClock(1_700_000_000_000);
    const log = new MemoryLog();
    const { logger, lines } = recorder();
    const hub = new Hub({ log, clock, logger, keepAliveMs: 0, authenticate: asked.authenticate });
    const port = await serve(hub);
    const opening = Listener.open(port, '/topics/a');
    (await asked.question(1)).resolve({ allow: true, subject: 'ann', expiresAt: clock.time() + 1000, ...rights });
    const listener = await opening;
    await listener.until(() => listener.events.length === 1);
    return {
      asked,
      clock,
      hub,
      port,
      lines,
      listener,
      async publish(...all) {
        for (const data of all) await log.append([{ topics: ['a'], fields: { data }, private: data === 'secret' }]);
      },
    };
  }

  test('hold a listener until they are renewed: it has nothing meanwhile, and lost nothing after it', async () => {
    const { asked, clock, port, listener, publish } = await expiring();
    const opening = Listener.open(port, '/topics/a');
    (await asked.question(2)).resolve({ allow: true });
    const beside = await opening;
    await publish('before');
    await listener.take(1);
    clock.advance(1000);
    const renewal = await asked.question(3);
    await publish('meanwhile 1', 'meanwhile 2');
    expect(await beside.take(3)).toEqual(['before', 'meanwhile 1', 'meanwhile 2']);
    expect(listener.data).toEqual(['before']);
    renewal.resolve({ allow: true, subject: 'ann', expiresAt: clock.time() + 1000 });
    expect(await listener.take(3)).toEqual(beside.data);
    clock.advance(1000);
    (await asked.question(4)).resolve({ allow: true });
    await publish('after');
    expect(await listener.take(4)).toEqual([...beside.data.slice(0, 3), 'after']);
    // Pages are shared for a second; then nothing is timed any more.
    clock.advance(1000);
    expect(clock.pending).toBe(0);
  });

  const NOT_RENEWED: readonly [why: string, answer: Authentication][] = [
    ['they are refused', false],
    ['they have expired again', { allow: true, expiresAt: 1 }],
    ['they no longer cover its topic', { allow: true, subject: 'ann', listen: ['b'] }],
  ];

  test.each(NOT_RENEWED)(
    'end the stream of a listener where %s, and tell it, so that it asks anew',
    async (_, answer) => {
      const { asked, clock, hub, listener, publish } = await expiring();
      clock.advance(1000);
      const renewal = await asked.question(2);
      await publish('too late');
      renewal.resolve(answer);
      expect(await listener.end()).toBe('complete');
      expect([listener.data, hub.stats().listeners]).toEqual([['{"reason":"expired"}'], 0]);
    },
  );

  test('break a listener off where they cannot be renewed, and the hub writes why', async () => {
    const { asked, clock, listener, lines } = await expiring();
    clock.advance(1000);
    (await asked.question(2)).reject(new Error('no connection to the directory of people'));
    expect(await listener.end()).toBe('broken');
    expect(lines.join('')).toContain('no connection to the directory of people');
  });

  test('may come back with less: private events are no longer given', async () => {
    const { asked, clock, listener, publish } = await expiring({ private: ['a'] });
    await publish('secret', 'open');
    expect(await listener.take(2)).toEqual(['secret', 'open']);
    clock.advance(1000);
    (await asked.question(2)).resolve({ allow: true, subject: 'ann' });
    await publish('secret', 'open');
    expect(await listener.take(3)).toEqual(['secret', 'open', 'open']);
  });

  test('of the list of topics end it', async () => {
    const { asked, clock, port } = await expiring();
    const opening = Listener.open(port, '/topics', { accept: 'text/event-stream' });
    (await asked.question(2)).resolve({ allow: true, expiresAt: clock.time() + 500 });
    const list = await opening;
    await list.take(1);
    clock.advance(500);
    expect(await list.end()).toBe('complete');
  });
});

describe('a hub', () => {
  test('sends away the listeners that are chosen, and no others', async () => {
    const hub = await startHub({
      authenticate: ({ header }) => ({ allow: true, subject: header('x-person') ?? 'nobody', publish: 'all' }),
    });
    const open = (path: string, person: string, more = {}): Promise<Listener> =>
      Listener.open(hub.port, path, { 'x-person': person, ...more });
    const ann = await open('/topics/a', 'ann');
    const list = await open('/topics', 'ann', { accept: 'text/event-stream' });
    const ben = await open('/topics/a', 'ben');
    expect(hub.hub.kick(({ subject }) => subject === 'eve')).toBe(0);
    expect(hub.hub.kick(({ subject }) => subject === 'ann')).toBe(2);
    expect([await ann.end(), await list.end()]).toEqual(['broken', 'broken']);
    await hub.publish('a', 'x');
    expect(await ben.take(1)).toEqual(['x']);
    const again = await open('/topics/a', 'ann', { 'last-event-id': ann.events[0]!.lastEventId });
    expect(await again.take(1)).toEqual(['x']);
    expect(hub.hub.kick(({ address }) => address === '127.0.0.1')).toBe(2);
    expect([await ben.end(), await again.end(), hub.hub.stats().listeners]).toEqual(['broken', 'broken', 0]);
  });

  test('counts what it has done, and each request that it did not let in', async () => {
    const hub = await startHub({ key: 'a-key-of-the-hub', anonymous: 'listen', limits: { maxListeners: 2 } });
    const headers = { authorization: 'Bearer a-key-of-the-hub' };
    const listeners = [await Listener.open(hub.port, '/topics/a'), await Listener.open(hub.port, '/topics/a')];
    await hub.publish('a', 'x', headers);
    await hub.publish('b', 'x', headers);
    for (const listener of listeners) await listener.take(1);
    for (const [method, path] of [
      ['GET', '/topics/a'],
      ['POST', '/topics/a'],
      ['PATCH', '/topics/a'],
      ['DELETE', '/healthz'],
      ['GET', '/topics/a?last=x'],
      ['GET', '/topics?match='],
      ['GET', '/topics/a%00'],
      ['GET', '/nothing'],
    ] as const) {
      await hub.ask(method, path);
    }
    expect(hub.hub.stats()).toMatchObject({
      listeners: 2,
      live: 2,
      published: 2,
      delivered: 2,
      evictions: 0,
      refused: { full: 1, 'full-for-key': 0, forbidden: 1, method: 2, parameter: 3, complete: 0 },
    });
  });

  test('counts listeners by the key of their rights, whatever their address', async () => {
    const hub = await startHub({
      limits: { maxListenersPerAddress: 1 },
      authenticate: ({ header }) => ({ allow: true, key: header('x-person') ?? 'nobody' }),
    });
    await Listener.open(hub.port, '/topics/a', { 'x-person': 'ann' });
    expect((await Listener.open(hub.port, '/topics/a', { 'x-person': 'ben' })).response.statusCode).toBe(200);
    const third = await ask(hub.port, 'GET', '/topics/a', { headers: { 'x-person': 'ann' } });
    expect(problemOf(third)).toBe('too-many-listeners-of-address');
    expect(hub.hub.stats().refused['full-for-key']).toBe(1);
  });
});
