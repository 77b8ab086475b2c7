import { connect } from 'node:net';
import { createServer, Hub, type HubOptions, MemoryLog } from '@tidings/hub';
import type { EventLog } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { problemOf, startHub, type TestHub } from './test-hub.ts';

const STREAM = { 'content-type': 'text/event-stream' };
const MINUTE_MS = 60_000;

/** Lets everything that is under way in this process go on. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A body that comes part by part, on a clock that only the test moves. */
class SlowBody {
  readonly clock: ManualClock = new ManualClock();
  readonly answer: Promise<Response>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isAnswered = false;

  readonly hub: Hub;

  constructor(
    headers: Record<string, string> = {},
    log: EventLog = new MemoryLog(),
    limits: HubOptions['limits'] = {},
  ) {
    const hub = new Hub({ log, clock: this.clock, limits });
    this.hub = hub;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.#controller = controller) });
    const init = { method: 'POST', headers, body, duplex: 'half' };
    this.answer = hub.fetch(new Request('http://localhost/topics/a', init));
    void this.answer.then(() => {
      this.#isAnswered = true;
    });
  }

  /** Lets time pass, and then sends some text. */
  async after(ms: number, text: string): Promise<void> {
    this.clock.advance(ms);
    await turns();
    if (!this.#isAnswered) this.#controller?.enqueue(Buffer.from(text));
    await turns();
  }

  async isAnswered(): Promise<boolean> {
    await turns();
    return this.#isAnswered;
  }

  async end(): Promise<Response> {
    this.#controller?.close();
    return await this.answer;
  }
}

async function problem(answer: Promise<Response>): Promise<{ status: number; type: string; [name: string]: unknown }> {
  return (await (await answer).json()) as { status: number; type: string };
}

describe('a body that stands still', () => {
  test('is given up, also where a byte of it comes now and then', async () => {
    const body = new SlowBody();
    await body.after(0, 'x');
    for (let seconds = 10; seconds < 30; seconds += 10) await body.after(10_000, 'x');
    expect(await body.isAnswered()).toBe(false);
    await body.after(10_000, '');
    expect(await problem(body.answer)).toMatchObject({ status: 408, type: '/PROTOCOL.md#too-slow' });
  });

  test('is not one of which enough comes, however long it takes', async () => {
    const body = new SlowBody();
    for (let part = 0; part < 10; part += 1) await body.after(29_000, 'x'.repeat(16 * 1024));
    expect((await body.end()).status).toBe(200);
  });

  test('is given up over a socket, too, and its connection is closed', async () => {
    const hub = await startHub({ limits: { maxBodyStallMs: 1 } });
    const socket = connect(hub.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write('POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(hub.position.seq).toBe(0);
  });
});

describe('an upload that stays open', () => {
  test('is given up when nothing has come for an hour, and is told what was published', async () => {
    const body = new SlowBody(STREAM);
    await body.after(0, 'data: 1\n\ndata: 2\n\n');
    await body.after(59 * MINUTE_MS, ':\n');
    await body.after(59 * MINUTE_MS, 'data: 3\n\n');
    await body.after(60 * MINUTE_MS - 1, '');
    expect(await body.isAnswered()).toBe(false);
    await body.after(1, '');
    const { type, published, lastId } = await problem(body.answer);
    expect([type, published]).toEqual(['/PROTOCOL.md#too-slow', 3]);
    expect(lastId).toMatch(/\.3$/);
  });

  test('is not waited for while the log is busy with what has come', async () => {
    const memory = new MemoryLog();
    let store = (): void => {};
    const log: EventLog = Object.assign(Object.create(memory) as MemoryLog, {
      append: async (...args: Parameters<EventLog['append']>) => {
        await new Promise<void>((resolve) => {
          store = resolve;
        });
        return await memory.append(...args);
      },
      follow: memory.follow.bind(memory),
    });
    const body = new SlowBody(STREAM, log);
    await body.after(0, 'data: 1\n\n');
    body.clock.advance(120 * MINUTE_MS);
    store();
    await body.after(59 * MINUTE_MS, ':\n');
    const answer = await body.end();
    expect(answer.status).toBe(200);
  });

  test('is noticed by TCP where its machine has gone', async () => {
    const { hub } = await startHub();
    expect(createServer(hub)).toMatchObject({ keepAlive: true, keepAliveInitialDelay: 60 });
  });
});

/** Sends the head of a request and some of its body. Gives what breaks it off. */
function sendPart(hub: TestHub, head: string, part: string, what = 'POST /topics/a'): () => void {
  const socket = connect(hub.port, '127.0.0.1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  socket.write(`${what} HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n${part}`);
  return () => socket.destroy();
}

// A body that the hub has to ask for is read in parts.
const IN_PARTS = { expect: '100-continue' };

describe('all bodies together', () => {
  const PARTS: readonly [of: string, head: string, part: string][] = [
    ['one event', 'Content-Length: 100', 'x'.repeat(60)],
    [
      'a batch',
      'Content-Type: text/event-stream\r\nIdempotency-Key: k\r\nContent-Length: 100',
      'data: x\n\n'.repeat(6),
    ],
    [
      'an upload that stays open',
      'Content-Type: text/event-stream\r\nContent-Length: 100',
      `data: x\n\ndata: ${'x'.repeat(45)}`,
    ],
  ];

  test.each(PARTS)('hold a bounded number of bytes: beside the half of %s', async (_, head, part) => {
    const hub = await startHub({ limits: { maxPendingBytes: 100 }, clock: new ManualClock() });
    const leave = sendPart(hub, head, part);
    const publish = () => hub.ask('POST', '/topics/b', { headers: IN_PARTS, body: 'x'.repeat(60) });
    await expect.poll(async () => (await publish()).status).toBe(503);
    const refused = await publish();
    expect([problemOf(refused), refused.headers['retry-after']]).toEqual(['too-many-uploads', '1']);
    expect((await hub.ask('POST', '/topics/b', { headers: IN_PARTS, body: 'x'.repeat(40) })).status).toBe(200);
    // What came with its head is with the log at once.
    expect((await hub.ask('POST', '/topics/b', { body: 'x'.repeat(60) })).status).toBe(200);
    leave();
    await expect.poll(async () => (await publish()).status).toBe(200);
  });

  test('make room for others where they have not gone on for a second', async () => {
    const clock = new ManualClock();
    const hub = await startHub({ limits: { maxPendingBytes: 100 }, clock });
    const idle = connect(hub.port, '127.0.0.1');
    onTestFinished(() => void idle.destroy());
    idle.write(`POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n${'x'.repeat(60)}`);
    const publish = () => hub.ask('POST', '/topics/b', { headers: IN_PARTS, body: 'x'.repeat(60) });
    await expect.poll(async () => (await publish()).status).toBe(503);
    clock.advance(999);
    expect((await publish()).status).toBe(503);
    clock.advance(1);
    expect((await publish()).status).toBe(200);
    let answer = '';
    for await (const chunk of idle) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  });

  test.each([
    ['hardly go on', 6, 1, 200],
    ['go on at 1 KiB a second', 6, 512, 503],
    ['have taken ten seconds, however fast they go on', 20, 512, 200],
  ])('make room for others where they %s', async (_, parts, bytes, status) => {
    const body = new SlowBody({}, new MemoryLog(), { maxPendingBytes: 24_000 });
    await body.after(0, 'x'.repeat(9000));
    for (let part = 0; part < parts; part += 1) await body.after(500, 'x'.repeat(bytes));
    const other = new Request('http://localhost/topics/b', { method: 'POST', body: 'x'.repeat(15_500) });
    expect((await body.hub.fetch(other)).status).toBe(status);
    expect(await body.isAnswered()).toBe(status === 200);
  });

  test('have room beside the forms that are being read', async () => {
    const limits = { maxPendingBytes: 100, maxPendingQueryBytes: 100 };
    const hub = await startHub({ limits, clock: new ManualClock() });
    const form = 'Content-Type: application/x-www-form-urlencoded';
    sendPart(hub, `${form}\r\nContent-Length: 100`, 'x'.repeat(60), 'QUERY /topics');
    const query = () =>
      hub.ask('QUERY', '/topics', {
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...IN_PARTS },
        body: '&'.repeat(60),
      });
    await expect.poll(async () => problemOf(await query())).toBe('too-many-uploads');
    expect((await hub.ask('POST', '/topics/b', { body: 'x'.repeat(60) })).status).toBe(200);
  });

  test('do not count what is in the log already', async () => {
    const hub = await startHub({ limits: { maxPendingBytes: 100 } });
    sendPart(
      hub,
      'Content-Type: text/event-stream\r\nTransfer-Encoding: chunked',
      `51\r\n${'data: x\n\n'.repeat(9)}\r\n`,
    );
    await expect.poll(() => hub.position.seq).toBe(9);
    expect((await hub.ask('POST', '/topics/b', { body: 'x'.repeat(100) })).status).toBe(200);
  });

  test('of which one alone is larger: it is refused for good', async () => {
    const hub = await startHub({ limits: { maxPendingBytes: 100 } });
    expect(problemOf(await hub.ask('POST', '/topics/b', { body: 'x'.repeat(101) }))).toBe('too-large');
  });

  test('are put together of parts of any size', async () => {
    const hub = await startHub();
    const digits = Array.from({ length: 3000 }, (_, n) => String(n % 10));
    const chunked = digits.map((digit) => `1\r\n${digit}\r\n`).join('');
    sendPart(
      hub,
      'Transfer-Encoding: chunked',
      `${chunked}${(20_000).toString(16)}\r\n${'x'.repeat(20_000)}\r\n0\r\n\r\n`,
    );
    await expect.poll(() => hub.position.seq).toBe(1);
    const { entries } = await hub.log.read({ selection: { topics: ['a'] }, after: 0, through: 1, maxBytes: 1 });
    expect(Buffer.from(entries[0]!.frame).toString()).toContain(`data: ${digits.join('')}${'x'.repeat(20_000)}\n`);
  });
});

describe('the events of a batch are bounded', () => {
  test('where it is published whole', async () => {
    const hub = await startHub({ limits: { maxBatchEvents: 10 } });
    const headers = { ...STREAM, 'idempotency-key': 'k' };
    const reply = await hub.ask('POST', '/topics/a', { headers, body: 'data\n\n'.repeat(11) });
    expect([reply.status, problemOf(reply)]).toEqual([413, 'too-large']);
    expect(hub.position.seq).toBe(0);
    expect(await hub.publish('a', 'data\n\n'.repeat(10), headers)).toBe(hub.cursor(10));
  });

  test('and so are those of what arrives of an upload at once', async () => {
    const hub = await startHub({ limits: { maxBatchEvents: 10 } });
    const batches: number[] = [];
    hub.log.follow({ onStart: () => {}, onBatch: (batch) => batches.push(batch.length), onLost: () => {} });
    expect(await hub.publish('a', 'data\n\n'.repeat(25), STREAM)).toBe(hub.cursor(25));
    expect(batches).toEqual([10, 10, 5]);
  });
});

describe('a body whose next part is always there', () => {
  test.each(['data: x\n\n', ':\n\n', ''])('leaves others their turns: parts of %o', async (text) => {
    const hub = new Hub({ log: new MemoryLog({ retention: { maxEvents: 10 } }) });
    onTestFinished(() => hub.close());
    const part = Buffer.from(text);
    let isOver = false;
    async function* parts(): AsyncGenerator<Uint8Array> {
      // The bound is for a hub that leaves no turns: then the test fails, and does not hang.
      for (let left = 100_000; left > 0 && !isOver; left -= 1) yield part;
    }
    const turn = new Promise<string>((resolve) => setImmediate(() => resolve('turn')));
    void turn.then(() => (isOver = true));
    const headers: Record<string, string> = { host: 'localhost', 'content-type': 'text/event-stream' };
    const answer = hub.handle({
      method: 'POST',
      url: 'http://localhost/topics/a',
      header: (name) => headers[name],
      body: parts(),
    });
    expect(await Promise.race([turn, answer])).toBe('turn');
    expect((await answer).status).toBe(200);
  });
});
