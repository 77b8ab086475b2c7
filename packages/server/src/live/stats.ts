import type { ToldGap } from '../log/page-gap.ts';

/** Called with the events of a fan-out. Its functions may not throw. */
export interface FanOutObserver {
  /** A listener's backlog passed the cap, and it is caught up from the log. */
  onOverflow?(backlog: number): void;
  /** A listener's backlog passed the cap, and it was broken off. */
  onEvict?(backlog: number): void;
  /** A listener was told that events are missing. */
  onGap?(gap: ToldGap): void;
  /** The log could not be read or followed, or a view's filter threw. In the first and last case the listeners concerned are broken off. */
  onError?(error: unknown): void;
}

/** Counts of what a fan-out has done since it was made, and of its present state. */
export interface FanOutStats {
  /** The present number of listeners. */
  readonly listeners: number;
  /** Listeners that are written to in lockstep; the others are catching up. */
  readonly live: number;
  /** Events that the log handed over. */
  readonly published: number;
  /** Events written to listeners, counted once for each listener. */
  readonly delivered: number;
  /** Bytes of event stream written to listeners, before any transfer or content coding. */
  readonly bytes: number;
  /** Bytes that are waiting now: for all listeners together, and the most for one listener. */
  readonly backlog: { readonly total: number; readonly max: number };
  /** How often a listener's backlog passed the cap and it was caught up from the log. */
  readonly overflows: number;
  /** Listeners that were broken off because their backlog passed the cap. */
  readonly evictions: number;
  /** Events that listeners never got because they were too slow for what the log keeps, counted when such a listener is live again. */
  readonly dropped: number;
  /** How often a listener was told that events are missing. */
  readonly gaps: number;
  /** Pages that were read from the log for listeners that catch up. Listeners that want the same page share it. */
  readonly pages: number;
}

/** What a fan-out counts as it goes: once for a cohort and tick, never for a listener's write. */
export type FanOutCounts = { -readonly [Name in keyof Omit<FanOutStats, 'listeners' | 'live' | 'backlog'>]: number };

export function noCounts(): FanOutCounts {
  return { published: 0, delivered: 0, bytes: 0, overflows: 0, evictions: 0, dropped: 0, gaps: 0, pages: 0 };
}
