import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as State from '../dist/connection/connection-state.js';

const { CLOSED, CONNECTING, fullJitter, MAX_TIMER_MS, MIN_RETRY_MS, OPEN, STAYED_UP_MS, WAITING } = State;
/** The most that chance can be. */
const MOST = 1 - Number.EPSILON;
const FULL = fullJitter(1_000, 30_000, Infinity);
/** What an EventSource begins with. */
const RECONNECTION_MS = 3_000;

interface Loss {
  retry?: State.Retry | undefined;
  stayedUp?: boolean;
  hasMoved?: boolean;
}

/** Runs a connection through what happens, each thing at its time. */
class Run {
  state: State.ConnectionState;
  now = 0;
  random = 0;
  readonly backoff: State.Backoff;

  constructor(backoff: State.Backoff = FULL, reconnectionMs = RECONNECTION_MS) {
    this.state = State.begin(reconnectionMs);
    this.backoff = backoff;
  }

  open(): void {
    this.state = State.open(this.state, this.now);
  }

  setReconnectionTime(ms: number): void {
    this.state = State.setReconnectionTime(this.state, ms);
  }

  lose({ retry, stayedUp, hasMoved }: Loss = {}): void {
    this.state = State.lose(this.state, this.now, this.random, this.backoff, retry, stayedUp, hasMoved);
  }

  reconnect(): void {
    this.state = State.reconnect(this.state);
  }

  /** Loses the try under way and begins the next one, and returns how long the wait was. */
  fail(how: Loss = {}): number {
    this.lose(how);
    if (this.state.phase !== WAITING) throw new Error(`it is not waiting but in phase ${this.state.phase}`);
    const { waitMs } = this.state;
    this.now += waitMs;
    this.reconnect();
    return Math.round(waitMs);
  }
}

