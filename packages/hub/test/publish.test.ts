import { request } from 'node:http';
import { connect } from 'node:net';
import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type Reply, type TestHub } from './test-hub.ts';

const STREAM = { 'content-type': 'text/event-stream' };

/** Everything that was published to a topic. */
async function published(hub: TestHub, topic: string): Promise<Listener> {
  const listener = await Listener.open(hub.port, `/topics?match=${topic}&match=end&last_event_id=earliest`);
  await hub.publish('end', 'end');
  await listener.until(() => listener.data.at(-1) === 'end');
  return listener;
}

/** Sends an event stream part by part. */
class Uploading {
  readonly #request: ReturnType<typeof request>;
  readonly reply: Promise<Reply>;

  constructor(port: number, path: string) {
    this.#request = request({ host: '127.0.0.1', port, path, method: 'POST', headers: STREAM, agent: false });
    this.reply = new Promise((resolve, reject) => {
      this.#request.on('error', reject);
      this.#request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
    });
    this.reply.catch(() => {});
    onTestFinished(() => this.breakOff());
  }

  send(text: string): void {
    this.#request.write(text);
  }

  end(): Promise<Reply> {
    this.#request.end();
    return this.reply;
  }

  breakOff(): void {
    this.#request.destroy();
  }
}

describe('publishing one event', () => {
  test('the body is the data, and the answer is the id, once the event is in the log', async () => {
    const hub = await startHub();
    const reply = await hub.ask('POST', '/topics/a', { body: 'Hello' });
    expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([
      200,
      'text/plain; charset=utf-8',
      hub.cursor(1),
    ]);
    expect(hub.position.seq).toBe(1);
    expect((await published(hub, 'a')).events[0]).toEqual({
      type: 'message',
      data: 'Hello',
      lastEventId: hub.cursor(1),
    });
  });

  test('parameters set the type, the id and the reconnection time', async () => {
    const hub = await startHub();
    expect(await hub.publish('a?type=%C3%A4dded&id=order%2F1%20%F0%9F%8E%89&retry=250', 'x')).toBe('order/1 🎉');
    const listener = await published(hub, 'a');
    expect(listener.events[0]).toEqual({ type: 'ädded', data: 'x', lastEventId: 'order/1 🎉' });
    expect(listener.retries).toEqual([250]);
  });

  const BODIES: readonly [what: string, body: string, data: string][] = [
    ['nothing', '', ''],
    ['several lines', 'a\nb\n\nc', 'a\nb\n\nc'],
    ['every line end', 'a\r\nb\rc\n', 'a\nb\nc\n'],
    ['what looks like fields', 'id: x\n\nevent: y\n\ndata: z', 'id: x\n\nevent: y\n\ndata: z'],
    ['a byte order mark', '\uFEFFa', '\uFEFFa'],
    ['NUL and emoji', '\0🎉', '\0🎉'],
    ['a leading space', ' a', ' a'],
  ];

  test.each(BODIES)('a body of %s arrives as data', async (_, body, data) => {
    const hub = await startHub();
    await hub.publish('a', body, { 'content-type': 'application/octet-stream' });
    expect((await published(hub, 'a')).data).toEqual([data, 'end']);
  });

  /** What may not be published (PROTOCOL §4.1, §4.4, §4.5), `$` standing for the log's epoch. */
  const REFUSED: readonly [what: string, query: string, problem: string][] = [
    ['an unknown parameter', 'typ=x', 'invalid-parameter'],
    ['a parameter of listeners', 'last_event_id=x', 'invalid-parameter'],
    ['a type given twice', 'type=a&type=b', 'invalid-parameter'],
    ['an id given twice', 'id=a&id=b', 'invalid-parameter'],
    ['a retry with a sign', 'retry=-1', 'invalid-parameter'],
    ['an empty retry', 'retry=', 'invalid-parameter'],
    ['a retry with a unit', 'retry=1s', 'invalid-parameter'],
    ['a retry with a fraction', 'retry=1.5', 'invalid-parameter'],
    ['a retry past all bounds', 'retry=99999999999999999', 'invalid-parameter'],
    ['an empty id', 'id=', 'invalid-event'],
    ['the id earliest', 'id=earliest', 'invalid-event'],
    ['an id that begins with #', 'id=%231', 'invalid-event'],
    ["an id like this log's cursors", 'id=$.7', 'invalid-event'],
    ["an id like another log's cursors", 'id=other1.7', 'invalid-event'],
    ['a retry over five minutes', 'retry=300001', 'invalid-parameter'],
    ['an id with a line end', 'id=a%0Ab', 'invalid-event'],
    ['an id with NUL', 'id=%00', 'invalid-event'],
    ['an id with DEL', 'id=%7F', 'invalid-event'],
    ['an id of 1,025 bytes', `id=${'a'.repeat(1025)}`, 'invalid-event'],
    ['a type with a line end', 'type=a%0Adata:b', 'invalid-event'],
    ['a type of 1,025 bytes', `type=${'a'.repeat(1025)}`, 'invalid-event'],
    ['the type of heartbeats', 'type=tidings-heartbeat', 'invalid-event'],
    ['the type of gaps', 'type=tidings-gap', 'invalid-event'],
    ['a type that may become ours', 'type=tidings-', 'invalid-event'],
  ];

  test.each(REFUSED)('%s is refused', async (_, query, problem) => {
    const hub = await startHub();
    const reply = await hub.ask('POST', `/topics/a?${query.replace('$', hub.epoch)}`, { body: 'x' });
    expect([reply.status, problemOf(reply)]).toEqual([400, problem]);
    expect(hub.position.seq).toBe(0);
  });

  test('ids and types of 1,024 bytes are taken, and ids that only resemble a cursor', async () => {
    const hub = await startHub();
    const long = 'ä'.repeat(512);
    expect(await hub.publish(`a?id=${encodeURIComponent(long)}&type=${encodeURIComponent(long)}`, 'x')).toBe(long);
    expect(await hub.publish('a?id=other1.07', 'x')).toBe('other1.07');
    expect(await hub.publish('a?type=', 'x')).toBe(hub.cursor(3));
  });

  test('a body that is not UTF-8 is refused', async () => {
    const hub = await startHub();
    for (const body of [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80]]) {
      const reply = await hub.ask('POST', '/topics/a', { body: Uint8Array.from(body) });
      expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-event']);
    }
  });

  describe('lines of data cost 6 bytes each, and encoded it may be twice as large as data and 4 KiB', () => {
    // 10,000 bytes and 2,349 lines: 24,094 of 24,096 bytes.
    const ENDS: readonly [name: string, end: string][] = [
      ['LF', '\n'],
      ['CR', '\r'],
      ['CR LF', '\r\n'],
    ];
    test.each(ENDS)('%s', async (_, end) => {
      const hub = await startHub({ limits: { maxEventBytes: 10_000 } });
      const dataOf = (lines: number) => end.repeat(lines - 1).padEnd(10_000, 'x');
      await hub.publish('a', dataOf(2349));
      const reply = await hub.ask('POST', '/topics/a', { body: dataOf(2350) });
      expect([reply.status, problemOf(reply)]).toEqual([413, 'too-large']);
      expect(JSON.parse(reply.text)).toMatchObject({
        detail: expect.stringContaining('more than 2349 lines') as string,
      });
      expect(hub.position.seq).toBe(1);
    });

    test('and so in an event stream', async () => {
      const hub = await startHub({ limits: { maxEventBytes: 10_000 } });
      const headers = { 'content-type': 'text/event-stream' };
      const reply = await hub.ask('POST', '/topics/a', { headers, body: `${'data\n'.repeat(9000)}\n` });
      expect([reply.status, problemOf(reply), hub.position.seq]).toEqual([413, 'too-large', 0]);
    });

    test('data of few bytes may have any number of lines', async () => {
      const hub = await startHub({ limits: { maxEventBytes: 300 } });
      await hub.publish('a', '\n'.repeat(300));
      expect(hub.position.seq).toBe(1);
    });
  });

  test('data of 1 MiB is taken, and a byte more is not', async () => {
    const hub = await startHub();
    await hub.publish('a', 'x'.repeat(1024 * 1024));
    const reply = await hub.ask('POST', '/topics/a', { body: 'x'.repeat(1024 * 1024 + 1) });
    expect([reply.status, problemOf(reply)]).toEqual([413, 'too-large']);
    expect(hub.position.seq).toBe(1);
  });

  test('a body that does not end is refused as soon as it is too large', async () => {
    const hub = await startHub({ limits: { maxEventBytes: 1000 } });
    const socket = connect(hub.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.write('POST /topics/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    socket.write(`${(1001).toString(16)}\r\n${'x'.repeat(1001)}\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  });
});

describe('private events', () => {
  test.each(['private', 'private=', 'private=true'])('?%s makes an event private', async (query) => {
    const hub = await startHub({ key: 'a-key-of-the-hub', anonymous: 'listen' });
    const headers = { authorization: 'Bearer a-key-of-the-hub' };
    const anonymous = await Listener.open(hub.port, '/topics/a');
    const known = await Listener.open(hub.port, '/topics/a', headers);
    await hub.publish(`a?${query}`, 'secret', headers);
    await hub.publish(`a?${query}`, 'data: secret too\n\n', { ...headers, ...STREAM });
    await hub.publish('a', 'open', headers);
    expect(await known.take(3)).toEqual(['secret', 'secret too', 'open']);
    expect(await anonymous.take(1)).toEqual(['open']);
    const later = await Listener.open(hub.port, '/topics/a?last_event_id=earliest');
    expect(await later.take(1)).toEqual(['open']);
  });
});

describe('publishing an event stream', () => {
  test('each event keeps its type, id, data and reconnection time, and the answer is the last id', async () => {
    const hub = await startHub();
    const body = [
      ': a comment\n\n',
      'data: plain\n\n',
      'event: added\r\nid: mine\r\ndata: a\r\ndata: b\r\n\r\n',
      'retry: 300\n\n',
      'data: with retry\n\n',
      'id: alone\n\n',
      'data\n\n',
      'event: tidings-heartbeat\nid: other1.9\ndata:\n\n',
      'data: after the heartbeat\n\n',
      'data: unfinished\n',
    ].join('');
    expect(await hub.publish('a', body, STREAM)).toBe(hub.cursor(5));
    const listener = await published(hub, 'a');
    expect(listener.published.slice(0, -1)).toEqual([
      { type: 'message', data: 'plain', lastEventId: hub.cursor(1) },
      { type: 'added', data: 'a\nb', lastEventId: 'mine' },
      { type: 'message', data: 'with retry', lastEventId: hub.cursor(3) },
      // An id without data is not an event's, and goes with the next one.
      { type: 'message', data: '', lastEventId: 'alone' },
      { type: 'message', data: 'after the heartbeat', lastEventId: hub.cursor(5) },
    ]);
    expect(listener.retries).toEqual([300]);
    expect(listener.text).toMatch(/retry: 300\ndata: with retry/);
  });

  test.each(['text/event-stream; charset=utf-8', 'TEXT/Event-Stream', 'text/event-stream ;x'])(
    'the content type %s is an event stream',
    async (type) => {
      const hub = await startHub();
      expect(await hub.publish('a', 'data: 1\n\ndata: 2\n\n', { 'content-type': type })).toBe(hub.cursor(2));
    },
  );

  test.each(['', ': nothing\n\n', 'event: x\n\n', 'data: unfinished', 'event: tidings-heartbeat\ndata:\n\n'])(
    'the answer to the stream %j, which has no event, is empty',
    async (body) => {
      const hub = await startHub();
      expect(await hub.publish('a', body, STREAM)).toBe('');
      expect(hub.position.seq).toBe(0);
    },
  );

  test('events are visible while the upload goes on', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    const upload = new Uploading(hub.port, '/topics/a');
    upload.send('data: 1\n\nda');
    expect(await listener.take(1)).toEqual(['1']);
    upload.send('ta: 2\n');
    upload.send('\ndata: 3\n\n');
    expect(await listener.take(3)).toEqual(['1', '2', '3']);
    const reply = await upload.end();
    expect([reply.status, reply.text]).toEqual([200, hub.cursor(3)]);
  });

  test('an upload that is broken off leaves what was complete, and is no error of the hub', async () => {
    const errors: string[] = [];
    const hub = await startHub({
      logger: pino({ level: 'warn' }, { write: (line: string) => void errors.push(line) }),
    });
    const listener = await Listener.open(hub.port, '/topics/a');
    const upload = new Uploading(hub.port, '/topics/a');
    upload.send('data: 1\n\ndata: 2\n');
    await listener.take(1);
    upload.breakOff();
    await upload.reply.catch(() => {});
    await hub.publish('a', 'next');
    expect(await listener.take(2)).toEqual(['1', 'next']);
    expect(errors).toEqual([]);
  });

  test('an upload may take as long as it likes', async () => {
    const { createServer } = await import('@tidings/hub');
    const { hub } = await startHub();
    const server = createServer(hub);
    expect(server.requestTimeout).toBe(0);
    expect(server.headersTimeout).toBeGreaterThan(0);
  });

  test('where a later part is refused what came before stands, and the error document says where to go on', async () => {
    const hub = await startHub();
    const long = 'x'.repeat(1025);
    const refused = [
      ['invalid-event', 'retry: 300001\ndata: 3\n\n'],
      ['invalid-event', 'event: tidings-own\ndata: 3\n\n'],
      ['invalid-event', 'id: earliest\ndata: 3\n\n'],
      ['invalid-event', `event: ${long}\ndata: 3\n\n`],
      ['too-large', `data: ${'x'.repeat(1024 * 1024 + 1)}\n\n`],
    ] as const;
    for (const [problem, part] of refused) {
      const before = hub.position.seq;
      const listener = await Listener.open(hub.port, '/topics/a');
      const upload = new Uploading(hub.port, '/topics/a');
      upload.send('data: 1\n\ndata: 2\n\n');
      await listener.take(2);
      upload.send(part);
      const reply = await upload.reply;
      expect(problemOf(reply)).toBe(problem);
      expect(JSON.parse(reply.text)).toMatchObject({ published: 2, lastId: hub.cursor(before + 2) });
      expect(hub.position.seq).toBe(before + 2);
      listener.close();
    }
  });

  test('a gap that a copied stream tells is published, and not in an envelope', async () => {
    const hub = await startHub();
    const data = '{"after":"other1.1","resumedAt":"other1.5","reason":"trimmed"}';
    await hub.publish('a', `event: tidings-gap\nid: other1.5\ndata: ${data}\n\n`, STREAM);
    for (const envelope of ['', '&envelope=json']) {
      const listener = await Listener.open(hub.port, `/topics/a?last_event_id=earliest${envelope}`);
      await listener.take(1);
      expect(listener.events).toEqual([{ type: 'tidings-gap', data, lastEventId: hub.cursor(1) }]);
    }
  });

  test('an upload of which one event has been published says so in the singular', async () => {
    const hub = await startHub();
    const body = `data: 1\n\n:${'x'.repeat(70_000)}\n\nevent: tidings-x\ndata: 2\n\n`;
    const reply = await hub.ask('POST', '/topics/a', { headers: STREAM, body });
    expect([reply.status, problemOf(reply), hub.position.seq]).toEqual([400, 'invalid-event', 1]);
    expect(reply.text).toContain('what came before its part of the stream, 1 event, has been published');
  });

  test.each(['x', '{}', '{"after":"other1.1","resumedAt":"other1.5"}'])(
    'an event of the type of gaps is refused if its data is %s',
    async (data) => {
      const hub = await startHub();
      const body = `event: tidings-gap\ndata: ${data}\n\n`;
      for (const headers of [STREAM, { ...STREAM, 'idempotency-key': 'k' }]) {
        const reply = await hub.ask('POST', '/topics/a', { headers, body });
        expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-event']);
      }
      expect(hub.position.seq).toBe(0);
    },
  );

  test.each(['type=x', 'id=x', 'retry=1'])('?%s is not for event streams', async (query) => {
    const hub = await startHub();
    const reply = await hub.ask('POST', `/topics/a?${query}`, { headers: STREAM, body: 'data: 1\n\n' });
    expect(problemOf(reply)).toBe('invalid-parameter');
  });

  test('one hub’s output is another’s input', async () => {
    const [from, to] = [await startHub(), await startHub()];
    const data = ['1', 'two\nlines', '', '🎉'];
    for (const [n, text] of data.entries()) await from.publish(`a?id=own-${n}&type=t${n}`, text);
    await from.publish('a', 'without an id');
    const output = await Listener.open(from.port, '/topics/a?last_event_id=earliest');
    await output.take(5);
    await to.publish('b', Buffer.from(output.text, 'latin1').toString('utf8'), STREAM);
    const copy = await published(to, 'b');
    const [last, ...others] = output.published.toReversed();
    // What the one hub gave a cursor has one of the other's.
    expect(last!.lastEventId).toBe(from.cursor(5));
    expect(copy.published.slice(0, -1)).toEqual([...others.toReversed(), { ...last, lastEventId: to.cursor(5) }]);
  });

  test('what a hub says itself is taken only from those who may administer', async () => {
    const key = 'a-key-of-the-hub';
    const hub = await startHub({ key, anonymous: 'all' });
    const gap = 'event: tidings-gap\ndata: {"after":"x","resumedAt":"y","reason":"trimmed"}\n\n';
    const send = (body: string, headers: Record<string, string> = {}): Promise<Reply> =>
      hub.ask('POST', '/topics/a', { headers: { ...STREAM, ...headers }, body });
    const refused = await send(gap);
    expect([refused.status, problemOf(refused)]).toEqual([401, 'unauthorized']);
    expect(problemOf(await send('id: other1.5\ndata: x\n\n'))).toBe('invalid-event');
    expect(problemOf(await send(`id: ${hub.cursor(1)}\ndata: x\n\n`))).toBe('invalid-event');
    expect(hub.position.seq).toBe(0);
    expect((await send(gap, { authorization: `Bearer ${key}` })).status).toBe(200);
    const named = await startHub({ authenticate: () => ({ allow: true, subject: 'ann', publish: 'all' }) });
    const reply = await named.ask('POST', '/topics/a', { headers: STREAM, body: gap });
    expect([reply.status, problemOf(reply)]).toEqual([403, 'forbidden']);
    expect(named.position.seq).toBe(0);
  });
});
