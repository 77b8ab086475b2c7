import { EventSource } from './event-source.ts';

/** Gives the platform an `EventSource` if it has none. It does not replace an existing one. */
if (globalThis.EventSource === undefined) {
  // It is not enumerable, as the interfaces of a platform are not.
  Object.defineProperty(globalThis, 'EventSource', { value: EventSource, writable: true, configurable: true });
}
