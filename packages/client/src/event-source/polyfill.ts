import { EventSource } from './event-source.ts';

/** Gives the platform an `EventSource` where it has none. An existing one is left alone. */
if (globalThis.EventSource === undefined) {
  // It is not enumerable, as the interfaces of a platform are not.
  Object.defineProperty(globalThis, 'EventSource', { value: EventSource, writable: true, configurable: true });
}
