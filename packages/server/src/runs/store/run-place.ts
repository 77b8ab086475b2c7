import type { GapReason } from '../../log/event-log.ts';
import { EARLIEST, formatCursor, parseCursor, parseMarked } from '../../log/position.ts';
import { BEGIN_TYPE, type StoredEvent } from './chunk-form.ts';
import type { RunGap } from './run.ts';

/** What follows behind a place, whether a run has an event there or not. */
export interface Following {
  /** The first of the run's kept events. */
  readonly next: StoredEvent | undefined;
  /** Why events of the run are missing, or why the place cannot be known. */
  readonly missing: GapReason | undefined;
}

/** Where a reading of a run begins. */
export interface RunPlace {
  /** Undefined at the start of the run. */
  readonly after: string | undefined;
  /** What is told before anything else. */
  readonly gap?: RunGap | undefined;
}

/** That the place cannot be known says the log itself, with all of the run. */
const MISPLACED: ReadonlySet<unknown> = new Set<GapReason>(['foreign', 'ahead', 'unknown']);

/**
 * Finds where a reading begins that goes on after a place. The cursor of another run lies somewhere in the numbers of this log, too: behind it would be nothing, or
 * a part of this run, and nobody would notice what is missing. So it is told as a gap, and the reading begins at the start.
 * @param behind tells what follows in this run behind a cursor, or `earliest`
 */
export async function placeOf(
  given: string | undefined,
  behind: (place: string) => Promise<Following>,
): Promise<RunPlace> {
  if (!given || given === EARLIEST) return { after: undefined };
  const cursor = parseMarked(given)?.cursor ?? given;
  const position = parseCursor(cursor);
  // The log itself looks for the ids that publishers give among those of this run alone. 0 is the start.
  if (!position || position.seq === 0) return { after: given };
  const { next, missing } = await behind(formatCursor({ ...position, seq: position.seq - 1 }));
  if (next?.id === cursor || MISPLACED.has(missing)) return { after: given };
  // The event there may have been trimmed, if all before it were, and so the first one.
  const mayBeTrimmed = missing !== undefined && next?.type !== BEGIN_TYPE;
  if (mayBeTrimmed && next?.id === (await behind(EARLIEST)).next?.id) return { after: given };
  const resumedAt = formatCursor({ ...position, seq: 0 });
  return { after: undefined, gap: { type: 'gap', gap: { after: given, resumedAt, reason: 'unknown' } } };
}
