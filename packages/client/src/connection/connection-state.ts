/**
 * The life of a connection: connecting → open → waiting → connecting …, and in the end closed. These are pure functions, one for
 * each thing that can happen, from a state to the next one. They know neither sockets nor clocks: `Connection` is the shell.
 */
import type { FailureCode, ResponseHeaders } from '../errors.ts';

/** The phases. Those that the standard has too have its numbers (`readyState`); it counts a wait as connecting. */
export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSED = 2;
export const WAITING = 3;

export type Phase = typeof CONNECTING | typeof OPEN | typeof CLOSED | typeof WAITING;

/** The longest wait in milliseconds. A timer holds a little more, and a longer one would end at once and become a storm. */
export const MAX_TIMER_MS = 2_000_000_000;

/** The longest wait that backing off leads to, in milliseconds, where the options name no other. */
export const MAX_BACKOFF_MS = 30_000;

/** The shortest reconnection time that a server may set, in milliseconds. Guards against a storm after `retry: 0`. */
export const MIN_RETRY_MS = 100;

/**
 * A connection that was open for this long, in milliseconds, has stayed up. So has one that brought an event and then ended
 * cleanly: some servers answer with what they have and end the response. A connection that breaks has to have lasted:
 * otherwise a server that crashes at the first event would be asked again and again after the shortest wait.
 */
export const STAYED_UP_MS = 5_000;

/** When the next attempt follows a failure: after the usual wait, and no sooner than this many milliseconds. */
export type Retry = number;

/** Now, and the failed attempt does not count. */
export const AT_ONCE: Retry = -1;

/** No attempt follows. The connection is closed. */
export const NEVER: Retry = Infinity;

/** Why an attempt failed or a connection was lost. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly status?: number | undefined;
  readonly headers?: ResponseHeaders | undefined;
  readonly body?: string | undefined;
  readonly cause?: unknown;
  /** @default after the usual wait */
  readonly retry?: Retry | undefined;
}

export interface ConnectionState {
  readonly phase: Phase;
  /** The number of this attempt in its row or, while waiting, of the coming one. A row begins with 1. */
  readonly attempt: number;
  /** How many waits in a row there have been since a connection stayed up. The longest wait doubles with each. */
  readonly waits: number;
  /** The shortest wait, in milliseconds: the reconnection time that the server has set, or else the initial one. */
  readonly reconnectionMs: number;
  /** When the connection was opened last, in milliseconds of the clock. */
  readonly openedAt: number;
  /** The length of the last wait, in milliseconds. */
  readonly waitMs: number;
}

/**
 * How long to wait before the next attempt, in milliseconds. `Infinity` gives up.
 * @param failures - how many attempts in a row have failed
 * @param waits - how many waits in a row there were before this one
 * @param reconnectionMs - the reconnection time that the server has set, or 0
 * @param random - at least 0 and less than 1
 */
export type Backoff = (
  failures: number,
  waits: number,
  reconnectionMs: number,
  random: number,
  retry?: Retry,
) => number;

/**
 * A backoff with full jitter. The longest wait doubles with each one in a row, and the actual wait is a random part of it, so that
 * listeners do not all come back together. It is never shorter than the server asked for. Where a retry is to follow after so
 * many milliseconds, that much is waited and a random time on top.
 */
export function fullJitter(initialMs: number, maxMs: number, maxAttempts: number): Backoff {
  return (failures, waits, reconnectionMs, random, retry = 0) => {
    if (failures >= maxAttempts) return Infinity;
    const firstMs = reconnectionMs || initialMs;
    const spanMs = Math.max(firstMs, Math.min(maxMs, firstMs * 2 ** waits)) - reconnectionMs;
    return Math.max(reconnectionMs + random * spanMs, retry + random * firstMs);
  };
}

/** The first attempt. The times are set before anyone reads them. */
export function begin(reconnectionMs: number): ConnectionState {
  return { phase: CONNECTING, attempt: 1, waits: 0, reconnectionMs } as ConnectionState;
}

/** The next attempt. One that replaces an open connection begins a new row. */
export function reconnect(state: ConnectionState): ConnectionState {
  return state.phase === OPEN ? begin(state.reconnectionMs) : { ...state, phase: CONNECTING };
}

/** The response is an event stream. */
export function open(state: ConnectionState, now: number): ConnectionState {
  return { ...state, phase: OPEN, openedAt: now };
}

/** The stream has set its reconnection time, which holds for all later connections. */
export function setReconnectionTime(state: ConnectionState, ms: number): ConnectionState {
  return { ...state, reconnectionMs: Math.min(Math.max(ms, MIN_RETRY_MS), MAX_TIMER_MS) };
}

/**
 * The attempt has failed or the connection was lost. The next state waits for another attempt, or is the end.
 * @param random - at least 0 and less than 1
 * @param retry - when the next attempt follows: after the usual wait if it is absent
 * @param stayedUp - whether the connection has stayed up, however short it was
 * @param hasMoved - whether it has moved the last event ID. Then a new row of attempts begins: there is somebody who answers. The waits
 * still grow, because a server that crashes while it answers many listeners would have all of them back at once
 */
export function lose(
  state: ConnectionState,
  now: number,
  random: number,
  backoff: Backoff,
  retry?: Retry,
  stayedUp?: boolean,
  hasMoved?: boolean,
): ConnectionState {
  if (retry === AT_ONCE) return { ...state, phase: WAITING, waitMs: 0 };
  const isNew = state.phase === OPEN && (stayedUp || now - state.openedAt >= STAYED_UP_MS);
  const { attempt, waits } = isNew ? begin(0) : state;
  const failures = hasMoved ? 1 : attempt;
  const waitMs = backoff(failures, waits, state.reconnectionMs, random, retry);
  if (waitMs === Infinity) return close(state);
  return { ...state, phase: WAITING, attempt: failures + 1, waits: waits + 1, waitMs };
}

export function close(state: ConnectionState): ConnectionState {
  return { ...state, phase: CLOSED };
}
