import type { Failure } from './answer.ts';
import type { Entry } from './queue.ts';

/** The most that the next batch may hold. */
export interface BatchSize {
  readonly events: number;
  readonly bytes: number;
}

/** By how much the bytes grow with each batch that is stored: a proxy that takes less is asked for too much only now and then. */
const BYTES_GROWTH = 1.1;

/** By how much the events grow with each batch that is stored: behind one that was refused there are mostly good ones. */
const EVENTS_GROWTH = 4;

/**
 * After a batch that was refused because of some of its events. The next one ends before the first of them or, if it is not known which it is, has half of the
 * events, until one is alone.
 */
export function shrink(size: BatchSize, entries: readonly Entry[], { status, line }: Failure): BatchSize {
  // How many come before it, if that is known: a line that the batch does not have names none of them.
  const good = line === undefined || line > entries.length ? undefined : line - 1;
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes + 1, 0);
  return {
    events: Math.max(1, good ?? Math.floor(entries.length / 2)),
    bytes: status === 413 && good === undefined && entries.length > 1 ? Math.floor(bytes / 2) : size.bytes,
  };
}

/** After a batch that was stored. */
export function grow({ events, bytes }: BatchSize, most: BatchSize): BatchSize {
  return {
    events: Math.min(events * EVENTS_GROWTH, most.events),
    bytes: Math.min(Math.ceil(bytes * BYTES_GROWTH), most.bytes),
  };
}
