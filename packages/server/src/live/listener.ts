import type { Cohort } from './cohort.ts';
import type { Sink } from '../sink/sink.ts';
import type { ListenerState } from './listener-state.ts';

/**
 * Why a listener's stream ended:
 * - `left`: the listener went, or its connection broke;
 * - `finished`: it has got everything there will ever be;
 * - `evicted`: it read too slowly, and there is no log to catch it up from;
 * - `expired`: its rights ended;
 * - `drained`: it was sent away to come back;
 * - `failed`: what was to come could not be read, or its filter threw.
 */
export type EndReason = 'left' | 'finished' | 'evicted' | 'expired' | 'drained' | 'failed';

/** One listener: its state, its cohort and where its bytes go. */
export interface Listener {
  readonly sink: Sink;
  /** Told once, when it has ended. */
  readonly onEnd: ((reason: EndReason) => void) | undefined;
  cohort: Cohort;
  state: ListenerState;
  /** Its index among the members of its cohort; -1 while it is none. */
  index: number;
  /** Why it ends, once that is known. */
  reason: EndReason;
}
