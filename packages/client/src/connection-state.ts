/**
 * The life of a connection as one pure function: connecting → open → waiting → connecting …, and closed.
 * It knows neither sockets nor clocks. `Connection` feeds it what happens and does what it answers; `EventSource` and
 * `subscribe()` differ only in the policy.
 */
import { type Backoff, waitMs } from './backoff.ts';
import type { Failure } from './failure.ts';
import { hasSlept, nextSleepCheck, type SleepCheck } from './sleep-check.ts';

/** The longest delay a timer holds, in milliseconds. A longer one would fire at once and become a storm. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** The shortest reconnection time a server may ask for, in milliseconds. Guards against a storm after `retry: 0`. */
export const MIN_RETRY_MS: number = 100;

/**
 * A connection that has been open this long, in milliseconds, has stayed up. So has one that brought an event and then
 * ended cleanly: some servers answer with what there is and end. One that breaks has to have lasted, or a server that
 * falls over at each listener's first event would be asked again and again at the shortest wait.
 */
export const STAYED_UP_MS: number = 5_000;

/** A browser can be wrong about being offline, so a try is made this long after it was due, in milliseconds. */
export const OFFLINE_WAIT_MS: number = 60_000;

export interface ConnectionPolicy extends Backoff {
  /** The reconnection time in milliseconds until the server names another one. */
  readonly reconnectionMs: number;
  /** The longest `Retry-After` that is kept to, in milliseconds. */
  readonly maxRetryAfterMs: number;
  /** How many tries in a row may fail. `Infinity` never gives up. */
  readonly maxAttempts: number;
  /** How long the head of a response may take, in milliseconds. `Infinity` waits for ever. */
  readonly connectTimeoutMs: number;
  /** How long the first byte of the body may take after the head, in milliseconds. `Infinity` waits for ever. */
  readonly firstByteTimeoutMs: number;
  /** How long an open stream may be silent, in milliseconds. `Infinity` allows any silence. */
  readonly idleTimeoutMs: number;
  /** Whether a machine that slept counts as a lost connection. */
  readonly watchesSleep: boolean;
  /** Whether a 401 is worth one more try at once, because the next request will have new credentials. */
  readonly refreshes: boolean;
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
  /** Whether the server named the reconnection time. Nothing comes sooner than it then. */
  readonly isNamed: boolean;
  /** Whether the last response was a 401. */
  readonly unauthorized: boolean;
  /** When to look whether the machine slept; absent where nobody wants to know. */
  readonly sleepCheck?: SleepCheck;
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
  /** Whether a byte of the body has arrived. */
  readonly begun: boolean;
  /** Whether an event has arrived. */
  readonly fruitful: boolean;
}

