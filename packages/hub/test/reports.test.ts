import { Hub, HubError, MemoryLog } from '@tidings/hub';
import { ServerError } from '@tidings/server';
import type { EventLog } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { ask, serve, startHub } from './test-hub.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [name: string]: unknown;
}

const WARN = 40;
const ERROR = 50;

/** A logger, and what it was given, line by line. */
function recorder(level: string): {
  readonly logger: pino.Logger;
  readonly text: () => string;
  readonly lines: Line[];
} {
  const texts: string[] = [];
  const lines: Line[] = [];
  const write = (line: string): void => {
    texts.push(line);
    lines.push(JSON.parse(line) as Line);
  };
  return { logger: pino({ level }, { write }), text: () => texts.join(''), lines };
}

/** A log in memory of which some methods do something else. */
function logWith(others: Partial<EventLog>): EventLog {
  const memory = new MemoryLog();
  return {
    trimmedIsExact: true,
    append: (...args) => memory.append(...args),
    read: (...args) => memory.read(...args),
    locate: (...args) => memory.locate(...args),
    locateLast: (...args) => memory.locateLast(...args),
    locateSince: (...args) => memory.locateSince(...args),
    follow: (follower) => memory.follow(follower),
    close: () => memory.close(),
    directory: memory.directory,
    ...others,
  };
}

describe('publishes, refusals, and listeners that come and go', () => {
  const KEY = 'a-secret-key-of-the-hub';

  test('is written on the level debug, a line each, without keys, tokens and data', async () => {
    const { logger, lines, text } = recorder('debug');
    const hub = await startHub({ logger, key: KEY, anonymous: 'listen' });
    const authorization = `Bearer ${KEY}`;
    const listener = await Listener.open(hub.port, '/topics?match=a&match_urlpattern=b/*', { 'last-event-id': 'mine' });
    await hub.publish('a?type=t&id=mine', 'secret data', {
      authorization,
      'idempotency-key': 'secret-idempotency-key',
    });
    await hub.ask('POST', '/topics/a', {
      headers: { authorization: 'Bearer another-secret-key' },
      body: 'secret data',
    });
    await hub.ask('GET', '/topics/a?access_token=secret-token');
    await hub.ask('GET', '/secret-of-nothing');
    await expect.poll(() => lines.filter(({ msg }) => msg === 'A request was refused')).toHaveLength(3);
    listener.close();
    await expect.poll(() => lines.at(-1)?.msg).toBe('A listener has gone');
    const listening = { listener: 1, url: '/topics?match=a&match_urlpattern=b%2F*', address: '127.0.0.1' };
    const [come, published, ...refused] = lines;
    const gone = refused.pop();
    expect(come).toMatchObject({ ...listening, msg: 'A listener has come', lastEventId: 'mine' });
    expect(published).toMatchObject({
      msg: 'Events were published',
      url: '/topics/a?type=t',
      subject: 'key',
      events: 1,
    });
    expect(refused).toMatchObject([
      { method: 'POST', url: '/topics/a', status: 401, reason: 'unauthorized', address: '127.0.0.1' },
      { method: 'GET', url: '/topics/a', status: 400, reason: 'invalid-parameter' },
      { method: 'GET', url: '/secret-of-nothing', status: 404, reason: 'not-found' },
    ]);
    expect(gone).toMatchObject({ ...listening, reason: 'left', durationMs: expect.any(Number) as number });
    for (const secret of [KEY, 'another-secret', 'secret data', 'secret-token', 'secret-idempotency']) {
      expect(text()).not.toContain(secret);
    }
  });

  test('names who has published to a hub without a key after the machine, and not after a key', async () => {
    const { logger, lines } = recorder('debug');
    const hub = await startHub({ logger });
    await hub.publish('a', 'x');
    expect(lines).toMatchObject([{ msg: 'Events were published', subject: 'local' }]);
  });

  test('is not written on other levels', async () => {
    const { logger, lines } = recorder('info');
    const hub = await startHub({ logger });
    const listener = await Listener.open(hub.port, '/topics/a');
    await hub.publish('a', 'x');
    await listener.take(1);
    await hub.ask('GET', '/nothing');
    expect(lines).toEqual([]);
  });

  test('says why a stream was ended by the hub', async () => {
    const { logger, lines } = recorder('debug');
    const hub = await startHub({ logger });
    const listener = await Listener.open(hub.port, '/topics/a');
    hub.hub.kick(() => true);
    await expect.poll(() => listener.ended).toBe('broken');
    expect(lines.map(({ msg, reason }) => reason ?? msg)).toEqual(['A listener has come', 'kicked']);
  });

  test('is written by a logger of pino only', () => {
    expect(() => new Hub({ log: new MemoryLog(), logger: console as never })).toThrow(HubError);
  });
});

