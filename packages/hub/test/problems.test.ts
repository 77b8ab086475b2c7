import { systemClock } from '@tidings/server/log';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import * as consumers from 'node:stream/consumers';
import { Hub, HubError, MemoryLog, PROBLEMS, type ProblemName } from '@tidings/hub';
import { ServerError } from '@tidings/server';
import type { EventLog } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { ask, problemOf, serve, startHub, type Reply } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, KEY_PAIRS, makeToken, SECRET } from './token-maker.ts';

const PROTOCOL = readFileSync(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8');

/** A hub on a log that fails as it is told to. */
async function hubOnFailingLog(): Promise<{ port: number; fail: (error: Error | undefined) => void }> {
  let failure: Error | undefined;
  const memory = new MemoryLog();
  const log: EventLog = {
    trimmedIsExact: true,
    append: (...args) => (failure ? Promise.reject(failure) : memory.append(...args)),
    read: (page) => memory.read(page),
    locate: (...args) => memory.locate(...args),
    locateLast: (...args) => memory.locateLast(...args),
    locateSince: (...args) => memory.locateSince(...args),
    follow: (follower) => memory.follow(follower),
    close: () => memory.close(),
  };
  return {
    port: await serve(new Hub({ log })),
    fail: (error) => {
      failure = error;
    },
  };
}

const TOKENS = { publicUrl: AUDIENCE, tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] } };

