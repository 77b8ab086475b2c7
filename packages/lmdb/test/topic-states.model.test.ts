import assert from 'node:assert/strict';
import { LmdbLog } from '@tidings/lmdb';
import { ServerError } from '@tidings/server';
import {
  EVERYTHING,
  MemoryLog,
  Selector,
  type EventLog,
  type LogEntry,
  type LogRetention,
  type NewEvent,
  type Selection,
} from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { headOf } from './rig.ts';

// The log on disk and the one in memory are asked the same, in the same order, with the same clock. What they answer must be the same: both
// have the rules of topics from one place, and everything else of topics each of its own.

// Every duration is a multiple of it.
const STEP_MS = 500;

const TOPICS = ['a', 'b', 'c'];

const base = 'https://example.com/topics/';
const ANY = { pattern: ':any', base };
const C = { pattern: 'c', base };

type Step =
  | { readonly type: 'append'; readonly events: readonly NewEvent[]; readonly token: boolean; readonly state: number }
  | {
      readonly type: 'create';
      readonly topic: string;
      readonly ttlMs: number | undefined;
      readonly onlyUnknown: boolean;
    }
  | { readonly type: 'lease'; readonly topic: string; readonly ms: number; readonly renews: boolean }
  | { readonly type: 'release' | 'delete'; readonly topic: string }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'set clock'; readonly ms: number }
  | { readonly type: 'reopen' };

const topic = fc.constantFrom(...TOPICS);

const newEvent: fc.Arbitrary<NewEvent> = fc
  .record({
    topics: fc.oneof(
      { weight: 5, arbitrary: topic.map((name) => [name]) },
      { weight: 1, arbitrary: fc.constantFrom(['a', 'b'], ['c', 'a']) },
    ),
    private: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    final: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    id: fc.constantFrom(undefined, undefined, 'x', 'y'),
    type: fc.constantFrom(undefined, undefined, undefined, 'message', 'x', 'y'),
  })
  .map(({ id, type, ...rest }) => {
    const fields = { data: '', ...(id === undefined ? {} : { id }), ...(type === undefined ? {} : { event: type }) };
    return { ...rest, fields };
  });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      events: fc.array(newEvent, { minLength: 1, maxLength: 3 }),
      token: fc.boolean(),
      state: fc.nat({ max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('create' as const),
      topic,
      ttlMs: fc.constantFrom(undefined, 2000, 10_000),
      onlyUnknown: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('lease' as const),
      topic,
      ms: fc.constantFrom(1000, 5000),
      renews: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('release', 'delete', 'delete'), topic }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(500, 1000, 3000, 9000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('set clock' as const), ms: fc.constantFrom(-3_600_000, 60_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const) }) },
);

/** One of the logs, with the tokens that it gave. */
class Side {
  log: EventLog;
  readonly tokens = new Map<string, string>();

  constructor(log: EventLog) {
    this.log = log;
  }

  /** Takes a step, and gives what was answered, without what each log has of its own. */
  async take(next: Step): Promise<unknown> {
    const topics = this.log.topics!;
    switch (next.type) {
      case 'append': {
        const leases = next.token ? [...new Set(next.events.flatMap((event) => event.topics))] : [];
        const conditions =
          next.state < 3 ? [{ topic: 'a', state: (['open', 'closed', 'unknown'] as const)[next.state]! }] : [];
        const { seq } = await this.log.append(next.events, {
          leases: leases.flatMap((name) => this.tokens.get(name) ?? []),
          conditions,
        });
        return seq;
      }
      case 'create': {
        const { ttlMs, onlyUnknown } = next;
        return await topics.create(next.topic, ttlMs === undefined ? {} : { ttlMs }, { onlyUnknown });
      }
      case 'lease': {
        const renewed = next.renews ? this.tokens.get(next.topic) : undefined;
        const { token, until } = await topics.lease(next.topic, next.ms, { token: renewed });
        this.tokens.set(next.topic, token);
        return until;
      }
      case 'release':
        return await topics.release(next.topic, this.tokens.get(next.topic) ?? 'none');
      case 'delete':
        return await topics.delete(next.topic);
      default:
        return undefined;
    }
  }

