import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, serve, startHub, type Reply } from './test-hub.ts';

const KEY = 'a-key-of-the-hub';
const STREAM = { 'content-type': 'text/event-stream' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Sends everything before it looks at what is answered, as some clients do. Gives the answer. */
async function sendAll(
  port: number,
  head: string,
  bytes: number,
  part = Buffer.alloc(64 * 1024, 'x'),
): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const failed = new Promise<never>((_, reject) => void socket.once('error', reject));
  failed.catch(() => {});
  socket.pause();
  socket.write(`POST /topics/a HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`);
  for (let sent = 0; sent < bytes; sent += part.length) {
    const taken = new Promise<void>((resolve) => void socket.write(part, () => resolve()));
    await Promise.race([taken, failed]);
  }
  socket.end();
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

describe('a refusal', () => {
  const SIZE = 8 * 1024 * 1024;

  test.each([
    ['a body that is said to be too large', `Authorization: Bearer ${KEY}\r\nContent-Length: ${SIZE}`, 413],
    ['a body of somebody unknown', `Content-Length: ${SIZE}`, 401],
    ['a body for a malformed path', `Content-Length: ${SIZE}\r\nHost: localhost`, 400],
  ])('of %s reaches a client that sends everything first', async (_, head, status) => {
    const hub = await startHub({ key: KEY });
    const answer = await sendAll(hub.port, head, SIZE);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
    expect(answer).toMatch(/\}\n$/);
  });

  const CHUNK = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);

  test.each([
    ['an event that has grown too large', 'Transfer-Encoding: chunked', CHUNK, 413],
    [
      'a stream with a line that has grown too long',
      'Content-Type: text/event-stream\r\nTransfer-Encoding: chunked',
      CHUNK,
      413,
    ],
    ['a body that is no gzip', 'Content-Encoding: gzip\r\nTransfer-Encoding: chunked', CHUNK, 400],
    ['a body of gzip that is said to be long', `Content-Encoding: gzip\r\nContent-Length: ${SIZE}`, undefined, 400],
  ])(
    'of %s reaches a client that sends everything first, although some of it was read',
    async (_, head, part, status) => {
      const hub = await startHub();
      expect(await sendAll(hub.port, head, SIZE, part)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    },
  );

  test('is sent before the body has come, and without asking for it', async () => {
    const hub = await startHub({ key: KEY });
    for (const [headers, status] of [
      [{ authorization: `Bearer ${KEY}`, 'content-length': 1e12 }, 413],
      [{ 'content-length': 5 }, 401],
    ] as const) {
      let asked = false;
      const reply = await new Promise<IncomingMessage>((resolve, reject) => {
        const sent = request({
          host: '127.0.0.1',
          port: hub.port,
          path: '/topics/a',
          method: 'POST',
          headers: { ...headers, expect: '100-continue' },
          agent: false,
        });
        onTestFinished(() => void sent.destroy());
        sent.on('continue', () => {
          asked = true;
        });
        sent.on('response', resolve).on('error', reject).flushHeaders();
      });
      expect([reply.statusCode, asked]).toEqual([status, false]);
    }
  });

  test('does not read on for longer than it is told to', async () => {
    const hub = new Hub({ log: new MemoryLog(), key: KEY });
    const port = await serve(hub, createServer(hub, { lingerMs: 1 }));
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx');
    await new Promise((resolve) => void socket.once('close', resolve).resume());
    await expect.poll(() => new Promise((resolve) => connect(port, '127.0.0.1', () => resolve(true)))).toBe(true);
  });
});

test('a body that is waited for with Expect is asked for, once somebody reads it', async () => {
  const hub = await startHub();
  const listener = await Listener.open(hub.port, '/topics/a');
  const answer = await new Promise<Reply>((resolve, reject) => {
    const headers = { expect: '100-continue' };
    const sent = request({
      host: '127.0.0.1',
      port: hub.port,
      path: '/topics/a',
      method: 'POST',
      headers,
      agent: false,
    });
    sent.on('continue', () => sent.end('x')).on('error', reject);
    sent.on('response', (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode!, headers: response.headers, text: body }),
        reject,
      );
    });
    sent.flushHeaders();
  });
  expect(answer.status).toBe(200);
  expect(await listener.take(1)).toEqual(['x']);
});

test.each<[options: object, message: string]>([
  [{ idleConnectionMs: 0 }, 'The option idleConnectionMs is 0, but must be a whole number from 1'],
  [{ lingerMs: 1.5 }, 'The option lingerMs is 1.5'],
  [{ keepAliveTimeout: 1 }, 'There is no option keepAliveTimeout; allowed are idleConnectionMs, lingerMs,'],
])('the options %o of a server are refused', (options, message) => {
  expect(() => createServer(new Hub({ log: new MemoryLog() }), options)).toThrow(message);
});

test('an idle connection is kept for longer than load balancers keep theirs', () => {
  const server = createServer(new Hub({ log: new MemoryLog() }));
  expect(server.keepAliveTimeout).toBeGreaterThan(600_000);
});