/** A request that is answered with each problem (PROTOCOL §10). */
const CAUSES: Readonly<Record<ProblemName, () => Promise<Reply>>> = {
  'invalid-topic': async () => (await startHub()).ask('GET', '/topics/%00'),
  'invalid-parameter': async () => (await startHub()).ask('GET', '/topics/a?x'),
  'invalid-event': async () => (await startHub()).ask('POST', '/topics/a?id='),
  'invalid-request': async () => (await startHub()).ask('GET', '/topics/a', { headers: { host: 'a/b' } }),
  'unsupported-coding': async () =>
    (await startHub()).ask('POST', '/topics/a', { headers: { 'content-encoding': 'br' }, body: 'x' }),
  'unsupported-type': async () => (await startHub()).ask('QUERY', '/topics', { body: 'match=a' }),
  'url-too-long': async () => (await startHub()).ask('GET', `/topics?match=${'a'.repeat(128 * 1024)}`),
  'headers-too-large': async () =>
    (await startHub()).ask('GET', '/topics/a', { headers: { x: 'x'.repeat(16 * 1024) } }),
  unauthorized: async () => (await startHub({ key: 'a-key-of-the-hub' })).ask('GET', '/topics/a'),
  'origin-not-allowed': async () =>
    (await startHub()).ask('POST', '/topics/a', { headers: { origin: 'https://x.example' } }),
  'host-not-allowed': async () => (await startHub()).ask('GET', '/topics/a', { headers: { host: 'x.example' } }),
  forbidden: async () => {
    const hub = await startHub({ authenticate: () => ({ allow: true, subject: 'somebody', listen: ['b'] }) });
    return hub.ask('GET', '/topics/a');
  },
  'not-found': async () => (await startHub()).ask('GET', '/nothing'),
  'method-not-allowed': async () => (await startHub()).ask('PATCH', '/topics/a'),
  'topic-closed': async () => {
    const hub = await startHub();
    await hub.publish('a?close', '');
    return hub.ask('POST', '/topics/a', { body: 'more' });
  },
  leased: async () => {
    const hub = await startHub();
    await hub.ask('PUT', '/topics/a?lease=30s');
    return hub.ask('PUT', '/topics/a?lease=30s');
  },
  'lease-lost': async () => {
    const hub = await startHub();
    await hub.ask('PUT', '/topics/a?lease=30s');
    return hub.ask('POST', '/topics/a', { body: 'x' });
  },
  'topic-exists': async () => {
    const hub = await startHub();
    await hub.publish('a', '1');
    return hub.ask('PUT', '/topics/a', { headers: { 'if-none-match': '*' } });
  },
  'too-many-topics': async () => {
    const port = await serve(new Hub({ log: new MemoryLog({ maxCreatedTopics: 0 }) }));
    return ask(port, 'PUT', '/topics/a');
  },
  'key-reused': async () => {
    const hub = await startHub();
    const headers = { 'idempotency-key': 'k' };
    await hub.publish('a', '1', headers);
    return hub.ask('POST', '/topics/a', { headers, body: '2' });
  },
  'too-large': async () => (await startHub({ limits: { maxEventBytes: 1 } })).ask('POST', '/topics/a', { body: 'xx' }),
  'too-slow': async () => {
    const hub = await startHub({ limits: { maxUploadIdleMs: 1 } });
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'text/event-stream' };
      const sent = request({
        host: '127.0.0.1',
        port: hub.port,
        method: 'POST',
        path: '/topics/a',
        headers,
        agent: false,
      });
      sent.on('error', reject).on('response', (response) => {
        consumers.text(response).then((answer) => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer });
        }, reject);
      });
      sent.flushHeaders();
    });
  },
  'too-many-uploads': async () => {
    const hub = await startHub({ limits: { maxPendingBytes: 1 } });
    return hub.ask('POST', '/topics/a', { headers: { 'content-type': 'text/event-stream' }, body: 'data: x\n\n' });
  },
  'too-many-matchers': async () => (await startHub()).ask('GET', `/topics?${'match=a&'.repeat(101)}`),
  'too-many-revocations': async () => {
    const hub = await startHub(TOKENS);
    const large = 'x'.repeat(16 * 1024);
    await Promise.allSettled(Array.from({ length: 520 }, (_, index) => hub.log.values.set(String(index), large)));
    // What is left of the room is less than a revocation takes.
    for (let size = 8192; size > 1; size /= 2) await hub.log.values.set(`s${size}`, 'x'.repeat(size)).catch(() => {});
    const headers = bearer(await makeToken({ admin: true }));
    return hub.ask('POST', '/revocations', { headers, body: JSON.stringify({ subject: 'x'.repeat(400) }) });
  },
  'too-many-tickets': async () => {
    const hub = await startHub({ ...TOKENS, limits: { maxTicketsPerSubject: 1 } });
    const headers = bearer(await makeToken({ listen: ['a'] }));
    await hub.ask('POST', '/tickets?match=a', { headers });
    return hub.ask('POST', '/tickets?match=a', { headers });
  },
  'too-many-requests': async () => {
    const hub = await startHub({ limits: { maxEventsPerSecond: 1 }, clock: { ...systemClock, now: () => 0 } });
    await hub.publish('a', '1');
    await hub.publish('a', '2');
    return hub.ask('POST', '/topics/a', { body: '3' });
  },
  'issuer-unavailable': async () => {
    const url = 'http://127.0.0.1:1/';
    const hub = await startHub({ publicUrl: AUDIENCE, tokens: { issuers: [{ issuer: ISSUER, keys: [{ url }] }] } });
    const headers = bearer(await makeToken({}, { header: { alg: 'ES256' }, key: KEY_PAIRS.ES256.privateKey }));
    return hub.ask('GET', '/topics/a', { headers });
  },
  'too-many-listeners-of-address': async () => {
    const hub = await startHub({ limits: { maxListenersPerAddress: 1 } });
    await Listener.open(hub.port, '/topics/a');
    return hub.ask('GET', '/topics/a');
  },
  'too-many-listeners': async () => {
    const hub = await startHub({ limits: { maxListeners: 1 } });
    await Listener.open(hub.port, '/topics/a');
    return hub.ask('GET', '/topics/a');
  },
  internal: async () => {
    const hub = await hubOnFailingLog();
    hub.fail(new Error('broken'));
    return ask(hub.port, 'POST', '/topics/a');
  },
  unsupported: async () => ask((await hubOnFailingLog()).port, 'GET', '/topics'),
  'not-stored': async () => {
    const hub = await hubOnFailingLog();
    hub.fail(new ServerError('ERR_NOT_STORED', 'the disk is full'));
    return ask(hub.port, 'POST', '/topics/a');
  },
  busy: async () => {
    const hub = await hubOnFailingLog();
    hub.fail(new ServerError('ERR_TOO_MUCH_WAITS', 'too much waits'));
    return ask(hub.port, 'POST', '/topics/a');
  },
  'store-away': async () => {
    const hub = await hubOnFailingLog();
    hub.fail(new ServerError('ERR_STORE_AWAY', 'Cannot reach the database at db.internal'));
    return ask(hub.port, 'POST', '/topics/a');
  },
  'broken-off': async () => {
    const hub = await startHub();
    const headers = { accept: 'application/json' };
    const waiting = hub.ask('GET', '/topics/a?wait=60s', { headers });
    await expect.poll(() => hub.hub.stats().listeners).toBe(1);
    hub.hub.kick(() => true);
    return await waiting;
  },
  draining: async () => {
    const { hub, port } = await startHub();
    await hub.close();
    return ask(port, 'GET', '/topics/a');
  },
};

