import { FanOut, type StartRequest } from '@tidings/server/live';
import { MemoryLog, type LogRetention, type NewEvent } from '@tidings/server/log';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'vitest';
import type { DrainMode } from './model/fake-sink.ts';
import { Listener, VIEWS, type World } from './model/listener.ts';
import { FakeClock } from './fake-clock.ts';
import { Published } from './model/published.ts';
import { ScriptedLog, type ReadMode } from './model/scripted-log.ts';

const EPOCH = 'model';
const TOPICS = ['a', 'b', 'c'];
const LISTENERS = 5;
// A heartbeat is written at the beginning, and a gap before its page, whatever waits.
const CONTROL_BYTES = 200;

interface Setting {
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
}

interface NewModelEvent {
  readonly topics: readonly string[];
  readonly private: boolean;
  readonly id: string | undefined;
  readonly size: number;
  readonly key: string;
}

type Step =
  | { readonly type: 'publish'; readonly events: readonly NewModelEvent[] }
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

const setting: fc.Arbitrary<Setting> = fc.record({
  retention: fc.record({
    maxEvents: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constant(1000)),
    maxAgeMs: fc.constantFrom(1000, 1_000_000),
    perTopic: fc.constantFrom([], [{ topics: ['b'], maxEvents: 1 }]),
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
});

const newEvent: fc.Arbitrary<NewModelEvent> = fc.record({
  topics: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...TOPICS).map((topic) => [topic]) },
    { weight: 1, arbitrary: fc.constantFrom(['a', 'b'], ['c', 'a'], ['b', 'c']) },
  ),
  private: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  id: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom('x', 'y') }),
  size: fc.constantFrom(0, 0, 20, 400),
  key: fc.constantFrom('k', 'l', 'm', 'n'),
});

const who = fc.nat({ max: LISTENERS - 1 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      events: fc.array(newEvent, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('connect' as const),
      who,
      view: fc.nat({ max: VIEWS.length - 1 }),
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
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(100, 500, 2000) }) },
);

/** A log, a fan-out and its listeners, with time, chance and every wait in the script's hands. */
class Model {
  readonly world: World;
  readonly #listeners: (Listener | undefined)[] = Array.from({ length: LISTENERS }, () => undefined);
  readonly #setting: Setting;
  readonly #base: MemoryLog;
  readonly #clock = new FakeClock(1_000_000);
  #scheduled: (() => void)[] = [];

