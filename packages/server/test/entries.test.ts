import {
  entries,
  entryAt,
  type EntryGap,
  type ItemIterator,
  EVERYTHING,
  fieldsOf,
  type LogEntry,
  MemoryLog,
  type NewEvent,
  type ReadRequest,
} from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';

const NOT_YET = 'not yet';

const event = (data: string, more: Partial<NewEvent> = {}): NewEvent => ({ topics: ['a'], fields: { data }, ...more });

/** A log that counts what is asked of it. */
class CountingLog extends MemoryLog {
  reads: ReadRequest[] = [];
  follows = 0;
  followers = 0;

  override read(...args: Parameters<MemoryLog['read']>): ReturnType<MemoryLog['read']> {
    this.reads.push(args[0]);
    return super.read(...args);
  }

  override follow(...args: Parameters<MemoryLog['follow']>): ReturnType<MemoryLog['follow']> {
    const following = super.follow(...args);
    this.follows += 1;
    this.followers += 1;
    return {
      stop: () => {
        this.followers -= 1;
        following.stop();
      },
    };
  }
}

function shown(item: LogEntry | EntryGap | undefined): unknown {
  if (item === undefined) return 'end';
  return 'gap' in item ? item : fieldsOf(item).data;
}

/** The next items, as their data. */
async function take(iterator: ItemIterator<LogEntry | EntryGap>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  while (taken.length < count) taken.push(shown((await iterator.next()).value));
  return taken;
}

/** Whether an iterator is waiting, after everything that is under way. */
async function pendingNow<T>(promise: Promise<T>): Promise<T | typeof NOT_YET> {
  const later = new Promise<typeof NOT_YET>((resolve) => setTimeout(() => resolve(NOT_YET), 0));
  return Promise.race([promise, later]);
}

function open(log: MemoryLog, options: Parameters<typeof entries>[1] = {}): ItemIterator<LogEntry | EntryGap> {
  const iterator = entries(log, options);
  onTestFinished(() => void iterator.return());
  return iterator;
}