describe('errors', () => {
  test.each(Object.entries(CAUSES))('%s is answered by a problem document', async (name, cause) => {
    const reply = await cause();
    const { status, title } = PROBLEMS[name as ProblemName];
    expect(problemOf(reply)).toBe(name);
    const { detail, ...rest } = JSON.parse(reply.text) as { detail: string };
    expect(rest).toEqual({ type: `/PROTOCOL.md#${name}`, title, status });
    // The type is a reference to what PROTOCOL.md has to say about it.
    expect(PROTOCOL).toContain(`<a id="${name}"></a>`);
    expect(detail).toMatch(/^\S.*[^.\s]$/);
    expect(reply.headers['cache-control']).toBe('no-store');
    if (
      name === 'draining' ||
      name === 'store-away' ||
      name.startsWith('too-many-listeners') ||
      name === 'too-many-uploads'
    )
      expect(reply.headers['retry-after']).toMatch(/^\d+$/);
  });

  test('are all in the protocol, with their status, and no others are', () => {
    const [, section = ''] = /\n## 10 Errors\n([^]*?)\n## /.exec(PROTOCOL) ?? [];
    const rows = [...section.matchAll(/^\| <a id="[a-z-]+"><\/a>`([a-z-]+)` \| (\d+) \|/gm)].map(([, name, status]) => [
      name,
      Number(status),
    ]);
    expect(new Map(rows as [string, number][])).toEqual(
      new Map(Object.entries(PROBLEMS).map(([name, { status }]) => [name, status])),
    );
  });

  test.each(['/nothing', '/topic/a', '/TOPICS/a', '/topicsx', '//topics/a'])('there is nothing at %s', async (path) => {
    const hub = await startHub();
    expect(problemOf(await hub.ask('GET', path))).toBe('not-found');
  });

  test('a request whose URL or host is none is refused', async () => {
    const hub = await startHub();
    for (const head of [
      'GET * HTTP/1.1\r\nHost: localhost',
      'GET / HTTP/1.1\r\nHost: a b',
      'GET / HTTP/1.1\r\nHost: [',
    ]) {
      const socket = connect(hub.port, '127.0.0.1');
      socket.write(`${head}\r\nConnection: close\r\n\r\n`);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    }
  });
});

