import { basicAuthorization, hasRequestableScheme, parseTargetUrl } from '../connection/request.ts';
import {
  CLOSED,
  CONNECTING,
  fullJitter,
  MAX_BACKOFF_MS,
  NEVER,
  OPEN,
  WAITING,
} from '../connection/connection-state.ts';
import { Connection } from '../connection/connection.ts';
import { allowListeners, createMessageEvent, hideHandlers, TargetClass } from '#runtime';
import { defaultFetch } from '#transport';
import type { UrlLike } from '../globals.ts';
import type { Fetch } from '../transport/fetch.ts';
import type { EventSourceTarget } from './event-target.ts';

export interface EventSourceInit {
  /**
   * Whether a request to another origin carries cookies, in browsers.
   * @default false
   */
  withCredentials?: boolean | undefined;
  /**
   * Makes the requests. This option is not part of the standard.
   * @default the platform's fetch; on Node a transport of our own, because fetch there cuts a stream that is silent for 300 s
   */
  fetch?: Fetch | undefined;
}

/** The platform's `EventTarget`, with the types of the events of an `EventSource`. */
const TypedTarget: new () => EventSourceTarget<EventSource> = TargetClass as never;

/** [spec] 9.2: the `EventSource` of the standard. */
export class EventSource extends TypedTarget {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSED: 2;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSED: 2;

  readonly #url: string;
  readonly #withCredentials: boolean;
  readonly #connection: Connection;
  #readyState: 0 | 1 | 2 = CONNECTING;
  /** The values of the `on…` attributes, by the type of the event. */
  readonly #handlers: Record<string, unknown> = {};
  readonly #handle = (event: Event): void => {
    const handler = this.#handlers[event.type];
    if (typeof handler === 'function') handler.call(this, event);
  };

  /**
   * Begins to listen to an event stream.
   * @param url - an absolute URL, or in a browser one that is relative to the page
   * @throws DOMException named SyntaxError when `url` cannot be parsed
   * @throws TypeError without a `url`, with one that cannot be turned into a string, or where `init` is no object or `fetch` no function
   */
  constructor(url: string | UrlLike, init: EventSourceInit = {}) {
    super();
    allowListeners(this);
    if (arguments.length === 0) throw new TypeError('found no URL');
    // oxlint-disable-next-line typescript/no-unnecessary-template-expression -- String() would take a symbol too
    const text = `${url as string}`;
    // [Web IDL] 3.2.17: a dictionary is made from an object, undefined or null.
    const given = init ?? {};
    if (Object(given) !== given) throw new TypeError(`init: found ${typeof given}, expected object`);
    let asked: URL;
    try {
      asked = parseTargetUrl(text);
    } catch {
      throw new DOMException(`found ${text}, expected a URL`, 'SyntaxError');
    }
    this.#url = asked.href;
    this.#withCredentials = Boolean(given.withCredentials);
    const fetch = given.fetch ?? defaultFetch;
    // Not a part of the standard, so it need not be taken whatever it is. No attempt with it would ever succeed.
    if (typeof fetch !== 'function') throw new TypeError(`fetch: found ${typeof fetch}, expected function`);
    /** Where requests go: to the target of the last redirect. */
    let target = asked;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const options = {
      fetch,
      clock: { now: () => performance.now(), random: Math.random },
      withCredentials: this.#withCredentials,
      // A reconnection time that is longer than the longest wait is kept all the same.
      backoff: fullJitter(0, MAX_BACKOFF_MS, Infinity),
      // [spec] leaves this open; Chromium's is the same.
      reconnectionMs: 3_000,
    };
    this.#connection = new Connection(options, {
      prepare(_signal, setUrl) {
        setUrl(target);
        if (!hasRequestableScheme(target)) {
          return { code: 'ERR_URL_SCHEME', message: 'expected http: or https:', retry: NEVER };
        }
        return { method: 'GET', headers: target.origin === asked.origin ? basicAuthorization(asked) : {} };
      },
      onResponse(response) {
        if (response.redirected) target = new URL(response.url);
        // [spec] 9.2.3: a response that is not an event stream fails the connection.
        return NEVER;
      },
      onEvent: (message, origin) => this.dispatchEvent(createMessageEvent(message, origin)),
      onState: ({ phase, waitMs }, cause) => {
        clearTimeout(timer);
        if (phase === WAITING) timer = setTimeout(() => this.#connection.reconnect(), waitMs);
        // [spec] 9.2.2: to scripts the wait for the next attempt is a part of connecting.
        this.#readyState = phase === WAITING ? CONNECTING : phase;
        if (phase === OPEN) this.dispatchEvent(new Event('open'));
        if (cause) this.dispatchEvent(Object.assign(new Event('error'), cause, { message: cause.message, cause }));
      },
    });
  }

  static {
    const configurable = true;
    // [spec] 8.1.8.1: the value is null or an object. The handler takes its place among the listeners when the attribute is set
    // from null, and another handler takes over that place. A value that cannot be called is kept and never called.
    const handlerAttribute = (type: string): PropertyDescriptorMap =>
      // [Web IDL] 3.7.6: the functions are named `get on…` and `set on…`, as those of an object are.
      Object.getOwnPropertyDescriptors<object & ThisType<EventSource>>({
        get [`on${type}`](): unknown {
          return this.#handlers[type] || null;
        },
        set [`on${type}`](handler: unknown) {
          const isObject = Object(handler) === handler;
          this.#handlers[type] = isObject && handler;
          // Adding the same listener again changes nothing.
          this[isObject ? 'addEventListener' : 'removeEventListener'](type, this.#handle);
        },
      });
    const listed = { enumerable: true };
    const constants = {
      CONNECTING: { value: CONNECTING, ...listed },
      OPEN: { value: OPEN, ...listed },
      CLOSED: { value: CLOSED, ...listed },
    };
    // A bundler may have given the class another name.
    Object.defineProperties(this, { ...constants, name: { value: 'EventSource' } });
    Object.defineProperties(this.prototype, {
      ...constants,
      // Members of an interface are enumerable, those of a class are not.
      url: listed,
      withCredentials: listed,
      readyState: listed,
      close: listed,
      ...handlerAttribute('open'),
      ...handlerAttribute('message'),
      ...handlerAttribute('error'),
      [Symbol.toStringTag]: { value: 'EventSource', configurable },
    });
    hideHandlers(this, ['onopen', 'onmessage', 'onerror']);
  }

  /** The URL that was given, as parsed. A redirect does not change it. */
  get url(): string {
    return this.#url;
  }

  /** Whether requests to another origin carry cookies, in browsers. */
  get withCredentials(): boolean {
    return this.#withCredentials;
  }

  /** `CONNECTING` (which a wait for the next attempt is, too), `OPEN` or `CLOSED`. */
  get readyState(): 0 | 1 | 2 {
    return this.#readyState;
  }

  /** Ends the connection for good. No event is dispatched later, not even one that has arrived already. */
  close(): void {
    this.#connection.close();
  }
}
