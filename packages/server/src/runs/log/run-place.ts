import { readEvent } from '../../audience/event-reader.ts';
import type { EventLog, LogPage } from '../../log/event-log.ts';
import type { Selection } from '../../log/selection.ts';
import { type Following, placeOf, type RunPlace } from '../store/run-place.ts';

interface RunOfLog {
  readonly log: EventLog;
  readonly selection: Selection;
}

/** Where a reading of a run in a log begins. */
export async function placeInLog(run: RunOfLog, given: string | undefined): Promise<RunPlace> {
  return await placeOf(given, (place) => followingIn(run, place));
}

async function followingIn({ log, selection }: RunOfLog, place: string): Promise<Following> {
  const { after, head, misplaced } = await log.locate(place, selection);
  let page: LogPage | undefined;
  for (let through = after; through < head && !page?.entries[0]; through = page.through) {
    page = await log.read({ selection, after: through, through: head, maxBytes: 1 });
  }
  const [entry] = page?.entries ?? [];
  const isTrimmed = page !== undefined && page.trimmedThrough > after;
  return { next: entry && readEvent(entry), missing: misplaced ?? (isTrimmed ? 'trimmed' : undefined) };
}
