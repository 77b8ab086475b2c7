import type { AskOptions, EventLog, LogEntry, LogPage, ReadRequest } from '@tidings/server/log';
import type { View } from '@tidings/server/live';
import { describe, expect, test } from 'vitest';
import { CatchUp } from '../dist/live/catch-up.js';
import { Cohort } from '../dist/live/cohort.js';
import type { ListenerState } from '../dist/live/listener-state.js';
import type { Listener } from '../dist/live/listener.js';
import { FakeClock } from './fake-clock.ts';
import { settled } from './fan-out-rig.ts';
import { FakeSink } from './model/fake-sink.ts';

const VIEW: View = { key: 'a', selection: { topics: ['a'] } };
const FLUSHED = 9;

const entryOf = (seq: number): LogEntry => {
  const frame = new TextEncoder().encode('data: x\n\n');
  return { seq, id: `e.${seq}`, topics: ['a'], time: 0, private: false, frame };
};

/** Listeners that catch up from a log whose pages come when the test says so. */
class Rig {
  readonly clock = new FakeClock();
  readonly catchUp: CatchUp;
  readonly requests: ReadRequest[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  /** Each page that was given to a listener: its name and what the page begins behind. */
  readonly given: Listener[] = [];
  readonly chunks = new Set<unknown>();
  /** How far each page reaches that was given. */
  readonly through: number[] = [];
  flushed = FLUSHED;
  readonly failed: Listener[] = [];
  readonly #answers: ((page: LogPage | Error) => void)[] = [];

  constructor() {
    const log = {
      read: (request: ReadRequest, { signal }: AskOptions = {}) => {
        this.requests.push(request);
        this.signals.push(signal);
        return new Promise<LogPage>((resolve, reject) => {
          this.#answers.push((page) => (page instanceof Error ? reject(page) : resolve(page)));
        });
      },
    } as EventLog;
    this.catchUp = new CatchUp(
      {
        flushed: () => this.flushed,
        onPage: (listener, { page, seen }) => {
          this.through.push(page.through);
          this.given.push(listener);
          this.chunks.add(seen.chunk);
        },
        onAhead: () => {},
        onReadError: (listeners) => this.failed.push(...listeners),
      },
      log,
      { maxBacklogBytes: 65_536, clock: this.clock },
    );
  }

  listener(cohort: Cohort<Listener>, position: number, misplaced?: 'unknown'): Listener {
    cohort.listeners += 1;
    const state: ListenerState = { phase: 'reading', position, told: position, trims: 0, misplaced };
    const sink = new FakeSink(1);
    const told = { told: 0, tellings: 0, isUnplaced: false, mustAsk: false };
    return {
      sink,
      onEnd: undefined,
      present: undefined,
      cohort,
      state,
      index: -1,
      ...told,
      reason: 'left',
      owed: undefined,
    };
  }

  want(cohort: Cohort<Listener>, position: number, misplaced?: 'unknown'): Listener {
    const listener = this.listener(cohort, position, misplaced);
    this.catchUp.want(listener);
    return listener;
  }

  async answer(page: Partial<LogPage> | Error = {}): Promise<void> {
    const whole =
      page instanceof Error
        ? page
        : { entries: [entryOf(FLUSHED)], through: FLUSHED, trimmedThrough: 0, trims: 0, ...page };
    for (const resolve of this.#answers.splice(0)) resolve(whole);
    await settled();
  }
}

const cohortOf = (view: View = VIEW): Cohort<Listener> => new Cohort<Listener>(view, 0, 0);

describe('listeners that want the same page', () => {
  test('share it where they ask in the same tick, and those of other cohorts and places do not', async () => {
    const rig = new Rig();
    const [cohort, other] = [cohortOf(), cohortOf({ ...VIEW, key: 'b' })];
    for (let n = 0; n < 100; n += 1) rig.want(n % 2 ? cohort : other, n % 3);
    rig.catchUp.run();
    expect(rig.requests.map(({ after }) => after)).toEqual([0, 1, 2, 0, 1, 2]);
    await rig.answer();
    expect(rig.given).toHaveLength(100);
    expect(rig.chunks.size).toBe(6);
  });

  test('share it where one asks while it is being read', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    rig.want(cohort, 4);
    rig.catchUp.run();
    rig.want(cohort, 4);
    rig.catchUp.run();
    await rig.answer();
    expect([rig.requests.length, rig.given.length]).toEqual([1, 2]);
  });

  test('share it where one asks within a second, and not later', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    rig.want(cohort, 4);
    rig.want(cohort, 4);
    rig.catchUp.run();
    await rig.answer();
    rig.clock.advance(999);
    rig.want(cohort, 4);
    rig.catchUp.run();
    expect([rig.requests.length, rig.given.length, rig.chunks.size]).toEqual([1, 3, 1]);
    rig.clock.advance(1);
    rig.want(cohort, 4);
    rig.catchUp.run();
    expect(rig.requests).toHaveLength(2);
    await rig.answer();
    rig.clock.advance(2000);
    expect(rig.clock.pending).toBe(0);
  });

  test('are given it at once where it was read a moment ago', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    rig.want(cohort, 4);
    rig.catchUp.run();
    const late = rig.listener(cohort, 4);
    expect(rig.catchUp.hasEvents(cohort, late.state)).toBe(false);
    await rig.answer();
    expect(rig.catchUp.hasEvents(cohort, late.state)).toBe(true);
    rig.catchUp.want(late);
    expect([rig.given.length, rig.catchUp.isWaiting]).toEqual([2, false]);
    expect(rig.catchUp.hasEvents(cohort, { phase: 'live' })).toBe(false);
  });