describe('entries()', () => {
  test('gives what is appended after the call, before the first next(), too', async () => {
    const log = new MemoryLog();
    await log.append([event('before')]);
    const iterator = open(log);
    await log.append([event('1'), event('2')]);
    expect(await take(iterator, 2)).toEqual(['1', '2']);
    const third = iterator.next();
    expect(await pendingNow(third)).toBe(NOT_YET);
    await log.append([event('3')]);
    expect(shown((await third).value)).toBe('3');
  });

  test.each([{ last: 0 }, { last: 1 }, { after: 'earliest' }])(
    'begins at the call and not at the first next(): %o',
    async (options) => {
      const log = new MemoryLog({ epoch: 'e', retention: { maxEvents: 3 } });
      await log.append([event('before')]);
      const [taken, late] = [open(log, options), open(log, options)];
      await log.append([event('1'), event('2')]);
      const all = options.last === 0 ? ['1', '2'] : ['before', '1', '2'];
      expect(await take(taken, all.length)).toEqual(all);
      await log.append([event('3'), event('4'), event('5')]);
      expect((await late.next()).value).toMatchObject({ gap: { reason: 'trimmed', resumedAt: 'e.3' } });
    },
  );

  test('gives history and then live, each entry once', async () => {
    const log = new MemoryLog();
    for (let n = 0; n < 5; n += 1) await log.append([event(String(n)), event(`other ${n}`, { topics: ['b'] })]);
    const iterator = open(log, { after: 'earliest', selection: { topics: ['a'] } });
    expect(await take(iterator, 3)).toEqual(['0', '1', '2']);
    await log.append([event('5')]);
    expect(await take(iterator, 3)).toEqual(['3', '4', '5']);
    expect(await pendingNow(iterator.next())).toBe(NOT_YET);
  });

  test('begins after a cursor, after a publisher’s id, and with the last ones', async () => {
    const log = new MemoryLog({ epoch: 'e' });
    await log.append([event('1'), event('2', { fields: { data: '2', id: 'two' } }), event('3')]);
    expect(await take(open(log, { after: 'e.1' }), 2)).toEqual(['2', '3']);
    expect(await take(open(log, { after: 'two' }), 1)).toEqual(['3']);
    expect(await take(open(log, { last: 2 }), 2)).toEqual(['2', '3']);
  });

  test('tells of a gap where entries were trimmed, and of an id that is not known', async () => {
    const log = new MemoryLog({ epoch: 'e', retention: { maxEvents: 2 } });
    for (const data of ['1', '2', '3', '4']) await log.append([event(data)]);
    const gap = { after: 'e.1', resumedAt: 'e.2', reason: 'trimmed' };
    expect(await take(open(log, { after: 'e.1' }), 3)).toEqual([{ gap }, '3', '4']);
    const unknown = { after: 'nobody knows it', resumedAt: 'e.2', reason: 'unknown' };
    expect(await take(open(log, { after: 'nobody knows it' }), 3)).toEqual([{ gap: unknown }, '3', '4']);
    // Nothing that it asked for is missing.
    expect(await take(open(log, { after: 'earliest' }), 2)).toEqual(['3', '4']);
  });

  test('is offered live entries, so that it reads nothing from the log, whatever its retention', async () => {
    const log = new CountingLog({ retention: { maxEvents: 0 } });
    const iterator = open(log, { selection: { topics: ['a'] } });
    for (let n = 0; n < 1000; n += 1) await log.append([event(String(n)), event('other', { topics: ['b'] })]);
    expect(await take(iterator, 1000)).toEqual(Array.from({ length: 1000 }, (_, n) => String(n)));
    expect(log.reads).toEqual([]);
  });

  test('holds 64 KiB for a consumer that is slow, and reads the rest from the log', async () => {
    const log = new MemoryLog({ epoch: 'e', retention: { maxEvents: 10 } });
    const iterator = open(log);
    const data = 'x'.repeat(10_000);
    for (let n = 1; n <= 100; n += 1) await log.append([event(`${n} ${data}`)]);
    const taken = (await take(iterator, 17)).map((item) =>
      typeof item === 'string' ? Number(item.split(' ', 1)[0]) : item,
    );
    const gap = { gap: { after: 'e.6', resumedAt: 'e.90', reason: 'trimmed' } };
    expect(taken).toEqual([1, 2, 3, 4, 5, 6, gap, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100]);
    await log.append([event('next')]);
    expect(await take(iterator, 1)).toEqual(['next']);
  });

  test('holds an entry that is larger than that', async () => {
    const log = new MemoryLog({ retention: { maxEvents: 1 } });
    const iterator = open(log);
    await log.append([event('x'.repeat(1_000_000))]);
    await log.append([event('next')]);
    expect((await take(iterator, 2)).map((item) => String(item).length)).toEqual([1_000_000, 4]);
  });

  test('reads by pages of 64 KiB', async () => {
    const log = new CountingLog();
    const data = 'x'.repeat(10_000);
    for (let n = 0; n < 14; n += 1) await log.append([event(data)]);
    await take(open(log, { after: 'earliest' }), 7);
    expect(log.reads).toHaveLength(1);
    expect(log.reads[0]).toMatchObject({ maxBytes: 65_536 });
  });

  test('follows the log once for all iterations, and no longer than there are any', async () => {
    const log = new CountingLog();
    const iterators = Array.from({ length: 100 }, () => open(log));
    expect([log.follows, log.followers]).toEqual([1, 1]);
    const waiting = iterators.map((iterator) => iterator.next());
    await log.append([event('1')]);
    expect(new Set((await Promise.all(waiting)).map(({ value }) => shown(value)))).toEqual(new Set(['1']));
    for (const iterator of iterators) await iterator.return();
    expect([log.follows, log.followers]).toEqual([1, 0]);
    const again = open(log);
    await log.append([event('2')]);
    expect(await take(again, 1)).toEqual(['2']);
    expect(log.follows).toBe(2);
  });

  test('gives an entry of two selected topics once', async () => {
    const log = new MemoryLog();
    const iterator = open(log, { selection: { topics: ['a', 'b'] } });
    await log.append([event('1', { topics: ['a', 'b'] }), event('2', { topics: ['b'] })]);
    expect(await take(iterator, 2)).toEqual(['1', '2']);
  });

  test('gives entries of patterns, and private ones where they are selected', async () => {
    const log = new MemoryLog();
    const topics = [{ pattern: 'rooms/:room', base: 'https://example.com/topics/' }];
    const all = open(log, { selection: { topics, private: 'all' } });
    const open1 = open(log, { selection: { topics } });
    for (const [index, topic] of ['rooms/1', 'halls/1', 'rooms/2', 'rooms/1'].entries()) {
      await log.append([event(String(index), { topics: [topic], private: index === 2 })]);
    }
    expect(await take(all, 3)).toEqual(['0', '2', '3']);
    expect(await take(open1, 2)).toEqual(['0', '3']);
  });

  test('ends with return() while next() is waiting', async () => {
    const log = new CountingLog();
    const iterator = open(log);
    const waiting = iterator.next();
    expect(await iterator.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(log.followers).toBe(0);
  });

  test('ends with its signal, and at once if that is aborted already', async () => {
    const log = new CountingLog();
    const stop = new AbortController();
    const waiting = open(log, { signal: stop.signal }).next();
    stop.abort();
    expect((await waiting).done).toBe(true);
    expect((await open(log, { signal: stop.signal, after: 'earliest' }).next()).done).toBe(true);
    expect(log.followers).toBe(0);
  });

  test('ends when the loop is left', async () => {
    const log = new CountingLog();
    await log.append([event('1'), event('2')]);
    for await (const entry of entries(log, { after: 'earliest' })) {
      expect(shown(entry)).toBe('1');
      break;
    }
    expect(log.followers).toBe(0);
  });

  test('answers calls of next() that overlap in their order', async () => {
    const log = new MemoryLog();
    const iterator = open(log);
    const waiting = [iterator.next(), iterator.next(), iterator.next()];
    await log.append([event('1')]);
    await log.append([event('2'), event('3')]);
    expect((await Promise.all(waiting)).map(({ value }) => shown(value))).toEqual(['1', '2', '3']);
  });

  test('throws what the log throws, once, and has ended then', async () => {
    const log = new CountingLog();
    await log.append([event('1')]);
    log.read = () => Promise.reject(new Error('the disk is gone'));
    const iterator = open(log, { after: 'earliest' });
    await expect(iterator.next()).rejects.toThrow('the disk is gone');
    expect((await iterator.next()).done).toBe(true);
    expect(log.followers).toBe(0);
  });
});

describe('an entry', () => {
  test('has its fields as they can be appended to another log', async () => {
    const log = new MemoryLog({ epoch: 'e' });
    const fields = [{ data: 'one\ntwo', event: 'note', id: 'own', retry: 5 }, { data: 'plain' }, { event: 'bare' }];
    await log.append(fields.map((each) => ({ topics: ['a'], fields: each })));
    const copy = new MemoryLog({ epoch: 'copy' });
    const read: unknown[] = [];
    for (const id of ['own', 'e.2', 'e.3']) {
      const entry = await entryAt(log, id);
      read.push(fieldsOf(entry!));
      await copy.append([{ topics: entry!.topics, fields: fieldsOf(entry!) }]);
    }
    expect(read).toEqual([fields[0], fields[1], { event: 'bare', data: '' }]);
    expect((await entryAt(copy, 'copy.2'))?.id).toBe('copy.2');
  });

  test('is found by its cursor and by its publisher’s id, if it is selected and kept', async () => {
    const log = new MemoryLog({ epoch: 'e', retention: { maxEvents: 3 } });
    await log.append([event('0'), event('1', { fields: { data: '1', id: 'one' } })]);
    await log.append([event('2', { private: true }), event('3', { topics: ['b'] })]);
    const dataAt = async (...args: [id: string, options?: Parameters<typeof entryAt>[2]]): Promise<unknown> =>
      shown((await entryAt(log, ...args)) ?? undefined);
    expect(await dataAt('one')).toBe('1');
    expect(await dataAt('e.2')).toBe('1');
    expect(await dataAt('e.3')).toBe('2');
    expect(await dataAt('e.3', { selection: { topics: 'all' } })).toBe('end');
    expect(await dataAt('e.4', { selection: { topics: ['a'], private: 'all' } })).toBe('end');
    expect(await dataAt('e.4', { selection: EVERYTHING })).toBe('3');
    for (const id of ['e.1', 'e.0', 'e.5', 'other.1', 'unknown', 'earliest', '']) expect(await dataAt(id)).toBe('end');
  });
});
