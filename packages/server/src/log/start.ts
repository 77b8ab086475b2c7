import type { AskOptions, EventLog, GapReason, Place, Since } from './event-log.ts';
import { type Accepts, ifAccepted, locateLastAccepted } from './filtered-start.ts';
import { isMark } from './mark.ts';
import { EARLIEST, isCursor, parseMarked } from './position.ts';
import { type Selection, Selector } from './selection.ts';
import { locateVisibleSince } from './since-start.ts';

/** Where a listener's stream begins: with events that are published from now on, or after a sequence number. */
export type Start = StartNow | StartAfter;

export interface StartNow {
  readonly type: 'now';
  /** The sequence number of the log's newest event when the topic was open. A final event behind it may have passed before the stream begins. */
  readonly openAt?: number | undefined;
  /** The sequence number of the final event of the only topic, if that is closed. */
  readonly finalSeq?: number | undefined;
}

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
  /** The sequence number of the final event of the only topic, if that is closed. */
  readonly finalSeq?: number | undefined;
}

export interface StartRequest {
  /** A cursor, a publisher's id or `earliest`. An empty one counts as none. */
  readonly lastEventId?: string | undefined;
  /** Begin with this many of the newest events, if there is no last event ID. */
  readonly last?: number | undefined;
  /** Begin with the first event since this time, if there is no last event ID. */
  readonly since?: Since | undefined;
  /** Which of the selected events the listener gets. @default all */
  readonly accepts?: Accepts | undefined;
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
  const { lastEventId = '', last, since, accepts } = request;
  if (lastEventId === '') {
    if (since !== undefined) {
      const { after, trims, finalSeq } = await locateVisibleSince(log, selection, since, options);
      // What was removed behind that place was as new, and is a gap. It is not told the place: it could lie between two private events.
      return { type: 'after', after, told: after, trims, announce: false, finalSeq };
    }
    if (last === undefined) return await startNow(log, selection, options);
    const { after, head, trims, finalSeq } =
      accepts && last > 0
        ? await locateLastAccepted(log, selection, last, accepts, options)
        : await log.locateLast(selection, last, options);
    return { type: 'after', after, told: head, trims, announce: true, finalSeq };
  }
  const marked = parseMarked(lastEventId);
  let place = await log.locate(marked?.cursor ?? lastEventId, selection, options);
  if (lastEventId === EARLIEST) {
    const { head, trims, finalSeq } = place;
    return { type: 'after', after: 0, told: head, trims, announce: false, finalSeq };
  }
  const isOfPublisher = !place.misplaced && !isCursor(lastEventId);
  if (accepts && isOfPublisher) place = await ifAccepted(log, selection, place, accepts, options);
  const start = startBehind(marked?.cursor ?? lastEventId, place);
  // After the place: what is removed between the two is noticed. Another epoch counts in another way.
  const isKnown =
    marked !== undefined &&
    !place.misplaced &&
    marked.position.epoch === place.epoch &&
    (await isMark(log, selection, place.after, marked.mark, options));
  return isKnown ? { ...start, told: place.head } : start;
}

/** Whether a stream that begins there has nothing to send, now or later: its only topic is closed, and its events lie before the start. */
export function isComplete(start: Start): boolean {
  const { finalSeq } = start;
  if (finalSeq === undefined) return false;
  return start.type === 'now' || (start.misplaced === undefined && start.after >= finalSeq);
}

/** Whether the streams of a selection end by themselves: only those of one topic do, if the log knows which topics are closed. */
export function canEnd(log: EventLog, selection: Selection): boolean {
  return log.topics !== undefined && Selector.of(selection).topics.only !== undefined;
}

/** The start of a stream with events that are published from now on. */
export async function startNow(log: EventLog, selection: Selection, options?: AskOptions): Promise<StartNow> {
  if (!canEnd(log, selection)) return { type: 'now' };
  const { head, finalSeq } = await log.locateLast(selection, 0, options);
  return finalSeq === undefined ? { type: 'now', openAt: head } : { type: 'now', finalSeq };
}

function startBehind(sent: string, { after, head, trims, misplaced, finalSeq }: Place): StartAfter {
  // A listener whose place is not known can only be given all kept events. The gap is reported once.
  if (misplaced) return { type: 'after', after: 0, told: head, trims, announce: false, sent, misplaced, finalSeq };
  return { type: 'after', after, told: after, trims, announce: false, sent, finalSeq };
}
