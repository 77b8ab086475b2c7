/**
 * The life of a connection as one pure function: connecting → open → waiting → connecting …, and closed.
 * It knows neither sockets nor clocks. `Connection` feeds it what happens and does what it answers; `EventSource` and
 * `subscribe()` differ only in the policy.
 */
import type { Failure } from './failure.ts';

/** The longest delay a timer holds, in milliseconds. A longer one would fire at once and become a storm. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** The shortest reconnection time a server may ask for, in milliseconds. Guards against a storm after `retry: 0`. */
export const MIN_RETRY_MS: number = 100;

/** A connection that has been open this long, in milliseconds, or that has brought an event, has stayed up. */
export const STAYED_UP_MS: number = 5_000;

export interface ConnectionPolicy {
  /** The reconnection time in milliseconds until the server names another one. */
  readonly reconnectionMs: number;
  /** The longest wait in milliseconds that backing off leads to. A longer reconnection time is kept to all the same. */
  readonly maxBackoffMs: number;
  /** How many tries in a row may fail. `Infinity` never gives up. */
  readonly maxAttempts: number;
  /** How long the head of a response may take, in milliseconds. `Infinity` waits for ever. */
  readonly connectTimeoutMs: number;
  /** How long an open stream may be silent, in milliseconds. `Infinity` allows any silence. */
  readonly idleTimeoutMs: number;
  /** Whether a response with this status is worth another try. Not asked for 200 and 204. */
  readonly retryStatus: (status: number) => boolean;
}

interface Row {
  /** Names one try for good, so that what a past try still reports is told apart. */
  readonly serial: number;
  /** The number of this try in its row, or while waiting of the coming one. 1 begins a row. */
  readonly attempt: number;
  /** The reconnection time in milliseconds. */
  readonly reconnectionMs: number;
}

export interface Connecting extends Row {
  readonly phase: 'connecting';
  /** When the watchdog gives the try up. */
  readonly deadline: number;
}

export interface Open extends Row {
  readonly phase: 'open';
  readonly openedAt: number;
  /** When the watchdog takes the silence for a dead line. `Infinity` while reading is paused. */
  readonly deadline: number;
  /** Whether an event has arrived. */
  readonly fruitful: boolean;
}

export interface Waiting extends Row {
  readonly phase: 'waiting';
  readonly retryAt: number;
  readonly failure: Failure;
}

export interface Closed {
  readonly phase: 'closed';
  /** `closed` by us, `ended` by the server's word, or `failed`. */
  readonly reason: 'closed' | 'ended' | 'failed';
  /** Absent only where we closed it. */
  readonly failure?: Failure;
}

export type ConnectionState = Connecting | Open | Waiting | Closed;

export type ConnectionInput =
  /** The head of the response is here. */
  | { readonly type: 'response'; readonly serial: number; readonly status: number; readonly contentType: string | null }
  /** Bytes of the body arrived, whatever they mean. */
  | { readonly type: 'bytes'; readonly serial: number }
  /** A block of the stream was an event or moved the last event ID. */
  | { readonly type: 'event'; readonly serial: number }
  /** The stream's `retry` field, in milliseconds. */
  | { readonly type: 'retry'; readonly serial: number; readonly ms: number }
  /** We stop reading because nobody takes what was read. */
  | { readonly type: 'paused'; readonly serial: number }
  | { readonly type: 'resumed'; readonly serial: number }
  /** The request or the body broke, or the body ended. `final` where another try cannot help. */
  | { readonly type: 'lost'; readonly serial: number; readonly failure: Failure; readonly final: boolean }
  /** The time of `wakeAt` may have come. */
  | { readonly type: 'timer' }
  | { readonly type: 'close' };

/** `connect`: begin the try named by the state's serial. `abort`: stop the try under way. `announce`: tell the phase. */
export type ConnectionAction = 'abort' | 'connect' | 'announce';

export interface Step {
  readonly state: ConnectionState;
  readonly actions: readonly ConnectionAction[];
}

export interface Surroundings {
  /** The time in milliseconds on a clock that never goes back. */
  readonly now: number;
  /** Chance: at least 0, less than 1. */
  readonly random: number;
  readonly policy: ConnectionPolicy;
}

/** The first step. It announces nothing: whoever makes a connection knows that it is connecting. */
export function startConnection(now: number, policy: ConnectionPolicy): Step {
  const row: Row = { serial: 1, attempt: 1, reconnectionMs: policy.reconnectionMs };
  return { state: { ...row, phase: 'connecting', deadline: now + policy.connectTimeoutMs }, actions: ['connect'] };
}

/** When the state wants a `timer` input, or `Infinity`. A `timer` that comes early changes nothing. */
export function wakeAt(state: ConnectionState): number {
  switch (state.phase) {
    case 'connecting':
    case 'open':
      return state.deadline;
    case 'waiting':
      return state.retryAt;
    case 'closed':
      return Infinity;
  }
}

