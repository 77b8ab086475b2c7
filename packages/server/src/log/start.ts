import type { EventLog, Selection } from './event-log.ts';
import { parseCursor, type Position } from './position.ts';

/** Why events are missing (PROTOCOL §6.2). */
export type GapReason = 'trimmed' | 'unknown' | 'foreign' | 'ahead';

/** Asks for everything that is kept, where a last event ID is asked for. */
export const EARLIEST = 'earliest';

/** Where a listener's stream begins: with what is published from now on, or behind a sequence number. */
export type Start = { readonly type: 'now' } | StartAfter;

export interface StartAfter {
  readonly type: 'after';
  readonly after: number;
  /** What was trimmed up to here, before the listener was given anything, is not missed: it did not ask for it. */
  readonly told: number;
  /** Whether the listener is first told its position, because it came without one. */
  readonly announce: boolean;
  /** What the listener sent, where that is not the cursor of `after`. */
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

/** Finds where a listener's stream begins (PROTOCOL §5.2, §6). */
export async function findStart(log: EventLog, selection: Selection, request: StartRequest): Promise<Start> {
  const { lastEventId = '', last } = request;
  const told = log.head().seq;
  if (lastEventId === EARLIEST) return { type: 'after', after: 0, told, announce: false };
  if (lastEventId !== '') return await findCursor(log, lastEventId);
  if (last === undefined) return { type: 'now' };
  const after = await log.beforeLast(selection, last);
  return { type: 'after', after, told, announce: true };
}

async function findCursor(log: EventLog, text: string): Promise<Start> {
  const head = log.head();
  const cursor = parseCursor(text);
  if (cursor?.epoch === head.epoch) {
    if (cursor.seq <= head.seq) return { type: 'after', after: cursor.seq, told: cursor.seq, announce: false };
    return misplaced(text, 'ahead', head);
  }
  // A publisher's own id may look like a cursor of another log.
  const seq = await log.find(text);
  if (seq !== undefined) return { type: 'after', after: seq, told: seq, announce: false, sent: text };
  return misplaced(text, cursor ? 'foreign' : 'unknown', head);
}

function misplaced(sent: string, reason: GapReason, head: Position): Start {
  return { type: 'after', after: 0, told: head.seq, announce: false, sent, misplaced: reason };
}
