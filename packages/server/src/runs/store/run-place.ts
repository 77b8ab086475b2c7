import { EARLIEST, formatCursor, parseCursor } from '../../log/position.ts';
import { BEGIN_TYPE, type StoredEvent } from './chunk-form.ts';
import type { RunGap } from './run.ts';

/** What is asked of a run to find a place in it. */
export interface PlaceContext {
  /** Whether one of its kept events is at this cursor. */
  readonly hasEvent: (cursor: string) => Promise<boolean>;
  /** The first of its kept events. */
  readonly first: () => Promise<StoredEvent | undefined>;
}

/** Where a reading of a run begins. */
export interface RunPlace {
  /** Undefined at the start of the run. */
  readonly after: string | undefined;
  /** What is told before anything else. */
  readonly gap?: RunGap | undefined;
}

/**
 * Finds where a reading begins that goes on after a place. The cursor of another run lies somewhere in the numbers of this log, too: behind it would be nothing, or
 * a part of this run, and nobody would notice what is missing. So it is told as a gap, and the reading begins at the start.
 */
export async function placeOf(given: string | undefined, context: PlaceContext): Promise<RunPlace> {
  if (!given || given === EARLIEST) return { after: undefined };
  const position = parseCursor(given);
  // The log itself tells of what is no cursor. 0 is the start.
  if (!position || position.seq === 0 || (await context.hasEvent(given))) return { after: given };
  const first = await context.first();
  const begun = first && parseCursor(first.id);
  if (!begun || begun.epoch !== position.epoch) return { after: given };
  // Before the first kept event it may be the place of one that was trimmed, unless none was.
  if (first.type !== BEGIN_TYPE && position.seq < begun.seq) return { after: given };
  const resumedAt = formatCursor({ ...position, seq: 0 });
  return { after: undefined, gap: { type: 'gap', gap: { after: given, resumedAt, reason: 'unknown' } } };
}
