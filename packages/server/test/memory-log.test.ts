import { ServerError } from '@tidings/server';
import {
  EARLIEST,
  formatCursor,
  KEY_LIFETIME_MS,
  MemoryLog,
  type LogRetention,
  type AppendOptions,
  type NewEvent,
  type TopicSet,
} from '@tidings/server/log';
import { eventLogCases, ManualClock, type LogCapability } from '@tidings/server/log/testing';
import { describe, expect, test, vi } from 'vitest';
import { EntryList } from '../dist/log/keeping/entry-list.js';

const EVENT: NewEvent = { topics: ['a'], fields: { data: 'x' } };
const ALL = { topics: ['a'], private: 'all' as const };
const CAPABILITIES: LogCapability[] = [
  'local',
  'time',
  'trim',
  'directory',
  'totals',
  'states',
  'values',
  'exact',
  'epochs',
];

describe('MemoryLog as an EventLog', () => {
  for (const { name, run } of eventLogCases(CAPABILITIES)) {
    test(name, () =>
      run(async (options) => {
        let [log, epochs] = [new MemoryLog({ ...options, epoch: 'e0' }), [] as { epoch: string; through: number }[]];
        return {
          log,
          async beginEpoch() {
            const { head } = await log.locate(EARLIEST);
            epochs = [...epochs, { epoch: `e${epochs.length}`, through: head }];
            await log.close();
            log = new MemoryLog({ ...options, epoch: `e${epochs.length}`, earlierEpochs: epochs });
            return log;
          },
          dispose: () => log.close(),
        };
      }),
    );
  }
});

describe('MemoryLog with holes in its numbers as an EventLog', () => {
  const nextSeq = (seq: number): number => seq + 1 + (seq % 3);
  for (const { name, run } of eventLogCases(CAPABILITIES.filter((capability) => capability !== 'epochs'))) {
    test(name, () =>
      run((options) => {
        const log = new MemoryLog({ ...options, nextSeq });
        return Promise.resolve({ log, dispose: () => log.close() });
      }),
    );
  }
});

function positionOf(log: MemoryLog): string {
  let found = '';
  log.follow({ onStart: (position) => (found = formatCursor(position)), onBatch: () => {}, onLost: () => {} }).stop();
  return found;
}

async function seqs(log: MemoryLog, selection: Parameters<MemoryLog['read']>[0]['selection'] = ALL): Promise<number[]> {
  const page = await log.read({ selection, after: 0, through: 1e9, maxBytes: 1e6 });
  return page.entries.map(({ seq }) => seq);
}