/** One step in the life of a connection. What it answers is to be done in order, before the next input. */
export function transition(state: ConnectionState, input: ConnectionInput, around: Surroundings): Step {
  if (state.phase === 'closed') return unchanged(state);
  if (input.type === 'close') {
    const actions: ConnectionAction[] = state.phase === 'waiting' ? ['announce'] : ['abort', 'announce'];
    return { state: { phase: 'closed', reason: 'closed' }, actions };
  }
  if (input.type === 'timer') return wake(state, around);
  if (state.phase === 'waiting' || input.serial !== state.serial) return unchanged(state);
  if (input.type === 'lost') return lose(state, input.failure, input.final, around);
  if (state.phase === 'connecting') {
    return input.type === 'response' ? receiveHead(state, input, around) : unchanged(state);
  }

  switch (input.type) {
    case 'bytes':
    case 'resumed': {
      const deadline = around.now + around.policy.idleTimeoutMs;
      return unchanged(deadline === state.deadline ? state : { ...state, deadline });
    }
    case 'paused':
      return unchanged({ ...state, deadline: Infinity });
    case 'event':
      return unchanged(state.fruitful ? state : { ...state, fruitful: true });
    case 'retry':
      return unchanged({ ...state, reconnectionMs: Math.min(Math.max(input.ms, MIN_RETRY_MS), MAX_TIMER_MS) });
    case 'response':
      return unchanged(state);
  }
}

function unchanged(state: ConnectionState): Step {
  return { state, actions: [] };
}

function wake(state: Connecting | Open | Waiting, around: Surroundings): Step {
  const { now, policy } = around;
  if (now < wakeAt(state)) return unchanged(state);
  switch (state.phase) {
    case 'waiting': {
      const { attempt, reconnectionMs } = state;
      const deadline = now + policy.connectTimeoutMs;
      const next: Connecting = { phase: 'connecting', serial: state.serial + 1, attempt, reconnectionMs, deadline };
      return { state: next, actions: ['connect', 'announce'] };
    }
    case 'connecting': {
      const message = `no response arrived within ${policy.connectTimeoutMs} ms`;
      return lose(state, { code: 'ERR_CONNECT_TIMEOUT', message }, false, around);
    }
    case 'open': {
      const message = `the stream was silent for ${policy.idleTimeoutMs} ms`;
      return lose(state, { code: 'ERR_IDLE_TIMEOUT', message }, false, around);
    }
  }
}

/** [spec] 9.2.3: status 200 and text/event-stream announce the connection; anything else fails it or is tried again. */
function receiveHead(
  state: Connecting,
  head: { readonly status: number; readonly contentType: string | null },
  around: Surroundings,
): Step {
  const { now, policy } = around;
  const { status } = head;
  if (status === 200 && isEventStream(head.contentType)) {
    const { serial, attempt, reconnectionMs } = state;
    const deadline = now + policy.idleTimeoutMs;
    return {
      state: { phase: 'open', serial, attempt, reconnectionMs, openedAt: now, deadline, fruitful: false },
      actions: ['announce'],
    };
  }
  if (status === 200) {
    const found = head.contentType === null ? 'no content type' : `content type "${head.contentType}"`;
    const message = `the response has ${found}, an event stream needs text/event-stream`;
    return lose(state, { code: 'ERR_CONTENT_TYPE', message, status }, true, around);
  }
  const message = `the server answered with status ${status}, an event stream needs 200`;
  const failure: Failure = { code: 'ERR_STATUS', message, status };
  if (status === 204) {
    return { state: { phase: 'closed', reason: 'ended', failure }, actions: ['abort', 'announce'] };
  }
  return lose(state, failure, !policy.retryStatus(status), around);
}

function lose(state: Connecting | Open, failure: Failure, final: boolean, around: Surroundings): Step {
  const { now, random, policy } = around;
  const stayedUp = state.phase === 'open' && (state.fruitful || now - state.openedAt >= STAYED_UP_MS);
  const failures = stayedUp ? 1 : state.attempt;
  if (final || failures >= policy.maxAttempts) {
    // A stream that ended cleanly and is not to be asked for again is finished, not broken.
    const reason = failure.code === 'ERR_STREAM_ENDED' ? 'ended' : 'failed';
    return { state: { phase: 'closed', reason, failure }, actions: ['abort', 'announce'] };
  }
  const { serial, reconnectionMs } = state;
  const retryAt = now + waitMs(failures, reconnectionMs, policy.maxBackoffMs, random);
  return {
    state: { phase: 'waiting', serial, attempt: failures + 1, reconnectionMs, retryAt, failure },
    actions: ['abort', 'announce'],
  };
}

/**
 * The reconnection time after the first failure; from the second in a row on twice as long each time, the upper half
 * of it by chance so that listeners do not come back together, never less than the reconnection time.
 */
function waitMs(failures: number, reconnectionMs: number, maxBackoffMs: number, random: number): number {
  const longest = Math.max(reconnectionMs, Math.min(maxBackoffMs, reconnectionMs * 2 ** (failures - 1)));
  const shortest = Math.max(reconnectionMs, longest / 2);
  return shortest + random * (longest - shortest);
}

/** [spec] The MIME essence must be exactly text/event-stream: any case, parameters allowed. */
function isEventStream(contentType: string | null): boolean {
  return /^[\t\n\r ]*text\/event-stream[\t\n\r ]*(?:;|$)/i.test(contentType ?? '');
}