  test('get further by it while nothing comes for their cohort, and no further than to what comes', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    rig.want(cohort, 4);
    rig.want(cohort, 4);
    rig.catchUp.run();
    cohort.offer(entryOf(FLUSHED));
    await rig.answer();
    rig.flushed = 12;
    rig.want(cohort, 4);
    cohort.offer(entryOf(13));
    rig.flushed = 15;
    rig.want(cohort, 4);
    expect(rig.through).toEqual([9, 9, 12, 12]);
    expect(rig.requests).toHaveLength(1);
  });

  test('get no further by it than the log was read where their cohort began later, or was not offered all', async () => {
    const rig = new Rig();
    const cohort = new Cohort<Listener>(VIEW, 0, 10);
    rig.want(cohort, 4);
    rig.want(cohort, 4);
    rig.catchUp.run();
    await rig.answer();
    rig.flushed = 12;
    rig.want(cohort, 4);
    const other = cohortOf();
    rig.want(other, 4);
    rig.want(other, 4);
    rig.catchUp.run();
    await rig.answer();
    other.startBehind(11);
    rig.want(other, 4);
    expect(rig.through).toEqual([9, 9, 9, 9, 9, 9]);
  });

  test('do not share it where there was nobody to share it with', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    rig.want(cohort, 4);
    rig.catchUp.run();
    await rig.answer();
    expect(rig.clock.pending).toBe(0);
    rig.want(cohort, 4);
    rig.catchUp.run();
    expect(rig.requests).toHaveLength(2);
  });

  test('do not share it after the log’s numbering began anew', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    rig.want(cohort, 4);
    rig.want(cohort, 4);
    rig.catchUp.run();
    await rig.answer();
    rig.catchUp.forget();
    rig.want(cohort, 4);
    rig.catchUp.run();
    expect(rig.requests).toHaveLength(2);
  });

  test('are not given one that is older than the place of who had an event that was trimmed', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    const early = rig.want(cohort, 0);
    rig.want(cohort, 0);
    rig.catchUp.run();
    // It is being read, and then it was read a moment ago.
    const first = rig.want(cohort, 0, 'unknown');
    await rig.answer();
    expect(rig.given).toEqual([early, expect.anything()]);
    const second = rig.want(cohort, 0, 'unknown');
    expect(rig.given).toHaveLength(2);
    rig.catchUp.run();
    // Both share it.
    expect(rig.requests).toHaveLength(2);
    await rig.answer();
    expect(rig.given.slice(2)).toEqual([first, second]);
    expect(rig.chunks.size).toBe(2);
  });

  test('are all broken off where it cannot be read, except who no longer wants it', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    const [one, other, held] = [rig.want(cohort, 4), rig.want(cohort, 4), rig.want(cohort, 4)];
    rig.catchUp.run();
    held.state = { phase: 'held', position: 4, told: 4, trims: 0 };
    await rig.answer(new Error('the disk is gone'));
    expect(rig.failed).toEqual([one, other]);
    expect(rig.given).toEqual([]);
  });
});

test('a page is no longer read when all who wanted it have left, and is read anew for who comes then', async () => {
  const rig = new Rig();
  const cohort = cohortOf();
  const [one, other] = [rig.want(cohort, 4), rig.want(cohort, 4)];
  rig.catchUp.run();
  const leave = (listener: Listener): void => {
    listener.state = { phase: 'ended' };
    rig.catchUp.leave(listener, 4);
  };
  leave(one);
  expect(rig.signals[0]?.aborted).toBe(false);
  leave(other);
  expect(rig.signals[0]?.aborted).toBe(true);
  const late = rig.want(cohort, 4);
  rig.catchUp.run();
  expect(rig.signals.map((signal) => signal?.aborted)).toEqual([true, false]);
  await rig.answer();
  expect(rig.given).toEqual([late]);
  expect(rig.failed).toEqual([]);
});

describe('a tick', () => {
  test('serves a bounded number of listeners, and the others have their turn', async () => {
    const rig = new Rig();
    const cohort = cohortOf();
    for (let n = 0; n < 1200; n += 1) rig.want(cohort, 7);
    const counts: number[] = [];
    while (rig.catchUp.isWaiting) {
      const before = rig.given.length;
      rig.catchUp.run();
      await rig.answer();
      counts.push(rig.given.length - before);
    }
    expect(counts).toEqual([512, 512, 176]);
    expect(rig.requests).toHaveLength(1);
  });

  test('reads a bounded number of pages', () => {
    const rig = new Rig();
    const cohort = cohortOf();
    for (let n = 0; n < 40; n += 1) rig.want(cohort, n);
    rig.catchUp.run();
    expect(rig.requests).toHaveLength(32);
    rig.catchUp.run();
    expect(rig.requests).toHaveLength(40);
  });

  test('passes over who was held after asking', () => {
    const rig = new Rig();
    const listener = rig.want(cohortOf(), 4);
    listener.state = { phase: 'held', position: 4, told: 4, trims: 0 };
    rig.catchUp.run();
    expect(rig.requests).toEqual([]);
  });
});

test('an empty page that tells of more than it reaches, because that was trimmed while it was read, is read once more, and no more often', async () => {
  const rig = new Rig();
  const cohort = cohortOf();
  rig.want(cohort, 0);
  rig.catchUp.run();
  rig.flushed = 20;
  const empty = { entries: [], trimmedThrough: 15, trims: 1 };
  await rig.answer(empty);
  expect([rig.given.length, rig.requests.map(({ through }) => through)]).toEqual([0, [FLUSHED, 20]]);
  rig.flushed = 40;
  await rig.answer({ ...empty, through: 20, trimmedThrough: 30, trims: 2 });
  expect([rig.through, rig.requests.length]).toEqual([[20], 2]);
});