describe('what goes wrong is written once, with its cause', () => {
  const FAILURE = new Error('the disk has a hole');

  test.each(['read', 'locate', 'locateLast'] as const)('%s', async (method) => {
    const { logger, lines } = recorder('warn');
    const hub = new Hub({ log: logWith({ [method]: () => Promise.reject(FAILURE) }), logger });
    const port = await serve(hub);
    await ask(port, 'POST', '/topics/a', { body: 'x' });
    const query = method === 'locateLast' ? 'last=1' : 'last_event_id=x';
    const listeners = await Promise.all([1, 2, 3].map(() => Listener.open(port, `/topics/a?${query}`)));
    await expect.poll(() => lines.length).toBe(1);
    for (const listener of listeners) await expect.poll(() => listener.ended).not.toBe('no');
    expect(lines).toMatchObject([{ level: ERROR, err: { message: 'the disk has a hole' } }]);
  });

  test('an append that fails for many', async () => {
    const { logger, lines } = recorder('warn');
    const failure = new ServerError('ERR_NOT_STORED', 'Cannot store events', { cause: FAILURE });
    const port = await serve(new Hub({ log: logWith({ append: () => Promise.reject(failure) }), logger }));
    const replies = await Promise.all([1, 2, 3].map(() => ask(port, 'POST', '/topics/a', { body: 'x' })));
    expect(replies.map(({ status }) => status)).toEqual([507, 507, 507]);
    expect(lines).toMatchObject([{ level: ERROR, msg: 'Events could not be stored' }]);
    expect(JSON.stringify(lines[0]!['err'])).toContain('the disk has a hole');
  });

  test('a stream of the list of topics that breaks', async () => {
    const { logger, lines } = recorder('warn');
    const directory = { list: () => Promise.reject(FAILURE) };
    const port = await serve(new Hub({ log: logWith({ directory }), logger }));
    const listener = await Listener.open(port, '/topics', { accept: 'text/event-stream' });
    await expect.poll(() => listener.ended).toBe('broken');
    expect(lines).toMatchObject([
      { level: ERROR, msg: 'The list of topics could not be sent on', err: { message: 'the disk has a hole' } },
    ]);
  });
});

test('a log that is slow is written once, and once when it is no more', async () => {
  const { logger, lines } = recorder('warn');
  const clock = new ManualClock();
  const memory = new MemoryLog();
  const waiting: (() => void)[] = [];
  const log = logWith({
    append: async (...args) => {
      await new Promise<void>((resolve) => void waiting.push(resolve));
      return await memory.append(...args);
    },
  });
  const port = await serve(new Hub({ log, logger, clock }));
  const publish = async (): Promise<() => Promise<unknown>> => {
    const before = waiting.length;
    const reply = ask(port, 'POST', '/topics/a', { body: 'x' });
    await expect.poll(() => waiting.length).toBe(before + 1);
    return () => {
      waiting.pop()?.();
      return reply;
    };
  };
  const first = await publish();
  clock.advance(999);
  expect(lines).toEqual([]);
  const second = await publish();
  clock.advance(1);
  expect(lines).toMatchObject([{ level: WARN, waiting: 2, ms: 1000 }]);
  clock.advance(5000);
  await second();
  // It took as long as the first: the log is slow still.
  clock.advance(5000);
  expect(lines).toHaveLength(1);
  await first();
  expect(lines).toHaveLength(1);
  await (
    await publish()
  )();
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    [WARN, 'The log is slow: its disk or its store has taken no event for a while'],
    [WARN, 'The log is no longer slow'],
  ]);
  await (
    await publish()
  )();
  clock.advance(5000);
  expect(lines).toHaveLength(2);
});