describe('MemoryLog', () => {
  test.each([
    ['k1', `The options of an append are "k1", but must be an object such as { key: 'k1' }`],
    [null, 'The options are null, but must be an object with any of key, digest'],
    [{ key: 5 }, 'The option key of an append is 5, but must be a string of 1 to 1536 bytes of UTF-8'],
    [{ key: '' }, 'The option key of an append is empty, but'],
    [{ key: 'x'.repeat(1537) }, 'The option key of an append is 1537 bytes long, but'],
    [{ key: 'k', digest: 5 }, 'The option digest of an append is 5, but must be a string of 1 to 128 bytes of UTF-8'],
    [{ digest: 'd' }, 'The option digest of an append needs key'],
  ])('refuses the options %j of an append, and names what is wrong', async (options, message) => {
    const log = new MemoryLog();
    const event = { topics: ['t'], fields: { data: 'x' } };
    await expect(log.append([event], options as AppendOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining(message),
    });
    expect(await log.append([event])).toMatchObject({ seq: 1 });
    await log.close();
  });

  test.each([
    [
      { topics: ['t'], data: 'hello' },
      `The fields of an event are undefined, but must be an object such as { data: 'hello' }`,
    ],
    [{ topics: ['t'], fields: null }, 'The fields of an event are null, but'],
    [{ topics: 't', fields: { data: 'hello' } }, 'The topics of an event are "t", but must be an array of strings'],
    [{ fields: { data: 'hello' } }, 'The topics of an event are undefined, but'],
    [{ topics: [7], fields: { data: 'x' } }, 'The topic is 7, but must be a string'],
    [{ topics: ['t'], fields: { data: 'x', id: 7 } }, 'The id is 7, but must be a string'],
    [{ topics: ['t'], fields: { data: 'x' }, latestKey: 7 }, "The event's key is 7, but must be a string"],
    [
      { topics: ['t'], fields: { event: 'tidings-gap', data: 'x' } },
      'The data of the event of type tidings-gap is "x", but must be JSON with the texts after, resumedAt, reason',
    ],
  ])('refuses %j and names what is wrong', async (event, message) => {
    const log = new MemoryLog();
    const append = log.append([event as unknown as NewEvent]);
    await expect(append).rejects.toMatchObject({
      code: 'ERR_INVALID_EVENT',
      message: expect.stringContaining(message),
    });
    await log.close();
  });

  test('begins a new epoch each time, or the one it is given', () => {
    expect(positionOf(new MemoryLog({ epoch: 'abc9' }))).toBe('abc9.0');
    const epochs = new Set(Array.from({ length: 100 }, () => positionOf(new MemoryLog())));
    expect(epochs.size).toBeGreaterThan(90);
  });

  test('goes on behind the earlier epochs that it is given, of which it has no event', async () => {
    const log = new MemoryLog({ epoch: 'new', earlierEpochs: [{ epoch: 'old', through: 7 }] });
    expect(positionOf(log)).toBe('new.7');
    expect(await log.append([EVENT])).toEqual({ seq: 8, id: 'new.8', ids: ['new.8'], repeated: false });
    expect(await log.locate('old.7')).toMatchObject({ after: 7, head: 8 });
    const { trimmedThrough } = await log.read({ selection: ALL, after: 7, through: 8, maxBytes: 1 });
    expect(trimmedThrough).toBe(7);
  });

  test.each([
    { epoch: 'A' },
    { epoch: '' },
    { epoch: 'a'.repeat(17) },
    { epoch: 'a', earlierEpochs: [{ epoch: 'a', through: 1 }] },
    { epoch: 'a', earlierEpochs: [{ epoch: 'b', through: 1.5 }] },
    {
      epoch: 'a',
      earlierEpochs: [
        { epoch: 'b', through: 2 },
        { epoch: 'c', through: 1 },
      ],
    },
  ])('refuses the epochs %o', (options) => {
    expect(() => new MemoryLog(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  test('applies its retention with each append', async () => {
    const log = new MemoryLog({ retention: { maxEvents: 2 } });
    for (let n = 0; n < 5; n += 1) await log.append([EVENT]);
    const { entries, trimmedThrough } = await log.read({ selection: ALL, after: 0, through: 5, maxBytes: 1e6 });
    expect(entries.map((entry) => entry.seq)).toEqual([4, 5]);
    expect(trimmedThrough).toBe(3);
  });

  test('has stored a batch and handed it over when append returns its promise', async () => {
    const log = new MemoryLog();
    const sizes: number[] = [];
    log.follow({ onStart: () => {}, onBatch: (batch) => sizes.push(batch.length), onLost: () => {} });
    void log.append([EVENT, EVENT]);
    const head = log.locate(EARLIEST);
    expect(sizes).toEqual([2]);
    expect(await head).toMatchObject({ after: 0, head: 2, trims: 0 });
  });

  test('removes what is asked of it, whatever its retention', async () => {
    const log = new MemoryLog();
    await log.append([EVENT, EVENT, EVENT]);
    await log.trim({ through: 2 });
    const page = await log.read({ selection: ALL, after: 0, through: 3, maxBytes: 1e6 });
    expect([page.entries.map(({ seq }) => seq), page.trimmedThrough]).toEqual([[3], 2]);
    await log.trim();
    expect(await seqs(log)).toEqual([3]);
  });

  test('forgets the oldest keys where there are too many', async () => {
    const log = new MemoryLog({ retention: { maxEvents: 0 }, clock: new ManualClock() });
    for (let n = 0; n <= 100_000; n += 1) await log.append([EVENT], { key: String(n) });
    expect((await log.append([EVENT], { key: '1' })).seq).toBe(2);
    expect((await log.append([EVENT], { key: '0' })).seq).toBe(100_002);
    expect(KEY_LIFETIME_MS).toBe(86_400_000);
  });

  test('forgets the oldest keys where they would take more than a quarter of the bytes that are kept', async () => {
    const log = new MemoryLog({ retention: { maxBytes: 1_000_000 } });
    const append = (n: number) => log.append([EVENT], { key: `${n} ${'k'.repeat(1000)}` });
    for (let n = 1; n <= 400; n += 1) await append(n);
    expect((await append(400)).repeated).toBe(true);
    expect((await append(350)).repeated).toBe(true);
    expect((await append(200)).repeated).toBe(false);
    // Events have the other three quarters.
    for (let n = 1; n <= 2000; n += 1) await log.append([EVENT]);
    expect((await log.directory.list({ order: 'name', limit: 1 })).topics[0]?.bytes).toBeGreaterThan(700_000);
  });

  test('refuses a batch of more events than it may have', async () => {
    const log = new MemoryLog({ maxBatchEvents: 3 });
    await log.append([EVENT, EVENT, EVENT]);
    await expect(log.append([EVENT, EVENT, EVENT, EVENT], { key: 'k' })).rejects.toMatchObject({
      code: 'ERR_BATCH_TOO_LARGE',
      message: 'Cannot append a batch of 4 events; the limit is 3',
    });
    expect(await seqs(log)).toEqual([1, 2, 3]);
    expect((await log.append([EVENT], { key: 'k' })).repeated).toBe(false);
    const many = Array.from({ length: 10_001 }, () => EVENT);
    await expect(new MemoryLog().append(many)).rejects.toMatchObject({ code: 'ERR_BATCH_TOO_LARGE' });
    await new MemoryLog().append(many.slice(1));
    expect(() => new MemoryLog({ maxBatchEvents: 0 })).toThrow(/maxBatchEvents is 0/);
    expect(() => new MemoryLog({ maxKeys: -1 })).toThrow(/maxKeys is -1/);
  });

  test.each([
    ['one line', 'x'.repeat(92), 'x'.repeat(93)],
    ['letters of two bytes', 'é'.repeat(46), 'é'.repeat(47)],
    ['lines', '\n'.repeat(15), '\n'.repeat(16)],
    ['lines that end with CR and LF', '\r\n'.repeat(15), '\r\n'.repeat(16)],
  ])('refuses an event of %s that would take more bytes than it may have', async (_, fits, tooLarge) => {
    const log = new MemoryLog({ maxEventBytes: 100 });
    const of = (data: string): NewEvent => ({ topics: ['a'], fields: { data } });
    await log.append([of(fits)]);
    await expect(log.append([EVENT, of(tooLarge)])).rejects.toMatchObject({
      code: 'ERR_EVENT_TOO_LARGE',
      message: expect.stringMatching(
        /^Cannot append an event that takes \d+ bytes or more when it is sent; the limit is 100$/,
      ),
    });
    expect(await seqs(log)).toEqual([1]);
    expect(() => new MemoryLog({ maxEventBytes: 0 })).toThrow(/maxEventBytes is 0/);
  });

  test('does not encode an event of too many lines before it refuses it', async () => {
    const log = new MemoryLog();
    const encode = vi.spyOn(TextEncoder.prototype, 'encode');
    const data = '\n'.repeat(16 * 1024 * 1024);
    await expect(log.append([{ topics: ['a'], fields: { data } }])).rejects.toThrow(/100663296 bytes or more/);
    expect(encode).not.toHaveBeenCalled();
    encode.mockRestore();
  });

  test('trims each of many topics for what is too much of it, not for how much else there is', async () => {
    const topics = Array.from({ length: 1000 }, (_, n) => `t${n}`);
    const log = new MemoryLog({ retention: { perTopic: [{ topics, maxEvents: 20 }] } });
    const round = (): Promise<unknown> =>
      log.append(topics.map((topic): NewEvent => ({ topics: [topic], fields: { data: '' } })));
    for (let n = 0; n < 20; n += 1) await round();
    for (let n = 0; n < 9; n += 1) await log.append(Array.from({ length: 10_000 }, () => EVENT));
    const before = process.cpuUsage();
    for (let n = 0; n < 20; n += 1) await round();
    const { topics: kept } = await log.directory.list({ order: 'name', limit: 2000 });
    expect(kept.filter(({ topic }) => topic !== 'a').every(({ events }) => events === 20)).toBe(true);
    // 20,000 events went. To move what is kept for each of them takes a minute.
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(5000);
  });

  const bad: LogRetention[] = [
    { maxEvents: -1 },
    { maxBytes: 1.5 },
    { maxAgeMs: Number.NaN },
    { maxAgeMs: Number.POSITIVE_INFINITY },
    { perTopic: [{ topics: 'all', maxEvents: -1 }] },
  ];
  test.each(bad)('refuses the retention %o', (retention) => {
    expect(() => new MemoryLog({ retention })).toThrow(ServerError);
    expect(() => new MemoryLog({ retention })).toThrow(
      /The option retention\.\w+ is .+, but must be an integer from 0/,
    );
  });

  const badTopics: unknown[] = [
    'a',
    undefined,
    [7],
    [null],
    [{ pattern: 'a/:b' }],
    [{ pattern: 'a/:b', base: '/topics/' }],
    [{ pattern: 'a/(\\d+)', base: 'https://example.com/topics/' }],
  ];
  test.each(badTopics)('refuses a retention of the topics %j, and says which are allowed', (topics) => {
    const retention = { perTopic: [{ topics: topics as TopicSet, maxEvents: 1 }] };
    expect(() => new MemoryLog({ retention })).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringMatching(/^The option retention\.perTopic\.topics is .+ not allowed/) as string,
      }),
    );
  });

  test('refuses a retention by topic that is no list', () => {
    const retention = { perTopic: { topics: 'all', maxEvents: 1 } } as unknown as LogRetention;
    expect(() => new MemoryLog({ retention })).toThrow(/^The option retention\.perTopic is \{.+ must be an array/);
  });

  test('looks at 4,096 events for a page at most where its clock stands still, and reaches as far', async () => {
    const log = new MemoryLog({ clock: new ManualClock() });
    await log.append(Array.from({ length: 10_000 }, () => EVENT));
    await log.append([{ topics: ['b'], fields: { data: '' } }]);
    const request = { selection: { topics: 'all' as const, types: ['none'] }, through: 10_001, maxBytes: 1 };
    const reached: number[] = [];
    for (let after = 0; after < 10_001; reached.push(after))
      ({ through: after } = await log.read({ ...request, after }));
    expect(reached).toEqual([4096, 8192, 10_001]);
  });

  test('refuses an option that is none', () => {
    expect(() => new MemoryLog({ scanMs: 0 })).toThrow('The option scanMs is 0, but must be an integer from 1 to 1000');
  });
});

test('old public events of a topic are removed without a look at its many private ones', async () => {
  const log = new MemoryLog({ retention: { maxEvents: 4000 }, maxBatchEvents: 4000 });
  const many = (count: number, isPrivate: boolean): NewEvent[] =>
    Array.from({ length: count }, () => ({ ...EVENT, private: isPrivate }));
  await log.append(many(1000, false));
  await log.append(many(3000, true));
  let seen = 0;
  const { falling } = EntryList.prototype;
  const spy = vi.spyOn(EntryList.prototype, 'falling').mockImplementation(function* (this: EntryList, through) {
    for (const entry of falling.call(this, through)) {
      seen += 1;
      yield entry;
    }
    return undefined;
  });
  try {
    await log.append(many(999, true));
    expect((await log.directory.list({ order: 'time', limit: 1, publicOnly: true })).topics).toMatchObject([
      { events: 1 },
    ]);
    await log.append(many(1, true));
    expect(await log.directory.list({ order: 'time', limit: 1, publicOnly: true })).toEqual({ topics: [], total: 0 });
    expect(seen).toBeLessThan(10);
  } finally {
    spy.mockRestore();
  }
});

describe('MemoryLog as time passes', () => {
  test('gives nothing that has become too old, though nothing is appended', async () => {
    const clock = new ManualClock();
    const log = new MemoryLog({ retention: { maxAgeMs: 100 }, clock });
    await log.append([{ topics: ['a'], fields: { data: '1', id: 'one' } }]);
    clock.advance(50);
    await log.append([EVENT]);
    clock.advance(51);
    expect((await log.locate('one')).misplaced).toBe('unknown');
    expect((await log.locateLast(ALL, 5)).after).toBe(1);
    const page = await log.read({ selection: ALL, after: 0, through: 2, maxBytes: 1e6 });
    expect([page.entries.map(({ seq }) => seq), page.trimmedThrough]).toEqual([[2], 1]);
    clock.advance(50);
    expect((await log.directory.list({ order: 'name', limit: 1 })).total).toBe(0);
  });

  test('frees what has become too old by itself, by topic too, and has no timer while nothing can', async () => {
    const clock = new ManualClock();
    const retention = { maxAgeMs: 10_000, perTopic: [{ topics: ['b'], maxAgeMs: 2000 }] };
    const log = new MemoryLog({ retention, clock });
    expect(clock.pending).toBe(0);
    await log.append([EVENT, { topics: ['b'], fields: { data: '' } }]);
    expect(clock.pending).toBe(1);
    clock.advance(2001);
    expect(clock.pending).toBe(1);
    clock.advance(8000);
    expect(clock.pending).toBe(0);
    await log.append([EVENT]);
    expect(clock.pending).toBe(1);
    await log.close();
    expect(clock.pending).toBe(0);
  });

  test('keeps the newest of each key where it is to, and no gap is told for the others', async () => {
    const log = new MemoryLog({ latestByKey: true, retention: { maxEvents: 2 } });
    const put = (data: string, latestKey: string, id?: string): Promise<unknown> =>
      log.append([{ topics: ['a'], latestKey, fields: id === undefined ? { data } : { data, id } }]);
    await put('1', 'x', 'one');
    await put('2', 'y');
    await put('3', 'x');
    const through = async (): Promise<[number[], number]> => {
      const page = await log.read({ selection: ALL, after: 0, through: 1e6, maxBytes: 1e6 });
      return [page.entries.map(({ seq }) => seq), page.trimmedThrough];
    };
    expect(await through()).toEqual([[2, 3], 0]);
    expect((await log.locate('one')).misplaced).toBe('unknown');
    await put('4', 'z');
    // The bound still holds, and what it takes away is told.
    expect(await through()).toEqual([[3, 4], 2]);
    await put('5', 'y');
    await put('6', 'y');
    expect(await through()).toEqual([[4, 6], 3]);
  });

  test('comes to keep the latest of 100,000 events in steps, between which others have their turn', async () => {
    const log = new MemoryLog();
    for (let batch = 0; batch < 10; batch += 1) {
      await log.append(Array.from({ length: 10_000 }, (_, n) => ({ ...EVENT, latestKey: `k${n % 100}` })));
    }
    const keep = async (how: 'latest' | 'all'): Promise<number> => {
      let isDone = false;
      const done = log.topics.create('a', { keep: how }).then(() => (isDone = true));
      let turns = 0;
      for (; !isDone; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      await done;
      return turns;
    };
    expect(await keep('latest')).toBeGreaterThan(90);
    expect((await log.topics.status('a')).events).toBe(100);
    await keep('all');
    await log.append([
      { ...EVENT, latestKey: 'k1' },
      { ...EVENT, latestKey: 'k1' },
    ]);
    expect((await log.topics.status('a')).events).toBe(102);
    await log.close();
  });

  test('tells the ends of a topic whose first public event is behind more private ones than a turn looks at', async () => {
    const log = new MemoryLog();
    const hidden = Array.from({ length: 10_000 }, () => ({ ...EVENT, private: true }));
    for (let batch = 0; batch < 4; batch += 1) await log.append(hidden);
    const { seq } = await log.append([EVENT]);
    await log.append(hidden);
    const asked = await Promise.all([1, 2, 3].map(() => log.topics.status('a', { publicOnly: true })));
    expect(asked.map(({ events, earliest, newest }) => [events, earliest?.seq, newest?.seq])).toEqual(
      [1, 2, 3].map(() => [1, seq, seq]),
    );
    expect((await log.topics.status('a')).earliest?.seq).toBe(1);
    await log.close();
  });
});
