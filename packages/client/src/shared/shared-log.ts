import type { EventMessage } from '@tidings/wire';

/** How many events a tab remembers for others that come late or have fallen behind. Guards the memory of every tab. */
export const MAX_REMEMBERED_EVENTS: number = 256;

/** The same bound in UTF-16 code units of data: 1 MiB of memory. */
const MAX_REMEMBERED_UNITS = 524_288;

/** A place in the shared stream: how many events came before, by the count of the leader whose term it is. */
export interface Place {
  readonly term: string;
  readonly number: number;
}

/** An event of the shared stream, and the place behind it. */
export interface SharedEvent {
  readonly place: Place;
  readonly message: EventMessage;
  /** Whether the event brought its last event ID itself. */
  readonly hasOwnId: boolean;
}

/** The newest events of the shared stream, without holes. */
export interface SharedLog {
  /** The place before the first of them. */
  readonly start: Place;
  /** The last event ID there; `undefined` where events behind that ID have been forgotten. */
  readonly startId: string | undefined;
  readonly events: readonly SharedEvent[];
}

export function emptyLog(start: Place, startId: string): SharedLog {
  return { start, startId, events: [] };
}

/** Adds an event and forgets the oldest ones that are too many. At least the newest is kept. */
export function remember(log: SharedLog, event: SharedEvent): SharedLog {
  const events = [...log.events, event];
  let units = events.reduce((sum, { message }) => sum + message.data.length, 0);
  let forgotten = 0;
  while (events.length - forgotten > 1) {
    const oldest = events[forgotten];
    if (oldest === undefined) break;
    if (events.length - forgotten <= MAX_REMEMBERED_EVENTS && units <= MAX_REMEMBERED_UNITS) break;
    units -= oldest.message.data.length;
    forgotten++;
  }
  const last = events[forgotten - 1];
  if (last === undefined) return { ...log, events };
  const startId = last.hasOwnId ? last.message.lastEventId : undefined;
  return { start: last.place, startId, events: events.slice(forgotten) };
}

/** The events behind a place, or `undefined` where they are not all remembered or the place is not of this stream. */
export function eventsBehind(log: SharedLog, place: Place): readonly SharedEvent[] | undefined {
  if (isSame(place, log.start)) return log.events;
  const index = log.events.findLastIndex((event) => isSame(event.place, place));
  if (index >= 0) return log.events.slice(index + 1);
  // The place where a term began has no event of that term.
  const next = log.events.findIndex((event) => isSame(event.place, { ...place, number: place.number + 1 }));
  return next < 0 ? undefined : log.events.slice(next);
}

/** The events behind a last event ID, likewise. */
export function eventsBehindId(log: SharedLog, id: string): readonly SharedEvent[] | undefined {
  const index = log.events.findLastIndex(({ hasOwnId, message }) => hasOwnId && message.lastEventId === id);
  if (index >= 0) return log.events.slice(index + 1);
  return id === log.startId ? log.events : undefined;
}

export function isSame(one: Place, other: Place): boolean {
  return one.term === other.term && one.number === other.number;
}
