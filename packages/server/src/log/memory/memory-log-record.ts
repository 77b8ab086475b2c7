import type { LogEntry } from '../entry.ts';
import type { EarlierEpoch } from '../epochs.ts';
import type { ValueRecord } from '../keeping/kept-values.ts';
import type { LogTimeRecord } from '../keeping/log-time.ts';
import type { TopicRecord } from '../keeping/topic-book.ts';
import type { TrimRecord } from '../keeping/trim-ledger.ts';
import { isCursor } from '../position.ts';
import { NO_TYPE, typeOf } from '../type-of.ts';
import type { KeptEntries } from './kept-entries.ts';
import type { KnownKey } from './known-keys.ts';
import type { Replacing } from './replacing.ts';

/** Everything that a log in memory has kept, as data. */
export interface MemoryLogRecord {
  readonly epoch: string;
  readonly earlierEpochs: readonly EarlierEpoch[];
  /** The sequence numbers of the newest event and of the newest public one. */
  readonly seq: number;
  readonly publicSeq: number;
  readonly time: LogTimeRecord;
  readonly trimmed: TrimRecord;
  readonly topics: readonly (readonly [topic: string, record: TopicRecord])[];
  readonly values: readonly (readonly [name: string, record: ValueRecord])[];
  readonly keys: readonly (readonly [key: string, known: KnownKey])[];
  /** Oldest first. */
  readonly entries: readonly LogEntry[];
}

/** Adds the entries of a record to what a log keeps, which is told of the topics before. */
export function addAll(kept: KeptEntries, entries: readonly LogEntry[], replacing: Replacing): void {
  for (const one of entries) {
    const entry = { ...one, topics: kept.topicsOf(one.topics) };
    const type = typeOf(entry);
    // No publisher's id has the form of a cursor.
    kept.add(entry, !isCursor(entry.id), type === NO_TYPE ? undefined : type);
    replacing.added(entry);
  }
}
