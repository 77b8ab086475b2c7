import type { Entry } from './queue.ts';

/** The most that the next batch may hold. */
export interface BatchSize {
  readonly events: number;
  readonly bytes: number;
}

/** By how much the bytes grow with each batch that is stored: a proxy that takes less is asked for too much only now and then. */
const GROWTH = 1.1;

/** After a batch that was refused because of some of its events: the next one has half of them, until one is alone. */
export function shrink(size: BatchSize, entries: readonly Entry[], isTooLarge: boolean): BatchSize {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes + 1, 0);
  return {
    events: Math.max(1, Math.floor(entries.length / 2)),
    bytes: isTooLarge && entries.length > 1 ? Math.floor(bytes / 2) : size.bytes,
  };
}

/** After a batch that was stored. */
export function grow({ events, bytes }: BatchSize, most: BatchSize): BatchSize {
  return { events: Math.min(events * 2, most.events), bytes: Math.min(Math.ceil(bytes * GROWTH), most.bytes) };
}
