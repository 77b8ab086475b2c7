import { EventSource } from './event-source.ts';

/** Gives the platform an `EventSource` where it has none. One that is there is left alone. */
if (globalThis.EventSource === undefined) {
  // As the interfaces of a platform are: not enumerable.
  Object.defineProperty(globalThis, 'EventSource', { value: EventSource, writable: true, configurable: true });
}
