import type { AskOptions, EventLog, Place, Since } from './event-log.ts';
import { HiddenRuns } from './hidden-runs.ts';
import type { Selection } from './selection.ts';

/**
 * Finds the place since a time, as if there were no events but those that a listener of these private topics may know: a gap tells the place, and when it
 * changes tells a time (PROTOCOL §5.12).
 */
export async function locateVisibleSince(
  log: EventLog,
  selection: Selection,
  since: Since,
  options?: AskOptions,
): Promise<Place> {
  const place = await log.locateSince(selection, since, options);
  if (selection.private === 'all') return place;
  // Where nothing is missing the place is not told, and there is nothing to look for.
  if (place.after >= place.head) return place;
  const next = { selection, after: place.after, through: place.after + 1, maxBytes: 1 };
  if ((await log.read(next, options)).trimmedThrough <= place.after) return place;
  const first = await HiddenRuns.of(log, selection).firstVisible(place, options);
  if (first !== undefined) return { ...place, after: first - 1 };
  const { after: newest } = await log.locateLast(selection, 0, options);
  // What was published meanwhile follows.
  return { ...place, after: Math.min(newest, place.head) };
}
