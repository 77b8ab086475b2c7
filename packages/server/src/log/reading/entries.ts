import { checkNames } from '../../errors.ts';
import type { LogEntry } from '../entry.ts';
import type { EventLog } from '../event-log.ts';
import { checkLog } from '../log-check.ts';
import { EVERYTHING, type Selection } from '../selection.ts';
import { type EntryGap, EntryReader } from './entry-reader.ts';
import { type ItemIterator, iteratorOf } from './iterator.ts';

export interface EntriesOptions {
  /** Which entries are given. @default all, private ones included */
  readonly selection?: Selection | undefined;
  /**
   * Begin after this cursor or publisher's id, or with the earliest entry that is kept if it is `earliest`.
   * @default with entries that are appended after the call
   */
  readonly after?: string | undefined;
  /** Begin with this many of the newest entries, if there is no `after`. An integer from 0. @default none */
  readonly last?: number | undefined;
  /** Ends the iteration when it aborts. @default nothing */
  readonly signal?: AbortSignal | undefined;
}

const NAMES: Readonly<Record<keyof EntriesOptions, true>> = { selection: true, after: true, last: true, signal: true };

/**
 * Iterates over the kept entries after a place and then over those that are appended, each once and in order. It holds at most 64 KiB of entries, or one, for a
 * consumer that is slow; the rest it reads from the log when the consumer comes to it. Where entries are missing an {@link EntryGap} comes in their place.
 * All iterations over one log follow it together.
 *
 * It ends with the signal or with `return()`, which leaving the loop calls; until then it holds resources. It does not notice that the log is closed.
 * @throws {ServerError} `ERR_INVALID_OPTION`, `ERR_INVALID_PATTERN`; as a rejection of `next()`, what the log throws
 * @example
 * for await (const entry of entries(log, { after: 'earliest' })) {
 *   if ('gap' in entry) console.warn('missing', entry.gap);
 *   else console.log(entry.seq, fieldsOf(entry).data);
 * }
 */
export function entries(log: EventLog, options: EntriesOptions = {}): ItemIterator<LogEntry | EntryGap> {
  checkLog('log', log);
  checkNames(options, NAMES);
  const { selection = EVERYTHING, after, last, signal } = options;
  const reader = new EntryReader(log, selection, { lastEventId: after, last });
  const leave = (): void => {
    signal?.removeEventListener('abort', leave);
    reader.end();
  };
  if (signal?.aborted) leave();
  else signal?.addEventListener('abort', leave, { once: true });
  return iteratorOf(() => reader.take(), leave);
}
