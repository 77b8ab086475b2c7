import { LmdbLog } from '@tidings/lmdb';
import {
  EARLIEST,
  MemoryLog,
  Selector,
  TopicTest,
  type EventLog,
  type LogEntry,
  type LogRetention,
  type Matcher,
  type NewEvent,
  type Selection,
} from '@tidings/server/log';
import { open } from 'lmdb';
import { describe, expect, test, vi } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { randomNumbers } from '../../../test/seed.ts';
import { encodeRecord } from '../src/records/record.ts';
import { typeDigest } from '../src/records/type-digest.ts';
import { LmdbStore } from '../dist/tables/store.js';
import { headOf, openLog, range, seqs } from './rig.ts';

const typed = (topic: string, type?: string): NewEvent => ({
  topics: [topic],
  fields: type === undefined ? { data: '' } : { data: '', event: type },
});

const pattern = (text: string): Matcher => ({ pattern: text, base: 'https://example.com/topics/' });

/** Appends very many events to a topic, between which others lie. */
async function appendMany(log: EventLog, topic: string, count: number, type?: string): Promise<void> {
  for (let left = count; left > 0; left -= 10_000) {
    await log.append(range(1, Math.min(left, 10_000)).map(() => typed(topic, type)));
  }
}

async function readAll(log: EventLog, selection: Selection, after: number, through: number): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  for (let position = after; position < through;) {
    const page = await log.read({ selection, after: position, through, maxBytes: 2 ** 16 });
    found.push(...page.entries);
    position = page.through;
  }
  return found;
}

/** Everything of a selection behind a place, and how many entries were looked at for that. */
async function newest(
  log: EventLog,
  selection: Selection,
  count: number,
): Promise<{ found: number[]; looked: number }> {
  const asked = vi.spyOn(TopicTest.prototype, 'has');
  const lent = vi.spyOn(LmdbStore.prototype, 'lendAny');
  try {
    const { after, head: through } = await log.locateLast(selection, count);
    const found = await readAll(log, selection, after, through);
    return {
      found: found.map(({ seq }) => seq),
      looked: Math.max(asked.mock.calls.length, lent.mock.calls.length),
    };
  } finally {
    asked.mockRestore();
    lent.mockRestore();
  }
}