describe('limits', () => {
  test('100 matchers are allowed, of both kinds together', async () => {
    const hub = await startHub();
    const matchers = (count: number): string => 'match=a&match_urlpattern=a&'.repeat(count / 2);
    expect((await Listener.open(hub.port, `/topics?${matchers(100)}`)).response.statusCode).toBe(200);
    expect(problemOf(await hub.ask('GET', `/topics?${matchers(102)}`))).toBe('too-many-matchers');
  });

  test('a listener that leaves makes room for another', async () => {
    const hub = await startHub({ limits: { maxListeners: 2, maxListenersPerAddress: 2 } });
    const first = await Listener.open(hub.port, '/topics/a');
    const list = await Listener.open(hub.port, '/topics', { accept: 'text/event-stream' });
    for (const leaving of [first, list]) {
      expect(problemOf(await hub.ask('GET', '/topics/a'))).toBe('too-many-listeners');
      leaving.close();
      await expect.poll(async () => (await Listener.open(hub.port, '/topics/a')).response.statusCode).toBe(200);
    }
  });

  test('bound what the matchers of all listeners take: a pattern that several have counts once, and one that leaves makes room', async () => {
    const hub = await startHub({ limits: { maxMatcherBytes: 20_000 } });
    const path = (name: string): string => `/topics?match_urlpattern=*${name.repeat(900)}*`;
    const open = async (name: string): Promise<Listener> => Listener.open(hub.port, path(name));
    const kept: Listener[] = [];
    for (const name of 'abcdefgh') {
      const listener = await open(name);
      if (listener.response.statusCode !== 200) break;
      kept.push(listener);
    }
    // Each takes its text, as a string and as a machine, and some more.
    expect(kept.length).toBeGreaterThanOrEqual(3);
    expect(kept.length).toBeLessThanOrEqual(6);
    const refused = await hub.ask('GET', path('z'));
    expect(problemOf(refused)).toBe('too-many-listeners');
    expect(refused.headers['retry-after']).toBe('5');
    expect((await open('a')).response.statusCode).toBe(200);
    expect(
      problemOf(await hub.ask('GET', `/topics?${Array.from('tuv', (name) => `match=${name.repeat(1000)}`).join('&')}`)),
    ).toBe('too-many-listeners');
    kept.at(-1)?.close();
    await expect.poll(async () => (await open('z')).response.statusCode).toBe(200);
  });

  test('hold for listeners that come at the same time', async () => {
    const { hub } = await startHub({ limits: { maxListeners: 3 } });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => hub.fetch(new Request('http://localhost/topics/a'))),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    for (const { body } of answers) await body?.cancel();
    const again = await hub.fetch(new Request('http://localhost/topics/a'));
    expect(again.status).toBe(200);
    await again.body?.cancel();
  });

  test.each([0, -1, 1.5, Number.NaN])('of %s are refused', (value) => {
    expect(() => new Hub({ log: new MemoryLog(), limits: { maxMatchers: value } })).toThrow(HubError);
  });
});

describe('health', () => {
  test('is ok while the hub can publish', async () => {
    const hub = await startHub();
    await Listener.open(hub.port, '/topics/a');
    await hub.publish('a', 'x');
    const reply = await hub.ask('GET', '/healthz');
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(reply.text)).toEqual({
      status: 'ok',
      epoch: hub.epoch,
      cursor: hub.cursor(1),
      listeners: 1,
      may: ['listen', 'publish', 'manage'],
    });
    expect((await hub.ask('HEAD', '/healthz')).status).toBe(200);
    expect((await hub.ask('POST', '/healthz')).headers['allow']).toBe('GET, HEAD, OPTIONS');
  });

  test('fails after a write failed, until one succeeds', async () => {
    const hub = await hubOnFailingLog();
    const health = async (): Promise<unknown[]> => {
      const { status, text } = await ask(hub.port, 'GET', '/healthz');
      const document = JSON.parse(text) as { status: string; reason?: string };
      return [status, document.status, document.reason];
    };
    hub.fail(new ServerError('ERR_NOT_STORED', 'the disk is full'));
    expect((await ask(hub.port, 'POST', '/topics/a')).status).toBe(507);
    expect(await health()).toEqual([503, 'failing', 'the disk is full']);
    expect(await health()).toEqual([503, 'failing', 'the disk is full']);
    const stream = { headers: { 'content-type': 'text/event-stream' }, body: ': nothing to write\n\n' };
    expect((await ask(hub.port, 'POST', '/topics/a', stream)).status).toBe(200);
    expect(await health()).toEqual([503, 'failing', 'the disk is full']);
    hub.fail(undefined);
    expect((await ask(hub.port, 'POST', '/topics/a')).status).toBe(200);
    expect(await health()).toEqual([200, 'ok', undefined]);
  });
});

describe('the page', () => {
  test('is at /', async () => {
    const hub = await startHub({ html: '<p>ä</p>' });
    const reply = await hub.ask('GET', '/');
    expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<p>ä</p>',
    ]);
    expect((await hub.ask('HEAD', '/')).text).toBe('');
    expect(problemOf(await hub.ask('POST', '/'))).toBe('method-not-allowed');
    expect(problemOf(await (await startHub()).ask('GET', '/'))).toBe('not-found');
  });
});