describe('reconnecting', () => {
  test('the first loss waits the reconnection time exactly', () => {
    const run = new Run();
    run.random = 0.99;
    run.open();
    expect(run.fail()).toBe(3_000);
    expect(run.state.phase).toBe(CONNECTING);
  });

  test('failures in a row may wait twice as long each time, up to the cap', () => {
    const run = new Run();
    run.random = MOST;
    run.open();
    run.setReconnectionTime(1_000);
    expect(Array.from({ length: 7 }, () => run.fail())).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test('how much of that is waited beyond the reconnection time is left to chance', () => {
    const run = new Run();
    run.open();
    run.setReconnectionTime(1_000);
    expect(Array.from({ length: 4 }, () => run.fail())).toEqual([1_000, 1_000, 1_000, 1_000]);
    run.random = 0.5;
    expect(Array.from({ length: 3 }, () => run.fail())).toEqual([8_500, 15_500, 15_500]);
  });

  test.each([RECONNECTION_MS, 0])('a reconnection time longer than the cap is kept to', (reconnectionMs) => {
    const run = new Run(FULL, reconnectionMs);
    run.open();
    run.setReconnectionTime(60_000);
    run.random = 0.5;
    for (let failure = 1; failure < 5; failure++) expect(run.fail()).toBe(60_000);
  });

  test('a connection that stayed up begins a new row', () => {
    const run = new Run();
    for (let failure = 1; failure < 5; failure++) run.fail();
    expect(run.state).toMatchObject({ attempt: 5 });
    run.open();
    run.now += STAYED_UP_MS;
    run.lose();
    expect(run.state).toMatchObject({ attempt: 2, waitMs: 3_000 });
  });

  test('a connection that counts as having stayed up begins a new row however short it was', () => {
    const run = new Run();
    run.fail();
    run.open();
    run.lose({ stayedUp: true });
    expect(run.state).toMatchObject({ attempt: 2 });
  });

  test('a connection that broke soon goes on with the row', () => {
    const run = new Run();
    run.fail();
    run.open();
    run.now += STAYED_UP_MS - 1;
    run.lose();
    expect(run.state).toMatchObject({ attempt: 3 });
  });

  test('a connection that moved the last event ID and broke soon begins a new row of attempts, and the waits grow on', () => {
    const run = new Run(fullJitter(1_000, 30_000, 3), 0);
    run.random = MOST;
    const waits = Array.from({ length: 6 }, () => {
      run.open();
      const waitMs = run.fail({ hasMoved: true });
      expect(run.state).toMatchObject({ attempt: 2 });
      return waitMs;
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    run.open();
    run.now += STAYED_UP_MS;
    expect(run.fail({ hasMoved: true })).toBe(1_000);
  });

  test('after a connection that moved the last event ID as many attempts may fail as before', () => {
    const run = new Run(fullJitter(1_000, 30_000, 3), 0);
    run.fail();
    run.fail();
    run.open();
    run.fail({ hasMoved: true });
    run.fail();
    run.lose();
    expect(run.state).toMatchObject({ phase: CLOSED });
  });

  test('how long the connection before was open does not count', () => {
    const run = new Run();
    run.open();
    run.fail();
    run.now += STAYED_UP_MS;
    run.lose();
    expect(run.state).toMatchObject({ attempt: 3 });
  });

  const retries = [
    [0, MIN_RETRY_MS],
    [1, MIN_RETRY_MS],
    [2_500, 2_500],
    [99_999_999_999, MAX_TIMER_MS],
    [Infinity, MAX_TIMER_MS],
  ] as const;
  test.each(retries)('retry: %d waits %d ms', (ms, waited) => {
    const run = new Run();
    run.open();
    run.setReconnectionTime(ms);
    expect(run.fail()).toBe(waited);
  });

  test('the reconnection time holds for later connections', () => {
    const run = new Run();
    run.open();
    run.setReconnectionTime(7_000);
    run.fail();
    run.open();
    run.now += STAYED_UP_MS;
    expect(run.fail()).toBe(7_000);
  });

  test.each([RECONNECTION_MS, 0])('a failure for good closes it', (reconnectionMs) => {
    const run = new Run(FULL, reconnectionMs);
    run.lose({ retry: State.NEVER });
    expect(run.state.phase).toBe(CLOSED);
  });

  test('a new connection in place of the open one begins a row, and in place of the wait goes on with it', () => {
    const run = new Run();
    run.fail();
    run.lose();
    run.reconnect();
    expect(run.state).toMatchObject({ phase: CONNECTING, attempt: 3 });
    run.open();
    run.reconnect();
    expect(run.state).toMatchObject({ phase: CONNECTING, attempt: 1 });
  });
});

describe('full jitter', () => {
  test('leaves every wait to chance, from nothing to what backing off leads to', () => {
    const least = new Run(FULL, 0);
    const most = new Run(FULL, 0);
    most.random = MOST;
    const waits = Array.from({ length: 7 }, () => [least.fail(), most.fail()]);
    expect(waits.map(([wait]) => wait)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(waits.map(([, wait]) => wait)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test('never waits less than the server asked for', () => {
    const run = new Run(FULL);
    run.open();
    run.setReconnectionTime(3_000);
    expect(run.fail()).toBe(3_000);
    expect(run.fail()).toBe(3_000);
  });

  test('stays away as long as the server says, and some chance longer', () => {
    const run = new Run(FULL, 0);
    expect(run.fail({ retry: 90_000 })).toBe(90_000);
    run.random = 0.5;
    expect(run.fail({ retry: 90_000 })).toBe(90_500);
  });

  test('gives up after as many failures in a row as are allowed', () => {
    const run = new Run(fullJitter(1_000, 30_000, 2), 0);
    run.fail();
    run.lose();
    expect(run.state).toMatchObject({ phase: CLOSED });
  });

  test('tries again at once after a failure that does not count, even the last one', () => {
    const run = new Run(fullJitter(1_000, 30_000, 1), 0);
    run.random = MOST;
    expect(run.fail({ retry: State.AT_ONCE })).toBe(0);
    expect(run.state).toMatchObject({ phase: CONNECTING, attempt: 1 });
  });
});

describe('whatever happens', () => {
  const losses = fc.record({
    retry: fc.constantFrom<(State.Retry | undefined)[]>(undefined, undefined, undefined, State.AT_ONCE, 5_000, 1e15),
    open: fc.option(
      fc.record({
        ms: fc.nat(20_000),
        stayedUp: fc.boolean(),
        hasMoved: fc.boolean(),
        setMs: fc.option(fc.double({ min: 0, noNaN: true })),
      }),
    ),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });

  test.each([
    ['with a reconnection time', RECONNECTION_MS],
    ['without one', 0],
  ])('no wait %s is out of bounds, and no row longer than is allowed', (_, reconnectionMs) => {
    fc.assert(
      fc.property(fc.array(losses, { maxLength: 40 }), fc.constantFrom(Infinity, 1, 3), (list, most) => {
        const run = new Run(fullJitter(1_000, 30_000, most), reconnectionMs);
        for (const { retry, open, random } of list) {
          run.random = random;
          if (open !== null) {
            run.open();
            if (open.setMs !== null) run.setReconnectionTime(open.setMs);
            run.now += open.ms;
          }
          const { attempt, reconnectionMs: setMs } = run.state;
          const { stayedUp, hasMoved } = open ?? { stayedUp: false, hasMoved: false };
          run.lose({ retry, stayedUp, hasMoved });
          if (run.state.phase === CLOSED) {
            expect(hasMoved ? 1 : attempt).toBeGreaterThanOrEqual(most);
            return;
          }
          const { waitMs } = run.state;
          const firstMs = setMs || 1_000;
          const afterMs = retry ?? 0;
          expect(waitMs).toBeGreaterThanOrEqual(retry === State.AT_ONCE ? 0 : Math.max(setMs, afterMs));
          expect(waitMs).toBeLessThanOrEqual(Math.max(firstMs, 30_000, afterMs + firstMs));
          expect(run.state.attempt).toBeLessThanOrEqual(most);
          expect([CONNECTING, OPEN]).not.toContain(run.state.phase);
          run.reconnect();
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
