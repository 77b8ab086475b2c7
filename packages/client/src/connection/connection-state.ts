/**
 * The life of a connection: connecting → open → waiting → connecting …, and closed. Pure functions, one for each thing that
 * can happen, from a state to the next. They know neither sockets nor clocks: `connect()` is the shell. `EventSource` and
 * `subscribe()` differ in their backoff alone.
 */
import type { Failure } from './failure.ts';

/** The phases. Those that have a name in the standard have its number, and the wait is `CONNECTING` there: `phase % 3`. */
export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSED = 2;
export const WAITING = 3;

/** The longest delay a timer holds, in milliseconds. A longer one would fire at once and become a storm. */
export const MAX_TIMER_MS = 2_147_483_647;

/** The shortest reconnection time a server may ask for, in milliseconds. Guards against a storm after `retry: 0`. */
export const MIN_RETRY_MS = 100;

/**
 * A connection that has been open this long, in milliseconds, has stayed up. So has one that brought an event and then
 * ended cleanly: some servers answer with what there is and end. One that breaks has to have lasted, or a server that
 * falls over at each listener's first event would be asked again and again at the shortest wait.
 */
export const STAYED_UP_MS = 5_000;

export interface ConnectionState {
  readonly phase: typeof CONNECTING | typeof OPEN | typeof CLOSED | typeof WAITING;
  /** The number of this try in its row, or while waiting of the coming one. 1 begins a row. */
  readonly attempt: number;
  /** The least wait, in milliseconds: the reconnection time that the server has named, or the one to begin with. */
  readonly named: number;
  /** Since when it is open, or was the last time, in milliseconds. */
  readonly since: number;
  /** How long the wait is, or was the last time, in milliseconds. */
  readonly wait: number;
}

/**
 * How long to wait after so many failures in a row, in milliseconds. `Infinity` gives up.
 * @param named - the reconnection time that the server has named, or 0
 * @param random - chance: at least 0, less than 1
 * @param away - what the failure asks for, see `Failure`
 */
export type Backoff = (failures: number, named: number, random: number, away: number) => number;

/** The first try. */
export function begin(reconnectionMs: number): ConnectionState {
  return { phase: CONNECTING, attempt: 1, named: reconnectionMs, since: 0, wait: 0 };
}

/** The next try. In place of an open connection it begins a row. */
export function next(state: ConnectionState): ConnectionState {
  return { ...state, phase: CONNECTING, attempt: state.phase === OPEN ? 1 : state.attempt };
}

/** The stream is there. */
export function open(state: ConnectionState, now: number): ConnectionState {
  return { ...state, phase: OPEN, since: now };
}

/** The stream's `retry` field, which holds for all later connections. */
export function name(state: ConnectionState, ms: number): ConnectionState {
  return { ...state, named: Math.min(Math.max(ms, MIN_RETRY_MS), MAX_TIMER_MS) };
}

/** The try is over: the next one is waited for, or there is none. */
export function lose(
  state: ConnectionState,
  { away = 0, stayedUp }: Failure,
  now: number,
  random: number,
  backoff: Backoff,
): ConnectionState {
  const { phase, attempt, named, since } = state;
  const failures = phase === OPEN && (stayedUp || now - since >= STAYED_UP_MS) ? 1 : attempt;
  const wait = backoff(failures, named, random, away);
  return {
    ...state,
    phase: wait < Infinity ? WAITING : CLOSED,
    attempt: away < 0 ? attempt : failures + 1,
    wait,
  };
}

/** It is over. */
export function close(state: ConnectionState): ConnectionState {
  return { ...state, phase: CLOSED };
}
