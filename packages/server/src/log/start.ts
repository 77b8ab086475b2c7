import type { AskOptions, EventLog, GapReason, Place } from './event-log.ts';
import { EARLIEST } from './position.ts';
import type { Selection } from './selection.ts';

/** Where a listener's stream begins: with what is published from now on, or behind a sequence number. */
export type Start = { readonly type: 'now' } | StartAfter;

export interface StartAfter {
  readonly type: 'after';
  readonly after: number;
  /** What was trimmed up to here, before the listener was given anything, is not missed: it did not ask for it. */
  readonly told: number;
  /** The count of the log's trims as of then: what was trimmed later is missed. */
  readonly trims: number;
  /** Whether the listener is first told its position, because it came without one. */
  readonly announce: boolean;
  /** The last event ID that the listener sent. */
  readonly sent?: string;
  /** Why the place of what it sent cannot be known. */
  readonly misplaced?: GapReason;
}

export interface StartRequest {
  /** A cursor, a publisher's id or `earliest`. An empty one counts as none. */
  readonly lastEventId?: string | undefined;
  /** Begin with the last so many events, where there is no last event ID. */
  readonly last?: number | undefined;
}

/**
 * Finds where a listener's stream begins (PROTOCOL §5.2, §6). The log is asked, because this process may be behind it. Rejects with the reason of
 * the signal where that was aborted before it was found.
 */
export async function findStart(
  log: EventLog,
  selection: Selection,
  request: StartRequest,
  options?: AskOptions,
): Promise<Start> {
  const { lastEventId = '', last } = request;
  if (lastEventId === '') {
    if (last === undefined) return { type: 'now' };
    const { after, head, trims } = await log.locateLast(selection, last, options);
    return { type: 'after', after, told: head, trims, announce: true };
  }
  const place = await log.locate(lastEventId);
  if (lastEventId === EARLIEST)
    return { type: 'after', after: 0, told: place.head, trims: place.trims, announce: false };
  return startBehind(lastEventId, place);
}

function startBehind(sent: string, { after, head, trims, misplaced }: Place): Start {
  // What is kept is all that a listener whose place is not known can be given; that something is missing, it is told once.
  if (misplaced) return { type: 'after', after: 0, told: head, trims, announce: false, sent, misplaced };
  return { type: 'after', after, told: after, trims, announce: false, sent };
}
