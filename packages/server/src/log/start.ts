import type { AskOptions, EventLog, GapReason, Place, Since } from './event-log.ts';
import { EARLIEST } from './position.ts';
import type { Selection } from './selection.ts';

/** Where a listener's stream begins: with events that are published from now on, or after a sequence number. */
export type Start = { readonly type: 'now' } | StartAfter;

export interface StartAfter {
  readonly type: 'after';
  readonly after: number;
  /** Events up to here that were trimmed before the stream began are no gap, because the listener did not ask for them. */
  readonly told: number;
  /** The count of the log's trims at that time. Events that were trimmed later are a gap. */
  readonly trims: number;
  /** Whether the listener is first sent its position, because its request named none. */
  readonly announce: boolean;
  /** The last event ID that the listener sent. */
  readonly sent?: string;
  /** Why the place of that ID cannot be known. */
  readonly misplaced?: GapReason;
}

export interface StartRequest {
  /** A cursor, a publisher's id or `earliest`. An empty one counts as none. */
  readonly lastEventId?: string | undefined;
  /** Begin with this many of the newest events, if there is no last event ID. */
  readonly last?: number | undefined;
  /** Begin with the first event since this time, if there is no last event ID. */
  readonly since?: Since | undefined;
}

/**
 * Finds where a listener's stream begins (PROTOCOL §5.2, §6). It asks the log, because this process may be behind it. Rejects with the reason of the
 * signal if that is aborted before the place is found.
 */
export async function findStart(
  log: EventLog,
  selection: Selection,
  request: StartRequest,
  options?: AskOptions,
): Promise<Start> {
  const { lastEventId = '', last, since } = request;
  if (lastEventId === '') {
    if (since !== undefined) {
      const { after, trims } = await log.locateSince(selection, since, options);
      // What was removed behind that place was as new, and is a gap. It is not told the place: it could lie between two private events.
      return { type: 'after', after, told: after, trims, announce: false };
    }
    if (last === undefined) return { type: 'now' };
    const { after, head, trims } = await log.locateLast(selection, last, options);
    return { type: 'after', after, told: head, trims, announce: true };
  }
  const place = await log.locate(lastEventId, selection, options);
  if (lastEventId === EARLIEST)
    return { type: 'after', after: 0, told: place.head, trims: place.trims, announce: false };
  return startBehind(lastEventId, place);
}

function startBehind(sent: string, { after, head, trims, misplaced }: Place): Start {
  // A listener whose place is not known can only be given all kept events. The gap is reported once.
  if (misplaced) return { type: 'after', after: 0, told: head, trims, announce: false, sent, misplaced };
  return { type: 'after', after, told: after, trims, announce: false, sent };
}
