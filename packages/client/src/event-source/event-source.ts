import { fullJitter } from '../connection/backoff.ts';
import type { ConnectionError } from '../client-error.ts';
import { systemClock } from '../platform/clock.ts';
import { CLOSED, CONNECTING, OPEN } from '../connection/connection-state.ts';
import { connect, type Connection } from '../connection/connection.ts';
import { createMessageEvent } from '#message-event';
import type { EventHandler } from './event-handler.ts';
import type { Fetch } from '../transport/fetch.ts';
import { basicAuthorization } from '../connection/request-headers.ts';
import { bareUrl, hasListenableScheme, parseTargetUrl } from '../connection/target-url.ts';
import { defaultFetch } from '#transport';

/** The reconnection time until the stream names one ([spec] leaves it open; Chromium's is the same), in milliseconds. */
const RECONNECTION_MS = 3_000;

/** The longest wait in milliseconds that backing off leads to. A longer reconnection time is kept to all the same. */
const MAX_BACKOFF_MS = 30_000;

export interface EventSourceInit {
  /**
   * Whether a request to another origin carries cookies, in browsers.
   * @default false
   */
  withCredentials?: boolean;
  /**
   * Makes the requests. Not part of the standard.
   * @default the platform's fetch; on Node a transport of our own, because fetch there cuts a stream that is silent for 300 s
   */
  fetch?: Fetch;
}

/** An `error` event says more here than the standard asks for. */
export interface EventSourceErrorEvent extends Event {
  /** The code of the error, as listed in the README. */
  readonly code: ConnectionError['code'];
  readonly message: string;
  /** The status of the response, where there was one that was no event stream. */
  readonly status: number | undefined;
  readonly cause: ConnectionError;
}

export interface EventSourceEventMap {
  open: Event;
  message: MessageEvent<string>;
  error: EventSourceErrorEvent;
}

type Listener<E extends Event> = ((this: EventSource, event: E) => unknown) | { handleEvent(event: E): unknown };

/**
 * What of the class is for the compiler: the types of its listeners, and the attributes that are defined in a loop. An
 * attribute is read as the DOM types it, so that this class stands in for the DOM's, and set with what it is in fact called with.
 */
interface EventSourceTarget extends EventTarget {
  get onopen(): EventHandler<Event>;
  set onopen(handler: EventHandler<Event, this>);
  get onmessage(): EventHandler<MessageEvent<string>>;
  set onmessage(handler: EventHandler<MessageEvent<string>, this>);
  get onerror(): EventHandler<Event>;
  set onerror(handler: EventHandler<EventSourceErrorEvent, this>);
  addEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<EventSourceEventMap[K]> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: Listener<MessageEvent<string>> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<EventSourceEventMap[K]> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: Listener<MessageEvent<string>> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

const Target = EventTarget as new () => EventSourceTarget;

/** [spec] 9.2: the standard's EventSource. */
export class EventSource extends Target {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSED: 2;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSED: 2;

  readonly #url: string;
  readonly #withCredentials: boolean;
  readonly #connection: Connection;
  #readyState = CONNECTING;
  /** What the `on…` attributes hold, by the type of the event. */
  readonly #handlers: Record<string, unknown> = {};
  readonly #handle = (event: Event): void => {
    const handler = this.#handlers[event.type];
    if (typeof handler === 'function') handler.call(this, event);
  };

  /**
   * Begins to listen.
   * @param url - absolute, or in a browser relative to the page
   * @throws DOMException named SyntaxError when `url` cannot be parsed
   * @throws TypeError without a `url`, or with one that cannot be turned into a string
   */
  constructor(url: string | URL, init: EventSourceInit = {}) {
    super();
    if (arguments.length === 0) throw new TypeError('found no URL');
    // oxlint-disable-next-line typescript/no-unnecessary-template-expression -- String() would take a symbol too
    const text = `${url as string}`;
    let asked: URL;
    try {
      asked = parseTargetUrl(text);
    } catch {
      throw new DOMException(`found ${text}, which is no URL`, 'SyntaxError');
    }
    this.#url = asked.href;
    this.#withCredentials = Boolean(init?.withCredentials);
    /** Where requests go: the target of the last redirect. */
    let target = asked;
    this.#connection = connect({
      fetch: init?.fetch ?? defaultFetch,
      clock: systemClock,
      withCredentials: this.#withCredentials,
      lastEventId: '',
      backoff: fullJitter(0, MAX_BACKOFF_MS, Infinity),
      reconnectionMs: RECONNECTION_MS,
      prepare: () =>
        hasListenableScheme(target)
          ? [
              bareUrl(target),
              {
                method: 'GET',
                headers: target.origin === asked.origin ? basicAuthorization(asked) : {},
              },
            ]
          : { code: 'ERR_URL_SCHEME', message: 'the scheme is not http or https', away: Infinity },
      onResponse: ({ redirected, url: final }) => {
        if (redirected) target = new URL(final);
        // [spec] 9.2.3: what is no stream fails the connection.
        return Infinity;
      },
      onEvent: (message, origin) => this.dispatchEvent(createMessageEvent(message, origin)),
      onState: ({ phase }, cause) => {
        this.#readyState = phase % 3;
        if (phase === OPEN) this.dispatchEvent(new Event('open'));
        if (cause) this.dispatchEvent(Object.assign(new Event('error'), cause, { message: cause.message, cause }));
      },
    });
  }

  static {
    const enumerable = true;
    const configurable = true;
    const value = 'EventSource';
    // [spec] 8.1.8.1: null or an object. It takes its place among the listeners when it is set from null, and another handler
    // takes over that place. One that cannot be called is kept and never called.
    const handlerAttribute = (type: string): PropertyDescriptor => ({
      get(this: EventSource): unknown {
        return this.#handlers[type] ?? null;
      },
      set(this: EventSource, handler: unknown) {
        const isObject = Object(handler) === handler;
        this.#handlers[type] = isObject ? handler : null;
        // Adding the same listener again changes nothing.
        this[isObject ? 'addEventListener' : 'removeEventListener'](type, this.#handle);
      },
      enumerable,
      configurable,
    });
    const listed = { enumerable };
    const constants = {
      CONNECTING: { value: CONNECTING, enumerable },
      OPEN: { value: OPEN, enumerable },
      CLOSED: { value: CLOSED, enumerable },
    };
    // A bundler may have given the class another name.
    Object.defineProperties(this, { ...constants, name: { value } });
    Object.defineProperties(this.prototype, {
      ...constants,
      // Members of an interface are enumerable, those of a class are not.
      url: listed,
      withCredentials: listed,
      readyState: listed,
      close: listed,
      onopen: handlerAttribute('open'),
      onmessage: handlerAttribute('message'),
      onerror: handlerAttribute('error'),
      [Symbol.toStringTag]: { value, configurable },
    });
  }

  /** The URL as parsed. A redirect does not change it. */
  get url(): string {
    return this.#url;
  }

  get withCredentials(): boolean {
    return this.#withCredentials;
  }

  get readyState(): 0 | 1 | 2 {
    return this.#readyState as 0 | 1 | 2;
  }

  /** Ends it for good. Nothing is dispatched later, not even what has arrived already. */
  close(): void {
    this.#connection.close();
  }
}
