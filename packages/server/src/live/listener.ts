import type { Sink } from '../sink/sink.ts';
import type { Cohort } from './cohort.ts';
import type { ListenerState } from './listener-state.ts';
import type { Present } from './present-list.ts';

/**
 * Why a listener's stream ended:
 * - `left`: the listener went, or its connection broke;
 * - `finished`: it has got all events, and no more will come;
 * - `deleted`: the only topic that it listened to was deleted;
 * - `evicted`: it read too slowly, and there is no log to catch it up from;
 * - `expired`: its rights ended;
 * - `kicked`: the program called `kick`;
 * - `drained`: it was sent away to come back;
 * - `renumbered`: the log's numbering began anew, so it has to come back with its cursor;
 * - `failed`: the log could not be read, or its filter threw.
 */
export type EndReason =
  | 'left'
  | 'finished'
  | 'deleted'
  | 'evicted'
  | 'expired'
  | 'kicked'
  | 'drained'
  | 'renumbered'
  | 'failed';

/** Called with what others were told of the listener, so that one function can do for all of them. */
export type OnEnd = (reason: EndReason, present: Present | undefined) => void;

/** One listener: its state, its cohort and where its bytes go. */
export interface Listener {
  readonly sink: Sink;
  /** Called once, when the stream has ended. */
  readonly onEnd: OnEnd | undefined;
  /** What others may be told of it; undefined if it is not one that others are told of. */
  readonly present: Present | undefined;
  cohort: Cohort<Listener>;
  state: ListenerState;
  /** Its index among the members of its cohort; -1 while it is not one of them. */
  index: number;
  /** Whether it has no id to come back with: its request named none, and it has been sent none. */
  isUnplaced: boolean;
  /** The sequence number of the newest id that it was sent, or that it came with, before it became a member of its cohort. */
  told: number;
  /** The cohort's count of tellings when it became a member. */
  tellings: number;
  /**
   * Whether its only topic may have been closed before it was live, so that the log has to be asked once it is: the final event may be one that it
   * does not get.
   */
  mustAsk: boolean;
  /** Why its stream ends, once that is known. */
  reason: EndReason;
  /**
   * What its cohort was sent since it left it for being too slow, or for a tick that was too large, less what it was given itself, counted from
   * the cohort's `sent` at that time; undefined for other listeners.
   */
  owed: number | undefined;
}
