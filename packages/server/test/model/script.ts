import type { LogRetention, TopicOptions } from '@tidings/server/log';
import * as fc from 'fast-check';
import type { DrainMode } from './fake-sink.ts';
import { VIEWS } from './listener.ts';
import type { ReadMode } from './scripted-log.ts';

export const TOPICS = ['a', 'b', 'c'];
export const LISTENERS = 5;
/** The longest lease. */
export const LEASE_MS = 2500;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface Setting {
  readonly retention: LogRetention;
  readonly reads: ReadMode;
  readonly isLagging: boolean;
  readonly pageBytes: number;
  readonly maxBacklogBytes: number;
  readonly maxTickBytes: number;
  readonly highWaterMark: number;
  readonly drainMode: DrainMode;
  readonly overflow: 'catch-up' | 'evict';
  readonly latestByKey: boolean;
  readonly keepAliveMs: number;
}

export interface NewModelEvent {
  readonly topics: readonly string[];
  readonly private: boolean;
  readonly id: string | undefined;
  readonly size: number;
  readonly key: string | undefined;
  readonly forget: boolean;
  readonly final: boolean;
}

/** Which leases a publisher gives: those that its topics have, the last one that each of its topics has had, or none. */
export type Given = 'right' | 'last' | 'none';

export type Step =
  | { readonly type: 'publish'; readonly events: readonly NewModelEvent[]; readonly leases: Given }
  | { readonly type: 'create'; readonly topic: string; readonly options: TopicOptions }
  | { readonly type: 'lease'; readonly topic: string; readonly ms: number; readonly renews: boolean }
  | { readonly type: 'give back' | 'delete'; readonly topic: string }
  | {
      readonly type: 'connect';
      readonly who: number;
      readonly view: number;
      readonly start: number;
      readonly choice: number;
    }
  | { readonly type: 'take'; readonly who: number; readonly count: number }
  | { readonly type: 'leave' | 'come back' | 'take all' | 'hold' | 'release'; readonly who: number }
  | { readonly type: 'tick' | 'microtasks' | 'hand over' | 'lose' | 'sweep' | 'trim' }
  | { readonly type: 'answer'; readonly which: number }
  | { readonly type: 'wait'; readonly ms: number };

export const setting: fc.Arbitrary<Setting> = fc.record({
  retention: fc.record({
    maxEvents: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constant(1000)),
    maxAgeMs: fc.constantFrom(1000, 1_000_000, 100 * DAY_MS),
    perTopic: fc.constantFrom<NonNullable<LogRetention['perTopic']>[]>(
      [],
      [{ topics: ['b'], maxEvents: 1 }],
      [{ topics: ['c'], keep: 'latest' }],
      [
        { topics: ['b'], maxEvents: 2 },
        { topics: ['a', 'c'], keep: 'latest', maxEvents: 3 },
      ],
    ),
  }),
  reads: fc.constantFrom<ReadMode[]>('at once', 'early', 'late'),
  isLagging: fc.boolean(),
  pageBytes: fc.constantFrom(1, 100, 300, 65_536),
  maxBacklogBytes: fc.constantFrom(0, 50, 200, 1000),
  maxTickBytes: fc.constantFrom(0, 100, 500, 1_000_000),
  highWaterMark: fc.constantFrom(1, 60, 200, 1000),
  drainMode: fc.constantFrom<DrainMode[]>('empty', 'room'),
  overflow: fc.constantFrom('catch-up', 'catch-up', 'evict'),
  latestByKey: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  keepAliveMs: fc.constantFrom(1000, 1000, 1000, DAY_MS / 2),
});

const topic = fc.constantFrom(...TOPICS);

const newEvent: fc.Arbitrary<NewModelEvent> = fc.record({
  topics: fc.oneof(
    { weight: 5, arbitrary: topic.map((name) => [name]) },
    { weight: 1, arbitrary: fc.constantFrom(['a', 'b'], ['c', 'a'], ['b', 'c']) },
  ),
  private: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  id: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom('x', 'y') }),
  size: fc.constantFrom(0, 0, 20, 400),
  key: fc.constantFrom('k', 'k', 'l', 'm', undefined),
  forget: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  final: fc.oneof({ weight: 14, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

const who = fc.nat({ max: LISTENERS - 1 });

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      events: fc.array(newEvent, { minLength: 1, maxLength: 3 }),
      leases: fc.constantFrom<Given[]>('right', 'right', 'right', 'last', 'none'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('create' as const),
      topic,
      options: fc.constantFrom<TopicOptions[]>({}, { keep: 'latest' }, { keep: 'all' }, { ttlMs: 1500 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('lease' as const),
      topic,
      ms: fc.constantFrom(300, LEASE_MS),
      renews: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('give back', 'delete', 'delete', 'delete'), topic }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('connect' as const),
      who,
      // Often the same, so that listeners share cohorts, and what is read for one is given to another.
      view: fc.oneof(fc.nat({ max: VIEWS.length - 1 }), fc.constantFrom(0, 3)),
      start: fc.nat({ max: 6 }),
      choice: fc.nat({ max: 30 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('take' as const), who, count: fc.nat({ max: 200 }) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constantFrom('leave', 'come back', 'come back', 'take all'), who }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('hold', 'release', 'release'), who }) },
  {
    weight: 13,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'tick',
        'tick',
        'tick',
        'microtasks',
        'microtasks',
        'hand over',
        'hand over',
        'lose',
        'sweep',
        'trim',
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('answer' as const), which: fc.nat({ max: 10 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(100, 500, 2000, DAY_MS) }),
  },
);
