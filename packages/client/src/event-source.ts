import { Connection } from './connection.ts';
import type { ConnectionError } from './client-error.ts';
import { systemClock } from './clock.ts';
import type { ConnectionPolicy, ConnectionState } from './connection-state.ts';
import { type EventHandler, HandlerAttribute } from './handler-attribute.ts';
import type { Fetch } from './fetch.ts';
import { parseTargetUrl } from './target-url.ts';
import { defaultFetch } from '#transport';

/** The reconnection time until the stream names one ([spec] leaves it open; Chromium's is the same). */
const RECONNECTION_MS = 3_000;

/** [spec] 9.2.3: any status but 200 fails the connection, and no watchdog ends one. */
const POLICY: ConnectionPolicy = {
  reconnectionMs: RECONNECTION_MS,
  maxBackoffMs: 30_000,
  jitter: 'half',
  maxRetryAfterMs: 0,
  maxAttempts: Infinity,
  connectTimeoutMs: Infinity,
  firstByteTimeoutMs: Infinity,
  idleTimeoutMs: Infinity,
  watchesSleep: false,
  refreshes: false,
  retryStatus: () => false,
};

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

/** [spec] 9.2: the standard's EventSource. */
export class EventSource extends EventTarget {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSED: 2;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSED: 2;

  static {
    for (const [name, value] of Object.entries({ CONNECTING: 0, OPEN: 1, CLOSED: 2 })) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
    // Members of an interface are enumerable, those of a class are not.
    for (const name of ['url', 'withCredentials', 'readyState', 'onopen', 'onmessage', 'onerror', 'close']) {
      Object.defineProperty(this.prototype, name, { enumerable: true });
    }
    // A bundler may have given the class another name.
    Object.defineProperty(this, 'name', { value: 'EventSource', configurable: true });
    Object.defineProperty(this.prototype, Symbol.toStringTag, { value: 'EventSource', configurable: true });
  }

  readonly #url: string;
  readonly #withCredentials: boolean;
  readonly #connection: Connection;
  readonly #onopen = new HandlerAttribute<Event>(this, 'open');
  readonly #onmessage = new HandlerAttribute<MessageEvent<string>>(this, 'message');
  readonly #onerror = new HandlerAttribute<EventSourceErrorEvent>(this, 'error');

  /**
   * Begins to listen.
   * @param url - absolute, or in a browser relative to the page
   * @throws DOMException named SyntaxError when `url` cannot be parsed
   * @throws TypeError without a `url`, or with one that cannot be turned into a string
   */
  constructor(url: string | URL, init: EventSourceInit = {}) {
    super();
    if (arguments.length === 0) throw new TypeError('EventSource needs a URL, found no argument');
    // oxlint-disable-next-line typescript/no-unnecessary-template-expression -- String() would take a symbol too
    const text = `${url as string}`;
    let target: URL;
    try {
      target = parseTargetUrl(text);
    } catch {
      throw new DOMException(`${JSON.stringify(text)} cannot be parsed as a URL`, 'SyntaxError');
    }
    this.#url = target.href;
    this.#withCredentials = Boolean(init?.withCredentials);
    this.#connection = new Connection({
      url: target,
      fetch: init?.fetch ?? defaultFetch,
      clock: systemClock,
      policy: POLICY,
      withCredentials: this.#withCredentials,
      keepRedirects: 'all',
      lastEventId: '',
      maxEventBytes: undefined,
      prepare: () => ({ method: 'GET', headers: new Headers() }),
      onState: (state, error) => this.#follow(state, error),
      onEvent: ({ type, data, lastEventId }, origin) => {
        this.dispatchEvent(new MessageEvent(type, { data, origin, lastEventId }));
      },
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
    switch (this.#connection.state.phase) {
      case 'connecting':
      case 'waiting':
        return 0;
      case 'open':
        return 1;
      case 'closed':
        return 2;
    }
  }

  // An attribute is read as the DOM types it, so that this class stands in for the DOM's, and set with what it is in fact
  // called with.

  get onopen(): EventHandler<Event> {
    return this.#onopen.value;
  }
  set onopen(handler: EventHandler<Event, this>) {
    this.#onopen.set(handler);
  }

  get onmessage(): EventHandler<MessageEvent<string>> {
    return this.#onmessage.value;
  }
  set onmessage(handler: EventHandler<MessageEvent<string>, this>) {
    this.#onmessage.set(handler);
  }

  get onerror(): EventHandler<Event> {
    return this.#onerror.value as EventHandler<Event>;
  }
  set onerror(handler: EventHandler<EventSourceErrorEvent, this>) {
    this.#onerror.set(handler);
  }

  /** Ends it for good. Nothing is dispatched later, not even what has arrived already. */
  close(): void {
    this.#connection.close();
  }

  override addEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<EventSourceEventMap[K]> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: Listener<MessageEvent<string>> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener, options);
  }

  override removeEventListener<K extends keyof EventSourceEventMap>(
    type: K,
    listener: Listener<EventSourceEventMap[K]> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: Listener<MessageEvent<string>> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener, options);
  }

  #follow(state: ConnectionState, error: ConnectionError | undefined): void {
    if (state.phase === 'open') this.dispatchEvent(new Event('open'));
    if (error === undefined) return;
    const { code, message, status } = error;
    this.dispatchEvent(Object.assign(new Event('error'), { code, message, status, cause: error }));
  }
}