describe('a body in gzip', () => {
  const coded = { 'content-encoding': 'gzip' };

  test('is published as what it is, an event and an event stream', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    const ask = (headers: Record<string, string>, body: string): Promise<Reply> =>
      hub.ask('POST', '/topics/a', { headers: { ...coded, ...headers }, body: gzipSync(body) });
    expect((await ask({}, 'one ä')).status).toBe(200);
    expect((await ask(STREAM, 'data: two\n\ndata: three\n\n')).status).toBe(200);
    expect((await ask({ ...STREAM, 'content-encoding': ' X-GZIP' }, 'data: four\n\n')).status).toBe(200);
    expect((await ask({ ...STREAM, 'idempotency-key': 'k' }, 'data: five\n\n')).status).toBe(200);
    expect(await listener.take(5)).toEqual(['one ä', 'two', 'three', 'four', 'five']);
  });

  test('is bounded by what it is when it has been decoded', async () => {
    const hub = await startHub({ limits: { maxEventBytes: 1000, maxBodyBytes: 2000 } });
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    for (const headers of [coded, { ...coded, ...STREAM, 'idempotency-key': 'k' }, { ...coded, ...STREAM }]) {
      const reply = await hub.ask('POST', '/topics/a', { headers, body: bomb });
      expect([reply.status, problemOf(reply)]).toEqual([413, 'too-large']);
    }
    const large = await hub.ask('POST', '/topics/a', { headers: coded, body: gzipSync('x'.repeat(1001)) });
    expect(problemOf(large)).toBe('too-large');
    expect(hub.position.seq).toBe(0);
  });

  test.each([
    ['no gzip', Buffer.from('hello')],
    ['cut off', gzipSync('x'.repeat(1000)).subarray(0, 20)],
  ])('that is %s is refused', async (_, body) => {
    const hub = await startHub();
    const reply = await hub.ask('POST', '/topics/a', { headers: coded, body });
    expect([problemOf(reply), hub.position.seq]).toEqual(['invalid-event', 0]);
  });

  test.each(['br', 'zstd', 'gzip, gzip', 'deflate'])(
    'is the only coding that is understood: %s is not',
    async (coding) => {
      const hub = await startHub();
      for (const headers of [{}, STREAM]) {
        const reply = await hub.ask('POST', '/topics/a', {
          headers: { ...headers, 'content-encoding': coding },
          body: 'x',
        });
        expect([reply.status, problemOf(reply), reply.headers['accept-encoding']]).toEqual([
          415,
          'unsupported-coding',
          'gzip',
        ]);
      }
      expect(hub.position.seq).toBe(0);
      await hub.ask('POST', '/topics/a', { headers: { 'content-encoding': 'identity' }, body: 'x' });
      expect(hub.position.seq).toBe(1);
    },
  );
});

describe('QUERY /topics', () => {
  /** Listens by a form. */
  async function query(port: number, form: string, path = '/topics', headers = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request({
        host: '127.0.0.1',
        port,
        path,
        method: 'QUERY',
        headers: { ...FORM, ...headers },
        agent: false,
      });
      onTestFinished(() => void sent.destroy());
      sent.on('response', resolve).on('error', reject).end(form);
    });
  }

  async function until(stream: IncomingMessage, end: string): Promise<string> {
    let received = '';
    for await (const chunk of stream) {
      received += String(chunk);
      if (received.includes(end)) break;
    }
    return received;
  }

  test('takes a hundred matchers of any length from its body', async () => {
    const hub = await startHub();
    const names = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(1024, '/é').slice(0, 512));
    for (const n of [0, 57, 99]) await hub.publish(encodeURIComponent(names[n]!), String(n));
    const form = names.map((name) => `match=${encodeURIComponent(name)}`).join('&');
    const stream = await query(hub.port, `${form}&last_event_id=earliest`);
    expect(await until(stream, 'data: 99\n\n')).toMatch(/data: 0\n[^]*data: 57\n[^]*data: 99\n/);
  });

  test('joins its body to its URL', async () => {
    const hub = await startHub();
    await hub.publish('a', '1');
    await hub.publish('b/c', '2');
    const stream = await query(hub.port, 'match=a', '/topics?match_urlpattern=b/*&last=10');
    expect(await until(stream, 'data: 2\n\n')).toContain('data: 1\n');
    const twice = await query(hub.port, 'last=1', '/topics?match=a&last=1');
    expect([twice.statusCode, await text(twice)]).toEqual([400, expect.stringContaining('given 2 times')]);
  });

  test('without a matcher answers what topics there are', async () => {
    const hub = await startHub();
    expect(JSON.parse(await text(await query(hub.port, '')))).toMatchObject({ topics: [], total: 0 });
  });

  test('is bounded in parameters and in bytes', async () => {
    const hub = await startHub();
    const many = await query(hub.port, 'match=a&'.repeat(101));
    expect(await text(many)).toContain('too-many-matchers');
    expect(await text(await query(hub.port, '&'.repeat(1024 * 1024)))).toContain('too-many-matchers');
    const large = await query(hub.port, 'x'.repeat(1024 * 1024 + 1));
    expect([large.statusCode, await text(large)]).toEqual([413, expect.stringContaining('too-large')]);
    expect(await text(await query(hub.port, '%ff=\xff'))).toContain('The form is not valid UTF-8');
  });

  test.each([
    ['unauthorized', { allow: true, listen: [] }],
    ['forbidden', { allow: true, subject: 'ann', listen: [] }],
  ] as const)('is %s before its body has come if nothing may be listened to', async (name, rights) => {
    const hub = await startHub({ authenticate: () => rights });
    const sent = request({ host: '127.0.0.1', port: hub.port, path: '/topics', method: 'QUERY', headers: FORM });
    onTestFinished(() => void sent.destroy());
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve).on('error', reject).write('match=a');
    });
    expect(await text(answer)).toContain(name);
  });

  test.each(['text/plain', 'application/json', ''])('refuses a body of the type %j', async (type) => {
    const hub = await startHub();
    const reply = await query(hub.port, 'match=a', '/topics', { 'content-type': type });
    expect([reply.statusCode, reply.headers['accept-query']]).toEqual([415, FORM['content-type']]);
  });
});