export interface Waiting extends Row {
  readonly phase: 'waiting';
  readonly retryAt: number;
  readonly failure: Failure;
  /** Whether the try was due and has been put off because there is no network. */
  readonly putOff: boolean;
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
  | {
      readonly type: 'response';
      readonly serial: number;
      readonly status: number;
      readonly contentType: string | null;
      /** What `Retry-After` asks for, in milliseconds. */
      readonly retryAfterMs?: number | undefined;
    }
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
  /** There is a network again. */
  | { readonly type: 'online' }
  /** The caller wants a new connection now. */
  | { readonly type: 'reconnect' }
  | { readonly type: 'close' };

/**
 * `connect`: begin the try named by the state's serial. `abort`: stop the try under way. `announce`: tell the phase, or
 * when the next try comes.
 */
export type ConnectionAction = 'abort' | 'connect' | 'announce';

export interface Step {
  readonly state: ConnectionState;
  readonly actions: readonly ConnectionAction[];
}

export interface Surroundings {
  /** The time in milliseconds on a clock that never goes back. */
  readonly now: number;
  /** The time of day in milliseconds. A machine that sleeps may stop the other clock, never this one. */
  readonly time: number;
  /** Whether there is a network, as far as the platform knows. */
  readonly online: boolean;
  /** Chance: at least 0, less than 1. */
  readonly random: number;
  readonly policy: ConnectionPolicy;
}

/** The first step. It announces nothing: whoever makes a connection knows that it is connecting. */
export function startConnection(around: Surroundings): Step {
  const { reconnectionMs } = around.policy;
  const row: Row = { serial: 0, attempt: 1, reconnectionMs, isNamed: false, unauthorized: false };
  return { state: begin(row, around), actions: ['connect'] };
}

/** When the state wants a `timer` input, or `Infinity`. A `timer` that comes early changes nothing. */
export function wakeAt(state: ConnectionState): number {
  return state.phase === 'closed' ? Infinity : Math.min(dueAt(state), state.sleepCheck?.at ?? Infinity);
}

/** One step in the life of a connection. What it answers is to be done in order, before the next input. */
export function transition(state: ConnectionState, input: ConnectionInput, around: Surroundings): Step {
  if (state.phase === 'closed') return unchanged(state);
  if (input.type === 'close') {
    const actions: ConnectionAction[] = state.phase === 'waiting' ? ['announce'] : ['abort', 'announce'];
    return { state: { phase: 'closed', reason: 'closed' }, actions };
  }
  if (input.type === 'timer') return wake(state, around);
  if (input.type === 'reconnect') return reconnect(state, around);
  if (input.type === 'online') return goOnline(state, around);
  if (state.phase === 'waiting' || input.serial !== state.serial) return unchanged(state);
  if (input.type === 'lost') return lose(state, input.failure, around, input.final ? 'final' : 0);
  if (state.phase === 'connecting') {
    return input.type === 'response' ? receiveHead(state, input, around) : unchanged(state);
  }

  switch (input.type) {
    case 'bytes':
    case 'resumed': {
      const begun = state.begun || input.type === 'bytes';
      const deadline = around.now + allowedSilence(begun, around.policy);
      return unchanged(deadline === state.deadline && begun === state.begun ? state : { ...state, deadline, begun });
    }
    case 'paused':
      return unchanged({ ...state, deadline: Infinity });
    case 'event':
      return unchanged(state.fruitful ? state : { ...state, fruitful: true });
    case 'retry': {
      const reconnectionMs = Math.min(Math.max(input.ms, MIN_RETRY_MS), MAX_TIMER_MS);
      return unchanged({ ...state, reconnectionMs, isNamed: true });
    }
    case 'response':
      return unchanged(state);
  }
}

function unchanged(state: ConnectionState): Step {
  return { state, actions: [] };
}

/** When the phase itself has to end. */
function dueAt(state: Connecting | Open | Waiting): number {
  return state.phase === 'waiting' ? state.retryAt : state.deadline;
}

function allowedSilence(begun: boolean, policy: ConnectionPolicy): number {
  return begun ? policy.idleTimeoutMs : Math.min(policy.firstByteTimeoutMs, policy.idleTimeoutMs);
}

function wake(state: Connecting | Open | Waiting, around: Surroundings): Step {
  const { now, time, online, policy } = around;
  if (hasSlept(state.sleepCheck, time)) {
    if (state.phase === 'waiting') return { state: begin(state, around), actions: ['connect', 'announce'] };
    // The other end may be long gone, and nothing would ever tell.
    const message = 'the machine was asleep, so the connection may be dead';
    return lose(state, { code: 'ERR_SUSPENDED', message }, around, 'at once');
  }
  const { sleepCheck } = state;
  const awake = sleepCheck === undefined || now < sleepCheck.at ? state : { ...state, ...checkSleep(around) };
  if (now < dueAt(awake)) return unchanged(awake);
  switch (awake.phase) {
    case 'waiting':
      if (online || awake.putOff) return { state: begin(awake, around), actions: ['connect', 'announce'] };
      return { state: { ...awake, retryAt: now + OFFLINE_WAIT_MS, putOff: true }, actions: ['announce'] };
    case 'connecting': {
      const message = `no response arrived within ${policy.connectTimeoutMs} ms`;
      return lose(awake, { code: 'ERR_CONNECT_TIMEOUT', message }, around);
    }
    case 'open': {
      if (awake.begun || policy.firstByteTimeoutMs > policy.idleTimeoutMs) {
        const message = `the stream was silent for ${policy.idleTimeoutMs} ms`;
        return lose(awake, { code: 'ERR_IDLE_TIMEOUT', message }, around);
      }
      const message = `no byte of the stream arrived within ${policy.firstByteTimeoutMs} ms after the head of the response`;
      return lose(awake, { code: 'ERR_FIRST_BYTE_TIMEOUT', message }, around);
    }
  }
}

function goOnline(state: Connecting | Open | Waiting, around: Surroundings): Step {
  // A server that answered was not waited for because of the network.
  const wasNetwork = state.phase === 'waiting' && (state.putOff || state.failure.status === undefined);
  return wasNetwork ? { state: begin(state, around), actions: ['connect', 'announce'] } : unchanged(state);
}

function reconnect(state: Connecting | Open | Waiting, around: Surroundings): Step {
  switch (state.phase) {
    case 'connecting':
      return unchanged(state);
    case 'waiting':
      return { state: begin(state, around), actions: ['connect', 'announce'] };
    case 'open':
      return { state: begin({ ...state, attempt: 1 }, around), actions: ['abort', 'connect', 'announce'] };
  }
}

/** The next try of a row. */
function begin(row: Row, around: Surroundings): Connecting {
  const { attempt, reconnectionMs, isNamed, unauthorized } = row;
  return {
    phase: 'connecting',
    serial: row.serial + 1,
    attempt,
    reconnectionMs,
    isNamed,
    unauthorized,
    deadline: around.now + around.policy.connectTimeoutMs,
    ...checkSleep(around),
  };
}

function checkSleep({ now, time, policy }: Surroundings): { sleepCheck?: SleepCheck } {
  return policy.watchesSleep ? { sleepCheck: nextSleepCheck(now, time) } : {};
}

/** [spec] 9.2.3: status 200 and text/event-stream announce the connection; anything else fails it or is tried again. */
function receiveHead(
  state: Connecting,
  head: { readonly status: number; readonly contentType: string | null; readonly retryAfterMs?: number | undefined },
  around: Surroundings,
): Step {
  const { now, policy } = around;
  const { status } = head;
  if (status === 200 && isEventStream(head.contentType)) {
    const deadline = now + allowedSilence(false, policy);
    return {
      state: { ...state, phase: 'open', unauthorized: false, openedAt: now, deadline, begun: false, fruitful: false },
      actions: ['announce'],
    };
  }
  if (status === 200) {
    const found = head.contentType === null ? 'no content type' : `content type "${head.contentType}"`;
    const message = `the response has ${found}, an event stream needs text/event-stream`;
    return lose(state, { code: 'ERR_CONTENT_TYPE', message, status }, around, 'final');
  }
  const message = `the server answered with status ${status}, an event stream needs 200`;
  const failure: Failure = { code: 'ERR_STATUS', message, status };
  if (status === 204) {
    return { state: { phase: 'closed', reason: 'ended', failure }, actions: ['abort', 'announce'] };
  }
  if (status === 401 && policy.refreshes && !state.unauthorized) {
    // No failure of the row: the request was right but for its credentials.
    return { state: waiting(state, failure, state.attempt, now, around), actions: ['abort', 'announce'] };
  }
  if (!policy.retryStatus(status)) return lose(state, failure, around, 'final');
  return lose(state, failure, around, Math.min(head.retryAfterMs ?? 0, policy.maxRetryAfterMs));
}

/** `when` is `final`, `at once`, or how many milliseconds the server wants to be left alone at least. */
function lose(
  state: Connecting | Open,
  failure: Failure,
  around: Surroundings,
  when: 'final' | 'at once' | number = 0,
): Step {
  const { now, random, policy } = around;
  const endedCleanly = failure.code === 'ERR_STREAM_ENDED';
  const stayedUp = state.phase === 'open' && ((state.fruitful && endedCleanly) || now - state.openedAt >= STAYED_UP_MS);
  const failures = stayedUp ? 1 : state.attempt;
  if (when === 'final' || failures >= policy.maxAttempts) {
    // A stream that ended cleanly and is not to be asked for again is finished, not broken.
    return {
      state: { phase: 'closed', reason: endedCleanly ? 'ended' : 'failed', failure },
      actions: ['abort', 'announce'],
    };
  }
  const wait = when === 'at once' ? 0 : waitMs(failures, state, when, policy, random);
  return { state: waiting(state, failure, failures + 1, now + wait, around), actions: ['abort', 'announce'] };
}

function waiting(row: Row, failure: Failure, attempt: number, retryAt: number, around: Surroundings): Waiting {
  const { serial, reconnectionMs, isNamed } = row;
  const unauthorized = failure.status === 401;
  const kept: Row = { serial, attempt, reconnectionMs, isNamed, unauthorized, ...checkSleep(around) };
  return { ...kept, phase: 'waiting', retryAt, failure, putOff: false };
}

/** The essence of a MIME type, at its start. */
const MIME_ESSENCE = /^[\t\n\r ]*([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)[\t\n\r ]*(?:;|$)/;

/**
 * [spec] The MIME essence must be exactly text/event-stream: any case, parameters allowed. Of several types the last one
 * that can be read counts ([fetch] "extract a MIME type").
 */
function isEventStream(contentType: string | null): boolean {
  let essence: string | undefined;
  for (const type of (contentType ?? '').split(',')) essence = MIME_ESSENCE.exec(type)?.[1] ?? essence;
  return essence?.toLowerCase() === 'text/event-stream';
}
