import type { ConnectionError } from '../errors.ts';

/** An `error` event of an `EventSource`. It has more fields than the standard demands. */
export interface EventSourceErrorEvent extends Event {
  /** The code of the error, as listed in the README. */
  readonly code: ConnectionError['code'];
  readonly message: string;
  /** The status of a response that was not an event stream; `undefined` if there was no such response. */
  readonly status: number | undefined;
  readonly cause: ConnectionError;
}

export interface EventSourceEventMap {
  open: Event;
  message: MessageEvent<string>;
  error: EventSourceErrorEvent;
}

/** The value of an `on…` attribute. An object that cannot be called is kept and never called. */
export type EventHandler<E extends Event, T extends EventTarget = EventTarget> =
  | ((this: T, event: E) => unknown)
  | null;

type Listener<T, E extends Event> = ((this: T, event: E) => unknown) | { handleEvent(event: E): unknown };

/**
 * The part of `EventSource` that only the compiler needs: the types of its listeners, and the attributes that the class defines in
 * a loop. An attribute is read with the type that it has in the DOM, so that this class can replace the DOM's, and it is set
 * with the type of what it is called with.
 */
export interface EventSourceTarget extends EventTarget {
  get onopen(): EventHandler<Event>;
  set onopen(handler: EventHandler<Event, this>);
  get onmessage(): EventHandler<MessageEvent<string>>;
  set onmessage(handler: EventHandler<MessageEvent<string>, this>);
  get onerror(): EventHandler<Event>;
  set onerror(handler: EventHandler<EventSourceErrorEvent, this>);
  addEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<this, EventSourceEventMap[K]> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: Listener<this, MessageEvent<string>> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<this, EventSourceEventMap[K]> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: Listener<this, MessageEvent<string>> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}
