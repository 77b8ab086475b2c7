import type { EventMessage } from '@tidings/wire';

/** How many events a tab remembers for tabs that join late or have fallen behind. Bounds the memory of every tab. */
export const MAX_RECENT_EVENTS: number = 256;

/** The same bound in UTF-16 code units of data: 1 MiB of memory. */
const MAX_RECENT_UNITS = 524_288;

/** A place in the shared stream: how many events came before it, as counted by the leader of that term. */
export interface Place {
  readonly term: string;
  readonly number: number;
}

/** An event of the shared stream, and the place after it. */
export interface SharedEvent {
  readonly place: Place;
  readonly event: EventMessage;
  /** Whether the event itself set its last event ID. */
  readonly hasOwnId: boolean;
}

/** The newest events of the shared stream, without holes. */
export interface RecentEvents {
  /** The place before the first of them. */
  readonly start: Place;
  /** The last event ID at that place; `undefined` where events after that ID have been forgotten. */
  readonly startId: string | undefined;
  readonly events: readonly SharedEvent[];
}

export function noEvents(start: Place, startId: string): RecentEvents {
  return { start, startId, events: [] };
}

/** Adds an event and forgets the oldest ones beyond the limits. The newest event is always kept. */
export function remember(recent: RecentEvents, newest: SharedEvent): RecentEvents {
  const events = [...recent.events, newest];
  let units = events.reduce((sum, { event }) => sum + event.data.length, 0);
  let forgotten = 0;
  while (events.length - forgotten > 1) {
    const oldest = events[forgotten];
    if (oldest === undefined) break;
    if (events.length - forgotten <= MAX_RECENT_EVENTS && units <= MAX_RECENT_UNITS) break;
    units -= oldest.event.data.length;
    forgotten++;
  }
  const last = events[forgotten - 1];
  if (last === undefined) return { ...recent, events };
  const startId = last.hasOwnId ? last.event.lastEventId : undefined;
  return { start: last.place, startId, events: events.slice(forgotten) };
}

/** The events after a place; `undefined` where some are forgotten or the place is not of this stream. */
export function eventsAfter(recent: RecentEvents, place: Place): readonly SharedEvent[] | undefined {
  const { start, events } = recent;
  if (isSame(place, start)) return events;
  const index = events.findLastIndex((shared) => isSame(shared.place, place));
  if (index >= 0) return events.slice(index + 1);
  // The place at which a term began has no event of that term.
  const next = events.findIndex((shared) => isSame(shared.place, { ...place, number: place.number + 1 }));
  return next < 0 ? undefined : events.slice(next);
}

/** The events after a last event ID; `undefined` where some are forgotten or no event has this ID. */
export function eventsAfterId(recent: RecentEvents, id: string): readonly SharedEvent[] | undefined {
  const index = recent.events.findLastIndex(({ hasOwnId, event }) => hasOwnId && event.lastEventId === id);
  if (index >= 0) return recent.events.slice(index + 1);
  return id === recent.startId ? recent.events : undefined;
}

export function isSame(one: Place, other: Place): boolean {
  return one.term === other.term && one.number === other.number;
}