  /** Everything that can be asked of it. */
  async contents(): Promise<unknown> {
    const { log } = this;
    const selections: Selection[] = [
      ...TOPICS.flatMap((name) => [{ topics: [name] }, { topics: [name], private: [name] }]),
      { topics: ['a', 'b'] },
      { topics: 'all', private: 'all' },
      { topics: 'all' },
    ];
    const typed: Selection[] = [['a'], ['a', 'b'], ['b', 'c'], [ANY], ['a', C], 'all' as const].flatMap((set) => [
      { topics: set, types: ['x'] },
      { topics: set, types: ['message', 'y'], private: ['a'] },
    ]);
    // What is due is done when it is asked for, and what is too much removed now.
    await log.topics!.status('a');
    await log.trim?.();
    const states = await Promise.all(
      TOPICS.flatMap((name) =>
        [true, false].map(async (publicOnly) => {
          const { earliest, newest, ...rest } = await log.topics!.status(name, { publicOnly });
          return { ...rest, earliest: earliest?.seq, newest: newest?.seq };
        }),
      ),
    );
    const head = await headOf(log as LmdbLog);
    const all = await log.read({ selection: EVERYTHING, after: 0, through: head, maxBytes: 2 ** 20 });
    const pages = await Promise.all(
      [...selections, ...typed].map(async (selection) => {
        const page = await log.read({ selection, after: 0, through: head, maxBytes: 2 ** 20 });
        const last = await log.locateLast(selection, 2);
        // What is found is what looking at everything finds.
        const selects = (entry: LogEntry): boolean => Selector.of(selection).selects(entry);
        const found = page.entries.map(({ seq }) => seq);
        const wanted = all.entries.filter(selects).map(({ seq }) => seq);
        assert.deepEqual({ selection, found }, { selection, found: wanted });
        assert.deepEqual(
          { selection, last: found.filter((seq) => seq > last.after) },
          { selection, last: wanted.slice(-2) },
        );
        const mine = await log.locate('x', selection);
        const entries = page.entries.map((entry) => [entry.seq, entry.topics, entry.private, entry.final === true]);
        const { through, trimmedThrough, deletedThrough, finalSeq } = page;
        return {
          selection,
          entries,
          through,
          trimmedThrough,
          deletedThrough,
          finalSeq,
          last: [last.after, last.finalSeq],
          mine: mine.after,
        };
      }),
    );
    const { topics } = await log.directory!.list({ order: 'name', limit: 10 });
    return { head, states, pages, topics: topics.map((each) => [each.topic, each.events]) };
  }
}

async function outcome(taken: Promise<unknown>): Promise<unknown> {
  try {
    return await taken;
  } catch (error) {
    if (error instanceof ServerError) return [error.code, error.until];
    throw error;
  }
}

async function run(retention: LogRetention, script: readonly Step[]): Promise<void> {
  const clock = new ManualClock(1_700_000_000_000);
  const path = folder({});
  const open = (): Promise<LmdbLog> => LmdbLog.open({ path, retention, clock, trimEveryMs: 2 ** 31 - 1 });
  const disk = new Side(await open());
  const memory = new Side(new MemoryLog({ retention, clock }));
  try {
    for (const next of script) {
      if (next.type === 'advance') {
        // The log on disk does what is due a little later, so that time passes in steps no longer than any lease.
        for (let passed = 0; passed < next.ms; passed += STEP_MS) {
          clock.advance(STEP_MS);
          // What is too old counts as kept until then, also when a lease ends.
          await disk.log.trim?.();
          await disk.log.topics!.status('a');
        }
      } else if (next.type === 'set clock') clock.set(next.ms);
      else if (next.type === 'reopen') {
        await disk.log.close();
        disk.log = await open();
      } else {
        const answer = await outcome(disk.take(next));
        expect({ next, answer }).toEqual({ next, answer: await outcome(memory.take(next)) });
      }
      const contents = await disk.contents();
      expect({ next, contents }).toEqual({ next, contents: await memory.contents() });
    }
  } finally {
    await disk.log.close();
    await memory.log.close();
  }
}

test('the log on disk and the one in memory agree on topics, whatever is done to them', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom<LogRetention[]>(
      {},
      { maxEvents: 4 },
      { perTopic: [{ topics: ['a'], maxEvents: 2 }] },
      { maxAgeMs: 4000 },
      { perTopic: [{ topics: ['a'], keep: 'latest' }] },
    ),
    fc.array(step, { minLength: 5, maxLength: 30 }),
    run,
  );
  await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 60) });
});
