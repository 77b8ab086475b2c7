import { readEvent } from '../../audience/event-reader.ts';
import type { EventLog } from '../../log/event-log.ts';
import { EARLIEST } from '../../log/position.ts';
import { entryAt } from '../../log/reading/entry-at.ts';
import type { Selection } from '../../log/selection.ts';
import type { StoredEvent } from '../store/chunk-form.ts';
import { placeOf, type RunPlace } from '../store/run-place.ts';

interface RunOfLog {
  readonly log: EventLog;
  readonly selection: Selection;
}

/** Where a reading of a run in a log begins. */
export async function placeInLog({ log, selection }: RunOfLog, given: string | undefined): Promise<RunPlace> {
  return await placeOf(given, {
    hasEvent: async (cursor) => (await entryAt(log, cursor, { selection })) !== undefined,
    first: () => firstOf(log, selection),
  });
}

async function firstOf(log: EventLog, selection: Selection): Promise<StoredEvent | undefined> {
  const { head } = await log.locate(EARLIEST, selection);
  for (let after = 0; after < head;) {
    const { entries, through } = await log.read({ selection, after, through: head, maxBytes: 1 });
    if (entries[0]) return readEvent(entries[0]);
    after = through;
  }
  return undefined;
}