describe.each<[string, (retention?: LogRetention) => Promise<EventLog>]>([
  ['on disk', (retention = {}) => openLog({ retention })],
  ['in memory', async (retention = {}) => new MemoryLog({ retention })],
])('the newest events of a type in a log %s', (_, make) => {
  test('cost what is given of them, however many others there are', async () => {
    const log = await make();
    await appendMany(log, 'a', 1000);
    for (let n = 0; n < 20; n += 1) await log.append([typed('a', 'rare'), typed('b/1', 'rare'), typed('b/2', 'other')]);
    await appendMany(log, 'a', 50_000);
    await appendMany(log, 'a', 50_000, 'common');
    await appendMany(log, 'b/1', 1000);
    const rare = (first: number, topic: number): number[] =>
      range(first, 20).map((n) => 1000 + 3 * (n - 1) + topic + 1);
    const types = ['rare'];
    for (const [selection, expected] of [
      [{ topics: ['a'], types }, rare(11, 0)],
      [{ topics: ['a'], types: ['rare', 'none'] }, rare(11, 0)],
      [{ topics: ['a', 'b/1'], types }, [...rare(16, 0), ...rare(16, 1)].toSorted((one, other) => one - other)],
      [{ topics: [pattern('b/:n')], types }, rare(11, 1)],
      [{ topics: [pattern('b/:n'), 'a'], types: ['other'] }, rare(11, 2)],
      [{ topics: 'all', types: ['other'] }, rare(11, 2)],
      [{ topics: ['a'], types: ['none'] }, []],
      [{ topics: ['c'], types }, []],
    ] as [Selection, number[]][]) {
      const { found, looked } = await newest(log, selection, 10);
      expect({ selection, found }).toEqual({ selection, found: expected });
      // Each event is looked at when its place is found, and when it is read; topics are tested, too.
      expect(looked).toBeLessThanOrEqual(40);
    }
  });

  test('are found of very many topics, few of which have them', async () => {
    const log = await make();
    const rooms = range(1, 2000).map((n) => `rooms/${n}`);
    const batch = rooms.map((room) => typed(room));
    const { seq: first } = await log.append([typed('rooms/7', 'rare'), typed('rooms/1999', 'rare')]);
    for (let n = 0; n < 5; n += 1) await log.append(batch);
    const { seq: second } = await log.append([typed('rooms/8', 'rare')]);
    for (let n = 0; n < 5; n += 1) await log.append(batch);
    await appendMany(log, 'other', 30_000, 'common');
    const selection: Selection = { topics: [pattern('rooms/:n')], types: ['rare'] };
    const { found, looked } = await newest(log, selection, 10);
    expect(found).toEqual([first - 1, first, second]);
    expect(looked).toBeLessThanOrEqual(20);
    // Those of a pattern alone, which matches few topics.
    const few = await newest(log, { topics: [pattern('rooms/7')] }, 10);
    expect(few.found).toHaveLength(10);
    expect(few.looked).toBeLessThanOrEqual(40);
  });

  test('are also those without a type, of a topic of which nearly all have one', async () => {
    const log = await make();
    await log.append(range(1, 30).map(() => typed('a')));
    await log.append([typed('a', 'common'), typed('a'), typed('a', 'message')]);
    await appendMany(log, 'a', 30_000, 'common');
    const { found, looked } = await newest(log, { topics: ['a'], types: ['message'] }, 10);
    expect(found).toEqual([...range(23, 30), 32, 33]);
    expect(looked).toBeLessThanOrEqual(40);
  });

  test('are what looking at everything finds, whatever was trimmed, deleted and forgotten', async () => {
    const random = randomNumbers();
    const pick = <T>(...all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    const log = await make({
      perTopic: [
        { topics: ['r/1'], maxEvents: 20 },
        { topics: ['r/2'], keep: 'latest' },
      ],
    });
    const names = ['r/1', 'r/2', 'r/3', 'r/4', 's', 't'];
    const newEvent = (): NewEvent => ({
      topics: [...new Set([pick(...names), ...(random() < 0.2 ? [pick(...names)] : [])])],
      fields: { data: '', event: pick('', '', '', '', 'message', 'x', 'x', 'y', 'z') },
      private: random() < 0.2,
    });
    for (let round = 0; round < 12; round += 1) {
      for (let n = 0; n < 4; n += 1) await log.append(range(1, 100).map(newEvent));
      await appendMany(log, 'u', 200, pick(undefined, 'x'));
      if (round % 4 === 3) await log.topics!.delete(pick(...names));
      await log.trim?.();
      const { head } = await log.locate(EARLIEST);
      const all = await readAll(log, { topics: 'all', private: 'all' }, 0, head);
      for (let n = 0; n < 40; n += 1) {
        const selection: Selection = {
          topics: pick<Selection['topics']>(
            ['r/1'],
            ['r/2', 's'],
            ['r/3', 'r/4', 't'],
            [pattern('r/:n')],
            ['s', pattern('r/:n')],
            'all',
          ),
          private: pick<Selection['topics']>([], [], 'all', ['r/1', 's'], [pattern('r/:n')]),
          types: pick(['x'], ['y', 'z'], ['message'], ['message', 'z'], ['none']),
        };
        const count = pick(1, 3, 10, 100);
        const expected = all.filter((entry) => Selector.of(selection).selects(entry)).map(({ seq }) => seq);
        const { found } = await newest(log, selection, count);
        const place = pick(0, Math.floor(random() * head));
        const behind = (await readAll(log, selection, place, head)).map(({ seq }) => seq);
        const wanted = { found: expected.slice(-count), behind: expected.filter((seq) => seq > place) };
        expect({ selection, count, found, behind }).toEqual({ selection, count, ...wanted });
      }
    }
  });

  test('are those of types with one digest, too', async () => {
    const log = await make();
    expect(typeDigest('costarring')).toBe(typeDigest('liquid'));
    await log.append([typed('a', 'costarring'), typed('a', 'liquid'), typed('a', 'costarring')]);
    expect((await newest(log, { topics: ['a'], types: ['liquid'] }, 5)).found).toEqual([2]);
    expect((await newest(log, { topics: ['a'], types: ['costarring'] }, 5)).found).toEqual([1, 3]);
  });

  test('are found of very many types, and of the longest ones', async () => {
    const log = await make();
    const types = range(1, 300).map((n) => `${'t'.repeat(1000)}${n}`);
    await log.append(types.map((type) => typed('a', type)));
    await appendMany(log, 'a', 1000);
    const some = types.slice(100, 200);
    expect((await newest(log, { topics: ['a'], types: some }, 1000)).found).toEqual(range(101, 200));
    expect(
      (
        await newest(
          log,
          {
            topics: range(1, 200)
              .map((n) => `t${n}`)
              .concat('a'),
            types: some,
          },
          3,
        )
      ).found,
    ).toEqual(range(198, 200));
  });
});

describe('the rows of types', () => {
  const rows = async (path: string): Promise<{ rows: number; head: Record<string, number> }> => {
    const root = open({ path, maxDbs: 32 });
    const count = [...root.openDB({ name: 'by-type', encoding: 'binary' }).getKeys()].length;
    const head = root.openDB({ name: 'meta', encoding: 'json' }).get('head') as Record<string, number>;
    await root.close();
    return { rows: count, head };
  };

  test('are not written for topics without types', async () => {
    const path = folder({});
    const log = await LmdbLog.open({ path });
    await log.append([typed('a'), typed('a', 'message'), { topics: ['a', 'b'], fields: { data: '', event: '' } }]);
    await log.append([typed('c', 'x'), typed('a')]);
    await log.close();
    expect((await rows(path)).rows).toBe(1);
  });

  test.each<[string, LogRetention, (log: LmdbLog) => Promise<unknown>]>([
    ['trimmed', { maxEvents: 0 }, (log) => log.trim()],
    [
      'deleted',
      {},
      async (log) => {
        for (const topic of ['a', 'b', 'c']) await log.topics.delete(topic);
      },
    ],
  ])('go with their events where those are %s, and so does what they cost', async (_, retention, remove) => {
    const path = folder({});
    const log = await LmdbLog.open({ path });
    await log.append([
      typed('a'),
      typed('a', 'x'),
      { topics: ['a', 'b'], fields: { data: '' }, private: true },
      { topics: ['b', 'c'], fields: { data: '', event: 'y', id: 'mine' }, latestKey: 'k' },
      typed('c'),
    ]);
    await log.close();
    expect((await rows(path)).rows).toBe(6);
    const again = await LmdbLog.open({ path, retention });
    await remove(again);
    await again.close();
    expect(await rows(path)).toMatchObject({ rows: 0, head: { events: 0, bytes: 0 } });
  });

  test('do not show in what is public of a topic', async () => {
    const sizes = async (log: EventLog): Promise<unknown> => {
      const { topics } = await log.directory!.list({ order: 'name', limit: 9, publicOnly: true });
      return topics.map(({ topic, events, bytes }) => [topic, events, bytes]);
    };
    for (const make of [() => openLog({ retention: {} }), async () => new MemoryLog()]) {
      const [one, other] = [await make(), await make()];
      await one.append([typed('a'), { ...typed('a', 'secret'), private: true }, typed('a'), typed('a', 'x')]);
      await other.append([typed('a'), typed('a'), typed('a', 'x')]);
      expect(await sizes(one)).toEqual(await sizes(other));
    }
  });

  test('lead to what is found in a folder of the format before them, too', async () => {
    const path = folder({});
    const before = await LmdbLog.open({ path });
    await before.append([typed('a'), typed('a', 'x'), typed('a'), typed('b')]);
    const entries = await before.read({ selection: { topics: 'all' }, after: 0, through: 4, maxBytes: 2 ** 20 });
    await before.close();
    // As the format before wrote it.
    const root = open({ path, maxDbs: 32 });
    const meta = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
    const topics = root.openDB<{ bytes: number; typedFrom?: number }, string>({ name: 'topics', encoding: 'json' });
    const events = root.openDB<Buffer, number>({ name: 'events', encoding: 'binary' });
    for (const entry of entries.entries) await events.put(entry.seq, encodeRecord(entry, false));
    await root.openDB({ name: 'by-type', encoding: 'binary' }).clearAsync();
    let bytes = 0;
    const kept = [...topics.getRange()];
    for (const { key, value } of kept) {
      const { typedFrom: _, ...rest } = value;
      await topics.put(key, rest);
      bytes += value.bytes;
    }
    await meta.put('head', { ...(meta.get('head') as object), bytes });
    await meta.remove('types-from');
    await meta.put('format', 4);
    await root.close();
    const log = await LmdbLog.open({ path });
    const find = async (...types: string[]): Promise<number[]> => seqs(log, { topics: ['a'], types });
    expect([await find('x'), await find('message'), await find('y')]).toEqual([[2], [1, 3], []]);
    await log.append([typed('a'), typed('a', 'x'), typed('a'), typed('b', 'x')]);
    expect([await find('x'), await find('message')]).toEqual([
      [2, 6],
      [1, 3, 5, 7],
    ]);
    for (const [count, after] of [
      [1, 5],
      [2, 1],
      [3, 1],
    ] as const) {
      expect((await log.locateLast({ topics: ['a'], types: ['x'] }, count)).after).toBe(after);
    }
    expect(await headOf(log)).toBe(8);
    await log.close();
    expect((await rows(path)).rows).toBe(3);
    const last = await LmdbLog.open({ path, retention: { maxEvents: 0 } });
    await last.trim();
    await last.close();
    expect(await rows(path)).toMatchObject({ rows: 0, head: { events: 0, bytes: 0 } });
  });
});
