import type { Clock } from '../../clock.ts';
import type { EarlierEpoch } from '../epochs.ts';
import type { LogBounds } from '../keeping/bounds.ts';
import type { LogRetention } from '../keeping/retention.ts';
import type { TrimLedger } from '../keeping/trim-ledger.ts';
import type { MemoryLogRecord } from './memory-log-record.ts';

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
   * What another log has kept, as `MemoryLog.record` gave it: this log goes on from there. The clock has to say the time of the record when the log is made. It
   * takes the place of `epoch` and `earlierEpochs`. @default a new log
   */
  readonly record?: MemoryLogRecord | undefined;
  /** The ledger of an earlier state of the same log, in this process, which counted its trims. @default a new one */
  readonly ledger?: TrimLedger | undefined;
  /** Makes the tokens of leases. @default 128 random bits as hexadecimal digits */
  readonly newToken?: (() => string) | undefined;
  /**
   * How long looking for events may take in one turn of the event loop, in milliseconds, 1 to 1000, for all requests together. All logs of this
   * process that have the same value and the clock of the system share that time. Other work goes first then.
   * @default 2
   */
  readonly scanMs?: number | undefined;
}

export interface TrimOptions {
  /** Every event up to this sequence number is removed, whatever the retention. */
  readonly through?: number;
  /** Whether the retention was another one before: then also topics that have not grown may have too much. */
  readonly isOther?: boolean;
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
  record: true,
  ledger: true,
  newToken: true,
  maxBatchEvents: true,
  maxEventBytes: true,
  maxKeys: true,
  maxCreatedTopics: true,
  maxLeases: true,
  scanMs: true,
};