  constructor(options: Setting) {
    this.#setting = options;
    const clock = this.#clock;
    const published = new Published(EPOCH, options.retention, options.latestByKey);
    const { retention, latestByKey } = options;
    this.#base = new MemoryLog({ retention, clock, epoch: EPOCH, latestByKey });
    const log = new ScriptedLog({ ...options, log: this.#base, published, time: () => clock.time() });
    const fanOut = new FanOut(log, {
      maxBacklogBytes: options.maxBacklogBytes,
      maxTickBytes: options.maxTickBytes,
      overflow: options.overflow,
      keepAliveMs: 1000,
      clock,
      schedule: (run) => this.#scheduled.push(run),
    });
    const { highWaterMark, drainMode } = options;
    this.world = { published, time: () => clock.time(), log, fanOut, highWaterMark, drainMode, failures: [] };
  }

  async run(script: readonly Step[]): Promise<void> {
    for (const next of script) {
      this.world.published.step += 1;
      await this.#step(next);
      this.#check();
    }
    await this.#settle();
    // Who is held is given nothing, and who was evicted has to come back.
    for (const listener of this.#listeners) {
      listener?.release();
      listener?.connect();
    }
    await this.#settle();
    await this.#checkAllMoved();
    await this.#checkAllLive();
  }

  async #step(next: Step): Promise<void> {
    const { log, published } = this.world;
    switch (next.type) {
      case 'publish':
        return this.#publish(next.events);
      case 'connect': {
        this.#listeners[next.who]?.leave();
        const listener = new Listener(this.world, VIEWS[next.view]!, this.#request(next.start, next.choice));
        this.#listeners[next.who] = listener;
        return listener.connect();
      }
      case 'come back':
        return this.#listeners[next.who]?.connect();
      case 'hold':
        return this.#listeners[next.who]?.hold();
      case 'release':
        return this.#listeners[next.who]?.release();
      case 'leave':
        return this.#listeners[next.who]?.leave();
      case 'take':
        return this.#listeners[next.who]?.take(next.count);
      case 'take all':
        return this.#listeners[next.who]?.take(Infinity);
      case 'tick':
        return this.#tick();
      case 'microtasks':
        return await microtasks();
      case 'hand over':
        return log.handOver();
      case 'answer':
        return log.answer(next.which);
      case 'lose':
        return log.lose();
      case 'sweep':
        return this.#clock.advance(1000);
      case 'wait':
        return this.#clock.advance(next.ms);
      case 'trim':
        published.trim(this.#clock.time());
        void this.#base.trim();
    }
  }

  #publish(events: readonly NewModelEvent[]): void {
    const { published, failures } = this.world;
    const batch = events.map(({ topics, id, size, key, private: isPrivate }, index): NewEvent => {
      const data = `${published.head + 1 + index}${' '.repeat(size)}`;
      return { topics, private: isPrivate, latestKey: key, fields: id === undefined ? { data } : { data, id } };
    });
    // First the list: with a log that answers at once, listeners may be written to while it is being appended to.
    published.append(batch, this.#clock.time());
    this.#base.append(batch).catch((error: unknown) => failures.push(error as Error));
  }

  #request(start: number, choice: number): StartRequest {
    const { head } = this.world.published;
    const requests: StartRequest[] = [
      {},
      { last: choice % 10 },
      { lastEventId: 'earliest' },
      { lastEventId: `${EPOCH}.${choice % (head + 1)}` },
      { lastEventId: ['x', 'y', 'other'][choice % 3] },
      { lastEventId: ['never seen', 'foreign.7', `${EPOCH}.${head + 1 + choice}`][choice % 3] },
      { lastEventId: `${EPOCH}.${Math.max(0, head - (choice % 4))}`, last: 3 },
    ];
    return requests[start]!;
  }

  #tick(): void {
    const scheduled = this.#scheduled;
    this.#scheduled = [];
    for (const run of scheduled) run();
  }

  #check(): void {
    const [failure] = this.world.failures;
    if (failure !== undefined) throw failure;
    const { maxBacklogBytes, highWaterMark } = this.#setting;
    const bound = Math.max(maxBacklogBytes, highWaterMark) + CONTROL_BYTES;
    for (const listener of this.#listeners) {
      const backlog = listener?.sink?.highestBacklog ?? 0;
      assert.ok(backlog <= bound, `more was written to a backlog of ${backlog} bytes, at most ${bound} are allowed`);
    }
  }

  /** Lets everything that is under way come to its end. */
  async #settle(): Promise<void> {
    const { log } = this.world;
    for (let round = 0; round < 500; round += 1) {
      await microtasks();
      log.handOver();
      log.answer(0);
      await microtasks();
      this.#tick();
      await microtasks();
      for (const listener of this.#listeners) listener?.take(Infinity);
      this.#check();
      const busy = log.pending + this.#scheduled.length > 0;
      if (!busy && this.#listeners.every((listener) => !listener?.connecting && !listener?.sink?.backlog)) return;
    }
    assert.fail('the fan-out does not settle: it is still busy though nothing happens');
  }

  /** A keep-alive moves the cursor of each listener to the head, as far as it may know of that, so that nobody is lost to retention. */
  async #checkAllMoved(): Promise<void> {
    this.#clock.advance(1250);
    await this.#settle();
    for (const listener of this.#listeners) {
      if (!listener?.check) continue;
      const { head, events } = this.world.published;
      const getsPrivate = listener.view.selection.private !== undefined;
      const known = getsPrivate ? head : (events.findLast((event) => !event.private)?.seq ?? 0);
      assert.ok(listener.check.position >= known, 'a cursor was not moved');
    }
  }

  /** Everyone has everything, and what comes next reaches everyone without a look at the log. */
  async #checkAllLive(): Promise<void> {
    const { log } = this.world;
    const { length } = log.reads;
    const last = TOPICS.map((topic) => ({ topics: [topic], private: false, id: undefined, size: 0, key: topic }));
    for (const events of [[], last]) {
      if (events.length > 0) this.#publish(events);
      await this.#settle();
      for (const listener of this.#listeners) listener?.check?.finish();
    }
    assert.equal(log.reads.length, length, 'a listener was not live though it had everything');
    for (const listener of this.#listeners) {
      if (listener?.sink) assert.equal(listener.sink.state, 'open');
    }
  }
}

/** Lets promises that wait for nothing else settle. */
async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

test('every listener gets every event once and in order, or is told what is missing, whatever happens when', async () => {
  const property = fc.asyncProperty(
    setting,
    fc.array(step, { minLength: 5, maxLength: 70 }),
    async (options, script) => {
      await new Model(options).run(script);
    },
  );
  await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 5000) });
});
