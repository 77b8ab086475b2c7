import type { EventLog, Selection } from './log.ts';
import { parseCursor } from './position.ts';
import type { Misplaced } from './subscriber-state.ts';

/** Asks for everything that is kept, where a last event ID is asked for. */
export const EARLIEST = 'earliest';

/** Where a listener's stream begins. */
export type Start =
  /** With what is published from now on. */
  | { readonly type: 'now' }
  /** Behind a sequence number. */
  | {
      readonly type: 'after';
      readonly after: number;
      /** What has been trimmed up to here is not missed. */
      readonly told: number;
      /** Whether the listener is first told its position, because it came without one. */
      readonly announce: boolean;
      readonly misplaced?: Misplaced;
    };

export interface StartRequest {
  /** A cursor, a publisher's id or `earliest`. An empty one counts as none. */
  readonly lastEventId?: string | undefined;
  /** Begin with the last so many events, where there is no last event ID. */
  readonly last?: number | undefined;
}

/** Finds where a listener's stream begins (PROTOCOL §5.2, §6). */
export async function findStart(log: EventLog, selection: Selection, request: StartRequest): Promise<Start> {
  const { lastEventId = '', last } = request;
  if (lastEventId === EARLIEST) return { type: 'after', after: 0, told: Number.POSITIVE_INFINITY, announce: false };
  if (lastEventId !== '') return await findCursor(log, lastEventId);
  if (last === undefined) return { type: 'now' };
  const after = await log.beforeLast(selection, last);
  return { type: 'after', after, told: Number.POSITIVE_INFINITY, announce: true };
}

async function findCursor(log: EventLog, text: string): Promise<Start> {
  const head = log.head();
  const cursor = parseCursor(text);
  if (cursor?.epoch === head.epoch) {
    if (cursor.seq <= head.seq) return { type: 'after', after: cursor.seq, told: cursor.seq, announce: false };
    return misplaced(text, 'ahead');
  }
  // A publisher's own id may look like a cursor of another log.
  const seq = await log.find(text);
  if (seq !== undefined) return { type: 'after', after: seq, told: seq, announce: false };
  return misplaced(text, cursor ? 'foreign' : 'unknown');
}

function misplaced(after: string, reason: Misplaced['reason']): Start {
  return {
    type: 'after',
    after: 0,
    told: Number.POSITIVE_INFINITY,
    announce: false,
    misplaced: { after, reason },
  };
}
