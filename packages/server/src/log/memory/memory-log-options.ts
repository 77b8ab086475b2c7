import type { Clock } from '../../clock.ts';
import type { EarlierEpoch } from '../epochs.ts';
import type { LogBounds } from '../keeping/bounds.ts';
import type { LogRetention } from '../keeping/retention.ts';

export interface MemoryLogOptions extends LogBounds {
  /** @default nothing is trimmed */
  readonly retention?: LogRetention | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
  /** 1 to 16 of `a`–`z`, `0`–`9`. @default a new one */
  readonly epoch?: string | undefined;
  /**
   * The epochs of earlier logs that this one continues, oldest first. It has none of their events, so a listener is told of a gap
   * unless it has got all of them. @default none
   */
  readonly earlierEpochs?: readonly EarlierEpoch[] | undefined;
  /**
   * Whether to keep only the newest of the events with the same `latestKey`, or type if they have none. Replacing the older ones
   * is not reported as a gap. @default false
   */
  readonly latestByKey?: boolean | undefined;
  /** Whether `retention.maxBytes` counts only the encoded events, and not what they cost in memory. @default false */
  readonly framesOnly?: boolean | undefined;
  /** Which sequence number follows another, to test code that must not count on numbers without holes. @default the next integer */
  readonly nextSeq?: ((seq: number) => number) | undefined;
  /**
   * How long looking for events may take in one turn of the event loop, in milliseconds, 1 to 1000, for all requests together. All logs of this
   * process that have the same value and the clock of the system share that time. Other work goes first then.
   * @default 2
   */
  readonly scanMs?: number | undefined;
}

/** The names of the options. */
export const MEMORY_LOG_OPTIONS: Readonly<Record<keyof MemoryLogOptions, true>> = {
  retention: true,
  clock: true,
  epoch: true,
  earlierEpochs: true,
  latestByKey: true,
  framesOnly: true,
  nextSeq: true,
  maxBatchEvents: true,
  maxEventBytes: true,
  maxKeys: true,
  maxCreatedTopics: true,
  maxLeases: true,
  scanMs: true,
};
