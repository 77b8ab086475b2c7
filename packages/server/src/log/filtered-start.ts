import type { LogEntry } from './entry.ts';
import type { AskOptions, EventLog, Place } from './event-log.ts';
import type { Selection } from './selection.ts';

/** Whether a listener gets an event that is selected. */
export type Accepts = (entry: LogEntry) => boolean;

/** The most selected events that are looked at for the last ones that are accepted. */
const MAX_FILTERED = 10_000;

const PAGE_BYTES = 64 * 1024;

/** What `locateLast` says, for accepted events alone, of which at least one is asked for. It looks through the newest 10,000 selected events at most. */
export async function locateLastAccepted(
  log: EventLog,
  selection: Selection,
  count: number,
  accepts: Accepts,
  options: AskOptions | undefined,
): Promise<Place> {
  for (let looked = Math.max(count, 16); ; looked = Math.min(looked * 4, MAX_FILTERED)) {
    const place = await log.locateLast(selection, Math.min(looked, MAX_FILTERED), options);
    const found = await acceptedAfter(log, selection, place, accepts, options);
    const isAll = found.looked < looked || looked >= MAX_FILTERED;
    if (found.accepted.length < count && !isAll) continue;
    const first = found.accepted.at(-count);
    return first === undefined ? place : { ...place, after: first - 1 };
  }
}

/** The sequence numbers of the accepted events behind a place, and how many were looked at. */
async function acceptedAfter(
  log: EventLog,
  selection: Selection,
  { after, head }: Place,
  accepts: Accepts,
  options: AskOptions | undefined,
): Promise<{ readonly accepted: readonly number[]; readonly looked: number }> {
  const accepted: number[] = [];
  let [reached, looked] = [after, 0];
  while (reached < head) {
    const page = await log.read({ selection, after: reached, through: head, maxBytes: PAGE_BYTES }, options);
    for (const entry of page.entries) if (accepts(entry)) accepted.push(entry.seq);
    looked += page.entries.length;
    reached = page.through;
  }
  return { accepted, looked };
}

/** The place of a publisher's id, which is not known if its event is not accepted: who may not get the event learns nothing of it. */
export async function ifAccepted(
  log: EventLog,
  selection: Selection,
  place: Place,
  accepts: Accepts,
  options: AskOptions | undefined,
): Promise<Place> {
  const { after: seq } = place;
  const { entries } = await log.read({ selection, after: Math.max(0, seq - 1), through: seq, maxBytes: 1 }, options);
  const [entry] = entries;
  return entry && accepts(entry) ? place : { ...place, after: 0, misplaced: 'unknown' };
}
