import type { ConnectionError } from '../errors.ts';
import type { PlatformEvent, PlatformEventTarget, PlatformMessageEvent } from '../globals.ts';

/** An `error` event of an `EventSource`. It has more fields than the standard demands. */
export interface EventSourceErrorEvent extends PlatformEvent {
  /** The code of the error, as listed in the README. */
  readonly code: ConnectionError['code'];
  readonly message: string;
  /** The status of a response that was not an event stream; `undefined` if there was no such response. */
  readonly status: number | undefined;
  readonly cause: ConnectionError;
}

/** An event of the stream: the platform's `MessageEvent`, whose data is text. */
export interface EventSourceMessageEvent extends PlatformMessageEvent {
  readonly data: string;
}

export interface EventSourceEventMap {
  open: PlatformEvent;
  message: EventSourceMessageEvent;
  error: EventSourceErrorEvent;
}

/** The value of an `on…` attribute. An object that cannot be called is kept and never called. */
export type EventHandler<E extends PlatformEvent, T = PlatformEventTarget> = ((this: T, event: E) => unknown) | null;

type Listener<T, E> = ((this: T, event: E) => unknown) | { handleEvent(event: E): unknown };

type AddParameters = Parameters<PlatformEventTarget['addEventListener']>;
type RemoveParameters = Parameters<PlatformEventTarget['removeEventListener']>;

/**
 * The part of `EventSource` that only the compiler needs: the types of its listeners, and the attributes that the class defines in
 * a loop. An attribute is read with the type that it has in the DOM, so that this class can replace the DOM's, and it is set
 * with the type of what it is called with.
 * @typeParam Self - the class. TypeScript 6.0 ends with an exception of its own where the type of a setter is of `this`
 */
export interface EventSourceTarget<Self> extends PlatformEventTarget {
  get onopen(): EventHandler<PlatformEvent>;
  set onopen(handler: EventHandler<PlatformEvent, Self>);
  get onmessage(): EventHandler<EventSourceMessageEvent>;
  set onmessage(handler: EventHandler<EventSourceMessageEvent, Self>);
  get onerror(): EventHandler<PlatformEvent>;
  set onerror(handler: EventHandler<EventSourceErrorEvent, Self>);
  addEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<this, EventSourceEventMap[K]> | null,
    options?: AddParameters[2],
  ): void;
  addEventListener(
    type: string,
    listener: Listener<this, EventSourceMessageEvent> | null,
    options?: AddParameters[2],
  ): void;
  addEventListener(...parameters: AddParameters): void;
  removeEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<this, EventSourceEventMap[K]> | null,
    options?: RemoveParameters[2],
  ): void;
  removeEventListener(
    type: string,
    listener: Listener<this, EventSourceMessageEvent> | null,
    options?: RemoveParameters[2],
  ): void;
  removeEventListener(...parameters: RemoveParameters): void;
}
