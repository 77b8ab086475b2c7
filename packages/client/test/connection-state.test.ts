import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ConnectionInput,
  type ConnectionPolicy,
  type ConnectionState,
  MAX_TIMER_MS,
  MIN_RETRY_MS,
  STAYED_UP_MS,
  OFFLINE_WAIT_MS,
  type Step,
  startConnection,
  type Surroundings,
  transition,
  wakeAt,
} from '../dist/connection-state.js';

const POLICY: ConnectionPolicy = {
  reconnectionMs: 1_000,
  maxBackoffMs: 30_000,
  jitter: 'half',
  maxRetryAfterMs: 600_000,
  maxAttempts: Infinity,
  connectTimeoutMs: 20_000,
  firstByteTimeoutMs: Infinity,
  idleTimeoutMs: 40_000,
  watchesSleep: false,
  refreshes: false,
  retryStatus: (status) => status === 503,
};

const LOST = { code: 'ERR_NETWORK', message: 'it broke' } as const;
const ENDED = { code: 'ERR_STREAM_ENDED', message: 'it ended' } as const;

/** Runs a connection through inputs, each at its time. */
class Run {
  step: Step;
  now = 0;
  /** How far the time of day is ahead of what it would be, had the machine never slept. */
  slept = 0;
  online = true;
  readonly policy: ConnectionPolicy;
  random = 0;

  constructor(policy: Partial<ConnectionPolicy> = {}) {
    this.policy = { ...POLICY, ...policy };
    this.step = startConnection(this.around());
  }

  get state(): ConnectionState {
    return this.step.state;
  }

  get serial(): number {
    return this.state.phase === 'closed' ? -1 : this.state.serial;
  }

  send(input: ConnectionInput, after = 0): Step {
    this.now += after;
    this.step = transition(this.state, input, this.around());
    return this.step;
  }

  around(): Surroundings {
    const { now, random, online, policy } = this;
    return { now, time: 1_700_000_000_000 + now + this.slept, random, online, policy };
  }

  open(): Step {
    const { serial } = this;
    return this.send({ type: 'response', serial, status: 200, contentType: 'text/event-stream' });
  }

  lose(final = false): Step {
    return this.send({ type: 'lost', serial: this.serial, failure: LOST, final });
  }

  /** Waits as long as the state wants, and returns how long that was. */
  wait(): number {
    const ms = wakeAt(this.state) - this.now;
    this.send({ type: 'timer' }, ms);
    return ms;
  }
}

describe('a response', () => {
  const types = [
    ['text/event-stream', 'open'],
    ['text/event-stream;charset=utf-8', 'open'],
    ['Text/Event-Stream ; x=y', 'open'],
    [' text/event-stream', 'open'],
    ['text/event-streamx', 'closed'],
    ['text/event-stream, text/html', 'closed'],
    ['text/event-stream x', 'closed'],
    ['xtext/event-stream', 'closed'],
    ['text/plain;text/event-stream', 'closed'],
    ['', 'closed'],
    [null, 'closed'],
  ] as const;
  test.each(types)('with the content type %j makes it %s', (contentType, phase) => {
    const run = new Run();
    run.send({ type: 'response', serial: 1, status: 200, contentType });
    expect(run.state.phase).toBe(phase);
  });

  const statuses = [
    [204, 'closed', 'ended'],
    [404, 'closed', 'failed'],
    [206, 'closed', 'failed'],
    [301, 'closed', 'failed'],
    [503, 'waiting', undefined],
  ] as const;
  test.each(statuses)('with status %i makes it %s %s', (status, phase, reason) => {
    const run = new Run();
    const { actions } = run.send({ type: 'response', serial: 1, status, contentType: 'text/event-stream' });
    expect(run.state).toMatchObject({ phase, failure: { code: 'ERR_STATUS', status }, ...(reason && { reason }) });
    expect(actions).toEqual(['abort', 'announce']);
  });
});

