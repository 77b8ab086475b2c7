import { FanOut, type StartRequest } from '@tidings/server/live';
import { type LogEntry, MemoryLog } from '@tidings/server/log';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'vitest';
import { Listener, VIEWS, type World } from './model/listener.ts';
import { FakeClock } from './fake-clock.ts';
import { Published } from './model/published.ts';
import { LEASE_MS, LISTENERS, type Setting, setting, type Step, step, TOPICS } from './model/script.ts';
import { ScriptedLog } from './model/scripted-log.ts';
import { TopicScript } from './model/topic-script.ts';

const EPOCH = 'model';
// A heartbeat is written at the beginning, and a gap before its page, whatever waits.
const CONTROL_BYTES = 200;

/** A log, a fan-out and its listeners, with time, chance and every wait in the script's hands. */
class Model {
  readonly world: World;
  readonly #listeners: (Listener | undefined)[] = Array.from({ length: LISTENERS }, () => undefined);
  readonly #setting: Setting;
  readonly #base: MemoryLog;
  readonly #topics: TopicScript;
  readonly #clock = new FakeClock(1_000_000);
  #scheduled: (() => void)[] = [];

  constructor(options: Setting) {
    this.#setting = options;
    const clock = this.#clock;
    const { retention, latestByKey, keepAliveMs } = options;
    const published = new Published({ epoch: EPOCH, retention, latestByKey });
    this.#base = new MemoryLog({ retention, clock, epoch: EPOCH, latestByKey });
    // Before everyone else.
    this.#base.follow({
      onStart: () => {},
      onBatch: (batch) => this.#observe(batch),
      onLost: () => {},
    });
    const log = new ScriptedLog({ ...options, log: this.#base, published, time: () => clock.time() });
    const fanOut = new FanOut(log, {
      maxBacklogBytes: options.maxBacklogBytes,
      maxTickBytes: options.maxTickBytes,
      overflow: options.overflow,
      keepAliveMs,
      clock,
      schedule: (run) => this.#scheduled.push(run),
    });
    const { highWaterMark, drainMode } = options;
    this.world = { published, time: () => clock.time(), log, fanOut, highWaterMark, drainMode, failures: [] };
    this.#topics = new TopicScript(this.#base, this.world);
  }

  async run(script: readonly Step[]): Promise<void> {
    for (const next of script) {
      this.world.published.step += 1;
      await this.#step(next);
      this.#check();
    }
    await this.#settle();
    // Leases end and close their topics.
    this.#advance(LEASE_MS);
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
        return this.#topics.publish(next.events, next.leases);
      case 'create':
      case 'lease':
      case 'give back':
      case 'delete':
        return await this.#topics.take(next);
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
        return this.#advance(1000);
      case 'wait':
        return this.#advance(Math.min(next.ms, 3 * this.#setting.keepAliveMs));
      case 'trim':
        published.trim(this.#clock.time());
        void this.#base.trim();
    }
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

  #observe(batch: readonly LogEntry[]): void {
    const { published, failures } = this.world;
    try {
      published.observe(batch, this.#clock.time());
    } catch (error) {
      failures.push(error as Error);
    }
  }

  #advance(ms: number): void {
    this.#clock.advance(ms);
    this.world.published.settle(this.#clock.time());
  }

  #tick(): void {
    const scheduled = this.#scheduled;
    this.#scheduled = [];
    for (const run of scheduled) run();
  }

  #check(): void {
    const { failures, published } = this.world;
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    const overdue = published.topics.overdue(this.#clock.time());
    assert.deepEqual(overdue, [], 'a lease has ended, and its topic was not closed');
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
    this.#advance(1.25 * this.#setting.keepAliveMs);
    await this.#settle();
    for (const listener of this.#listeners) {
      if (!listener?.check) continue;
      const { head, events } = this.world.published;
      const getsPrivate = listener.view.selection.private !== undefined;
      const known = getsPrivate ? head : (events.findLast((event) => !event.private)?.seq ?? 0);
      if (listener.check.hasEnded) continue;
      assert.ok(listener.check.position >= known, 'a cursor was not moved');
    }
  }

  /** Everyone has everything, and what comes next reaches everyone without a look at the log. */
  async #checkAllLive(): Promise<void> {
    const { log } = this.world;
    const { length } = log.reads;
    const open = TOPICS.filter((topic) => !this.world.published.topics.get(topic)?.closing);
    for (const topics of [[], open]) {
      if (topics.length > 0) this.#topics.publishTo(topics);
      await this.#settle();
      for (const listener of this.#listeners) listener?.check?.finish();
    }
    assert.equal(log.reads.length, length, 'a listener was not live though it had everything');
    for (const listener of this.#listeners) {
      if (listener?.check?.hasEnded === false) assert.equal(listener.sink?.state, 'open');
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
  await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 4000) });
});
