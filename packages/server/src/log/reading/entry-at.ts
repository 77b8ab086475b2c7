import type { LogEntry } from '../entry.ts';
import type { AskOptions, EventLog } from '../event-log.ts';
import { checkLog } from '../log-check.ts';
import { EARLIEST } from '../position.ts';
import { EVERYTHING, type Selection } from '../selection.ts';

export interface EntryAtOptions extends AskOptions {
  /** The events among which the entry is looked for. @default all, private ones included */
  readonly selection?: Selection | undefined;
}

/**
 * Returns the entry with an id: the one to which the publisher gave it, or the one at the position of a cursor. Returns undefined if the log has none, because
 * it never had, has trimmed it or has not selected it, and for `earliest`, which is no event's.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION` if `log` is no log
 */
export async function entryAt(
  log: EventLog,
  id: string,
  { selection = EVERYTHING, signal }: EntryAtOptions = {},
): Promise<LogEntry | undefined> {
  checkLog('log', log);
  if (id === EARLIEST || id === '') return undefined;
  const { after: seq, misplaced } = await log.locate(id, selection, { signal });
  if (misplaced !== undefined || seq === 0) return undefined;
  const page = await log.read({ selection, after: seq - 1, through: seq, maxBytes: 1 }, { signal });
  return page.entries[0];
}