describe('reconnecting', () => {
  test('the first loss waits the reconnection time exactly', () => {
    const run = new Run();
    run.random = 0.99;
    run.open();
    run.lose();
    expect(run.wait()).toBe(1_000);
    expect(run.step.actions).toEqual(['connect', 'announce']);
  });

  test('failures in a row wait longer each time, up to the cap', () => {
    const run = new Run();
    const waits = Array.from({ length: 8 }, () => {
      run.lose();
      return run.wait();
    });
    expect(waits).toEqual([1_000, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  test('chance adds up to the double', () => {
    const run = new Run();
    run.random = 1 - Number.EPSILON;
    const waits = Array.from({ length: 7 }, () => {
      run.lose();
      return Math.round(run.wait());
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test('a reconnection time longer than the cap is kept to', () => {
    const run = new Run({ reconnectionMs: 60_000 });
    run.random = 0.5;
    for (let failure = 1; failure < 5; failure++) {
      run.lose();
      expect(run.wait()).toBe(60_000);
    }
  });

  test('a connection that stayed up begins a new row', () => {
    const run = new Run();
    for (let failure = 1; failure < 5; failure++) {
      run.lose();
      run.wait();
    }
    expect(run.state).toMatchObject({ attempt: 5 });
    run.open();
    run.now += STAYED_UP_MS;
    run.lose();
    expect(run.state).toMatchObject({ attempt: 2 });
    expect(run.wait()).toBe(1_000);
  });

  test('a connection that brought an event and ended cleanly begins a new row however short it was', () => {
    const run = new Run();
    run.lose();
    run.wait();
    run.open();
    run.send({ type: 'event', serial: run.serial });
    run.send({ type: 'lost', serial: run.serial, failure: ENDED, final: false });
    expect(run.state).toMatchObject({ attempt: 2 });
  });

  test('a connection that brought an event and broke soon goes on with the row', () => {
    const run = new Run();
    run.lose();
    run.wait();
    run.open();
    run.send({ type: 'event', serial: run.serial });
    run.lose();
    expect(run.state).toMatchObject({ attempt: 3 });
  });

  test('a connection that broke at once without an event goes on with the row', () => {
    const run = new Run();
    run.lose();
    run.wait();
    run.open();
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
    run.send({ type: 'retry', serial: 1, ms });
    run.lose();
    expect(run.wait()).toBe(waited);
  });

  test('the reconnection time holds for later connections', () => {
    const run = new Run();
    run.open();
    run.send({ type: 'retry', serial: 1, ms: 7_000 });
    run.lose();
    run.wait();
    run.open();
    run.now += STAYED_UP_MS;
    run.lose();
    expect(run.wait()).toBe(7_000);
  });

  test('a final failure closes it', () => {
    const run = new Run();
    run.lose(true);
    expect(run.state).toEqual({ phase: 'closed', reason: 'failed', failure: LOST });
  });

  test('it gives up after as many failures in a row as are allowed', () => {
    const run = new Run({ maxAttempts: 2 });
    run.lose();
    run.wait();
    run.lose();
    expect(run.state).toEqual({ phase: 'closed', reason: 'failed', failure: LOST });
  });

  test('a stream that ended and is not asked for again has ended well', () => {
    const run = new Run({ maxAttempts: 1 });
    run.open();
    run.send({ type: 'lost', serial: 1, failure: ENDED, final: false });
    expect(run.state).toEqual({ phase: 'closed', reason: 'ended', failure: ENDED });
  });
});

describe('full jitter', () => {
  const POLICY_FULL = { jitter: 'full', refreshes: true } as const;

  test('leaves every wait to chance, from nothing to what backing off leads to', () => {
    const least = new Run(POLICY_FULL);
    const most = new Run(POLICY_FULL);
    most.random = 1 - Number.EPSILON;
    const waits = Array.from({ length: 7 }, () => {
      least.lose();
      most.lose();
      return [least.wait(), Math.round(most.wait())];
    });
    expect(waits.map(([wait]) => wait)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(waits.map(([, wait]) => wait)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test('never waits less than the server asked for', () => {
    const run = new Run(POLICY_FULL);
    run.open();
    run.send({ type: 'retry', serial: 1, ms: 3_000 });
    run.lose();
    expect(run.wait()).toBe(3_000);
    run.lose();
    expect(run.wait()).toBe(3_000);
  });
});

describe('an answer that is not a stream', () => {
  function refuse(run: Run, status: number, retryAfterMs?: number): void {
    run.send({ type: 'response', serial: run.serial, status, contentType: null, retryAfterMs });
  }

  test('is kept away from as long as Retry-After says, and some chance longer', () => {
    const run = new Run({ jitter: 'full' });
    refuse(run, 503, 90_000);
    expect(run.wait()).toBe(90_000);
    run.random = 0.5;
    refuse(run, 503, 90_000);
    expect(run.wait()).toBe(90_500);
  });

  test('is waited for no longer than the cap on Retry-After', () => {
    const run = new Run({ maxRetryAfterMs: 5_000, jitter: 'full' });
    refuse(run, 503, 1e15);
    expect(run.wait()).toBe(5_000);
  });

  test('with status 401 is tried again at once, once, where the request can be made anew', () => {
    const run = new Run({ refreshes: true, maxAttempts: 1 });
    refuse(run, 401);
    expect(run.state).toMatchObject({ phase: 'waiting', attempt: 1, unauthorized: true, failure: { status: 401 } });
    expect(run.wait()).toBe(0);
    expect(run.state).toMatchObject({ phase: 'connecting', attempt: 1, unauthorized: true });
    refuse(run, 401);
    expect(run.state).toMatchObject({ phase: 'closed', reason: 'failed', failure: { status: 401 } });
  });

  test('with status 401 is tried again after each connection that was open', () => {
    const run = new Run({ refreshes: true });
    refuse(run, 401);
    run.wait();
    run.open();
    expect(run.state).toMatchObject({ phase: 'open', unauthorized: false });
    run.lose();
    run.wait();
    refuse(run, 401);
    expect(run.state.phase).toBe('waiting');
  });

  test('with status 401 fails where the next request would be the same', () => {
    const run = new Run({ refreshes: false });
    refuse(run, 401);
    expect(run.state).toMatchObject({ phase: 'closed', reason: 'failed' });
  });
});

describe('without a network', () => {
  test('a try that is due is put off until there is one, or for a while', () => {
    const run = new Run();
    run.online = false;
    run.lose();
    expect(run.wait()).toBe(1_000);
    expect(run.state).toMatchObject({ phase: 'waiting', putOff: true });
    expect(run.step.actions).toEqual(['announce']);
    expect(run.wait()).toBe(OFFLINE_WAIT_MS);
    expect(run.state.phase).toBe('connecting');
  });

  test.each([0, 5_000])('a try begins as soon as there is one again, after %d ms', (ms) => {
    const run = new Run();
    run.online = false;
    run.lose();
    run.send({ type: 'timer' }, ms);
    run.online = true;
    expect(run.send({ type: 'online' }).actions).toEqual(['connect', 'announce']);
  });

  test('a server that answered is not asked sooner than it said', () => {
    const run = new Run();
    run.send({ type: 'response', serial: 1, status: 503, contentType: null, retryAfterMs: 10_000 });
    run.send({ type: 'online' });
    expect(run.state.phase).toBe('waiting');
    expect(run.wait()).toBe(10_000);
  });

  test('an open connection is left alone when there is one again', () => {
    const run = new Run();
    run.open();
    expect(run.send({ type: 'online' })).toEqual({ state: run.state, actions: [] });
  });
});

describe('a caller that wants a new connection now', () => {
  test('gets one in place of the wait', () => {
    const run = new Run();
    run.lose();
    expect(run.send({ type: 'reconnect' }).actions).toEqual(['connect', 'announce']);
    expect(run.state).toMatchObject({ phase: 'connecting', attempt: 2 });
  });

  test('gets one in place of the open one', () => {
    const run = new Run();
    run.open();
    expect(run.send({ type: 'reconnect' }).actions).toEqual(['abort', 'connect', 'announce']);
    expect(run.state).toMatchObject({ phase: 'connecting', attempt: 1, serial: 2 });
  });

  test('has one already while one is under way', () => {
    const run = new Run();
    expect(run.send({ type: 'reconnect' }).actions).toEqual([]);
  });
});

describe('the watchdogs', () => {
  test('a stream whose first byte does not come is given up', () => {
    const run = new Run({ firstByteTimeoutMs: 5_000 });
    run.open();
    expect(run.wait()).toBe(5_000);
    expect(run.state).toMatchObject({ phase: 'waiting', failure: { code: 'ERR_FIRST_BYTE_TIMEOUT' } });
  });

  test('the first byte is waited for only once', () => {
    const run = new Run({ firstByteTimeoutMs: 5_000 });
    run.open();
    run.send({ type: 'bytes', serial: 1 }, 4_999);
    expect(run.wait()).toBe(40_000);
    expect(run.state).toMatchObject({ phase: 'waiting', failure: { code: 'ERR_IDLE_TIMEOUT' } });
  });

  test.each(['connecting', 'open'] as const)(
    'a machine that slept drops what it has while %s, and tries at once',
    (phase) => {
      const run = new Run({ watchesSleep: true, idleTimeoutMs: Infinity, connectTimeoutMs: Infinity });
      if (phase === 'open') run.open();
      run.now = wakeAt(run.state);
      run.slept = 10 * 60_000;
      run.send({ type: 'timer' });
      expect(run.state).toMatchObject({ phase: 'waiting', retryAt: run.now, failure: { code: 'ERR_SUSPENDED' } });
      run.wait();
      expect(run.state.phase).toBe('connecting');
    },
  );

  test('a machine that slept waits no longer', () => {
    const run = new Run({ watchesSleep: true, reconnectionMs: 60_000 });
    run.lose();
    run.slept = 10 * 60_000;
    run.wait();
    expect(run.state.phase).toBe('connecting');
  });

  test.each([
    [60_000, 'timers that come once a minute'],
    [-3_600_000, 'a clock that is set back'],
  ])('%d ms of %s are no sleep', (slept) => {
    const run = new Run({ watchesSleep: true, idleTimeoutMs: Infinity });
    run.open();
    for (let check = 0; check < 3; check++) {
      run.slept += slept;
      run.wait();
    }
    expect(run.state.phase).toBe('open');
    expect(wakeAt(run.state)).toBeGreaterThan(run.now);
  });

  test('a try without a response is given up', () => {
    const run = new Run();
    expect(run.wait()).toBe(20_000);
    expect(run.state).toMatchObject({ phase: 'waiting', failure: { code: 'ERR_CONNECT_TIMEOUT' } });
    expect(run.step.actions).toEqual(['abort', 'announce']);
  });

  test('a silent stream is given up', () => {
    const run = new Run();
    run.open();
    expect(run.wait()).toBe(40_000);
    expect(run.state).toMatchObject({ phase: 'waiting', failure: { code: 'ERR_IDLE_TIMEOUT' } });
  });

  test('any byte ends the silence', () => {
    const run = new Run();
    run.open();
    run.send({ type: 'bytes', serial: 1 }, 39_999);
    run.send({ type: 'timer' }, 1);
    expect(run.state.phase).toBe('open');
    expect(run.wait()).toBe(39_999);
    expect(run.state.phase).toBe('waiting');
  });

  test('a stream that we do not read is not silent', () => {
    const run = new Run();
    run.open();
    run.send({ type: 'paused', serial: 1 });
    expect(wakeAt(run.state)).toBe(Infinity);
    run.send({ type: 'resumed', serial: 1 }, 1_000_000);
    expect(run.wait()).toBe(40_000);
  });
});

describe('closing', () => {
  test.each(['connecting', 'open'] as const)('stops the try under way while %s', (phase) => {
    const run = new Run();
    if (phase === 'open') run.open();
    expect(run.state.phase).toBe(phase);
    expect(run.send({ type: 'close' })).toEqual({
      state: { phase: 'closed', reason: 'closed' },
      actions: ['abort', 'announce'],
    });
  });

  test('ends the wait', () => {
    const run = new Run();
    run.lose();
    run.send({ type: 'close' });
    expect(wakeAt(run.state)).toBe(Infinity);
  });
});

describe('whatever happens', () => {
  const inputs: fc.Arbitrary<ConnectionInput & { readonly after: number; readonly stale: boolean }> = fc
    .record({
      after: fc.nat(50_000),
      // Reports of the try under way are the rule, those of a past one the exception.
      stale: fc.integer({ min: 0, max: 9 }).map((die) => die === 0),
      input: fc.oneof(
        fc.record({
          type: fc.constant('response' as const),
          status: fc.constantFrom(200, 200, 200, 204, 401, 404, 503),
          contentType: fc.constantFrom('text/event-stream', 'text/event-stream', 'text/html', null),
        }),
        fc.record({ type: fc.constantFrom('bytes' as const, 'event' as const, 'paused' as const, 'resumed' as const) }),
        fc.record({ type: fc.constant('retry' as const), ms: fc.oneof(fc.nat(), fc.double({ min: 0, noNaN: true })) }),
        fc.record({
          type: fc.constant('lost' as const),
          failure: fc.constantFrom(LOST, ENDED),
          final: fc.integer({ min: 0, max: 9 }).map((die) => die === 0),
        }),
        fc.constant({ type: 'timer' as const }),
        fc.constant({ type: 'timer' as const }),
        fc.record({ type: fc.constantFrom('online' as const, 'reconnect' as const, 'close' as const) }),
      ),
    })
    .map(({ after, stale, input }) => ({ ...input, serial: 0, after, stale }));

  const fromTry = (input: ConnectionInput, serial: number): ConnectionInput =>
    'serial' in input ? { ...input, serial } : input;

  const runs = fc.record({
    inputs: fc.array(inputs, { maxLength: 60 }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    maxAttempts: fc.constantFrom(Infinity, 1, 3),
    jitter: fc.constantFrom('full' as const, 'half' as const),
    refreshes: fc.boolean(),
    watchesSleep: fc.boolean(),
  });

  test('there are never two tries at once, nothing follows a close, and no wait is out of bounds', () => {
    fc.assert(
      fc.property(runs, ({ inputs: list, random, ...policy }) => {
        const { maxAttempts } = policy;
        const run = new Run(policy);
        run.random = random;
        let underWay = run.step.actions.includes('connect') ? 1 : 0;
        for (const { after, stale, ...input } of list) {
          const before = run.state;
          const { state, actions } = run.send(fromTry(input, run.serial - (stale ? 1 : 0)), after);

          if (before.phase === 'closed') {
            expect(state).toBe(before);
            expect(actions).toEqual([]);
          }
          if (stale && !['timer', 'online', 'reconnect', 'close'].includes(input.type)) expect(state).toBe(before);
          for (const action of actions) {
            if (action === 'connect') underWay++;
            if (action === 'abort') underWay--;
          }
          expect(underWay).toBe(state.phase === 'connecting' || state.phase === 'open' ? 1 : 0);
          expect(actions.includes('announce')).toBe(state.phase !== before.phase);
          if (state.phase === 'waiting' && before.phase !== 'waiting' && state.failure.code === LOST.code) {
            const wait = state.retryAt - run.now;
            expect(wait).toBeGreaterThanOrEqual(state.isNamed || policy.jitter === 'half' ? state.reconnectionMs : 0);
            expect(wait).toBeLessThanOrEqual(Math.max(state.reconnectionMs, POLICY.maxBackoffMs));
            expect(wait).toBeLessThanOrEqual(MAX_TIMER_MS);
            expect(state.attempt - 1).toBeLessThan(maxAttempts);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('a connection that is not closed always comes to a try again', () => {
    fc.assert(
      fc.property(runs, ({ inputs: list, random }) => {
        const run = new Run();
        run.random = random;
        for (const { after, stale: _, ...input } of list) run.send(fromTry(input, run.serial), after);
        if (run.state.phase === 'open') run.send({ type: 'resumed', serial: run.serial });
        for (let step = 0; step < 3 && run.state.phase !== 'closed'; step++) {
          if (run.state.phase === 'connecting') return;
          expect(wakeAt(run.state)).toBeLessThan(Infinity);
          run.wait();
        }
        expect(run.state.phase).toBe('closed');
      }),
    );
  });
});
