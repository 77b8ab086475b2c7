import { type EventMessage, EventStreamDecoder, EventStreamError } from '@tidings/wire';
import { ConnectionError } from './client-error.ts';
import type { Clock } from './clock.ts';
import {
  type ConnectionInput,
  type ConnectionPolicy,
  type ConnectionState,
  MAX_TIMER_MS,
  type Step,
  startConnection,
  transition,
  wakeAt,
} from './connection-state.ts';
import type { Failure } from './failure.ts';
import type { Fetch, FetchInit, FetchResponse } from './fetch.ts';
import { basicAuthorization, encodeLastEventId, portableHeaders } from './request-headers.ts';
import { bareUrl, hasListenableScheme } from './target-url.ts';

/** The caller's part of a request, asked for at every try. */
export interface RequestParts {
  readonly method: string;
  readonly headers: Headers;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

export interface ConnectionOptions {
  readonly url: URL;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly policy: ConnectionPolicy;
  readonly withCredentials: boolean;
  /** The redirects whose target the next try goes to. */
  readonly keepRedirects: 'all' | 'permanent';
  readonly lastEventId: string;
  /** The most bytes of one event; the decoder's own cap when absent. */
  readonly maxEventBytes: number | undefined;
  readonly prepare: () => RequestParts | Promise<RequestParts>;
  /** Called after each change of the phase but the first, with the error that led to it. Must not throw. */
  readonly onState: (state: ConnectionState, error: ConnectionError | undefined) => void;
  /** Called for each event of an open connection; `origin` is that of the final URL. Must not throw. */
  readonly onEvent: (message: EventMessage, origin: string) => void;
  /** Reading goes on when what it returns has settled, or at once where it returns nothing. */
  readonly room?: () => Promise<void> | undefined;
}

/** What a response says, with the body ready to be read. */
interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly finalUrl: URL;
  readonly redirected: boolean;
  readonly permanentUrl: URL | undefined;
  readonly reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
}

/** For a body that nobody wants any more: that it may be broken already does not matter. */
const ignore = (): void => {};

/** The shell around the connection's state: requests, the reading of bodies, and one timer. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #decoder: EventStreamDecoder;
  #state: ConnectionState;
  /** Where the next try goes. */
  #target: URL;
  /** The origin of the response being read. */
  #origin = '';
  #letGo: () => void = ignore;
  #timer: unknown;
  #timerAt = Infinity;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#target = options.url;
    this.#decoder = new EventStreamDecoder({
      lastEventId: options.lastEventId,
      maxEventBytes: options.maxEventBytes,
      onRetry: (ms) => {
        if (this.#state.phase === 'open') this.#send({ type: 'retry', serial: this.#state.serial, ms });
      },
      onId: () => this.#bearFruit(),
      onEvent: (message) => {
        // A listener may have closed the connection at an earlier event of the same chunk.
        if (this.#state.phase !== 'open') return;
        this.#bearFruit();
        this.#options.onEvent(message, this.#origin);
      },
    });
    const first = startConnection(options.clock.now(), options.policy);
    this.#state = first.state;
    this.#apply(first, first.state);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The last event ID that the next request would carry. */
  get lastEventId(): string {
    return this.#decoder.lastEventId;
  }

  /** Ends it for good. Nothing is announced or dispatched later but the closed phase, before this returns. */
  close(): void {
    this.#send({ type: 'close' });
  }

  /** An event or an id arrived. Only the first of a connection means anything to its state. */
  #bearFruit(): void {
    const state = this.#state;
    if (state.phase === 'open' && !state.fruitful) this.#send({ type: 'event', serial: state.serial });
  }

  #send(input: ConnectionInput): void {
    const { clock, policy } = this.#options;
    const before = this.#state;
    this.#apply(transition(before, input, { now: clock.now(), random: clock.random(), policy }), before);
  }

  #apply(step: Step, before: ConnectionState): void {
    this.#state = step.state;
    for (const action of step.actions) {
      switch (action) {
        case 'connect':
          if (step.state.phase === 'connecting') void this.#try(step.state.serial);
          break;
        case 'abort':
          this.#letGo();
          this.#letGo = ignore;
          break;
        case 'announce':
          this.#options.onState(step.state, this.#errorOf(step.state, before));
          break;
      }
    }
    this.#arm();
  }

  /** Sets the timer for the state as it is now; a listener may have changed it since the step was made. */
  #arm(): void {
    const { clock } = this.#options;
    const at = wakeAt(this.#state);
    // A timer that is only too early may stay: each chunk moves the deadline, and a timer anew for each would cost more.
    if (at !== Infinity && this.#timerAt <= at) return;
    if (this.#timerAt !== Infinity) clock.clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    const delay = Math.min(Math.max(Math.ceil(at - clock.now()), 0), MAX_TIMER_MS);
    this.#timer = clock.setTimeout(() => {
      this.#timerAt = Infinity;
      this.#send({ type: 'timer' });
    }, delay);
  }

  #errorOf(state: ConnectionState, before: ConnectionState): ConnectionError | undefined {
    if ((state.phase !== 'waiting' && state.phase !== 'closed') || state.failure === undefined) return undefined;
    const attempt = before.phase === 'closed' ? 1 : before.attempt;
    const details = { url: bareUrl(this.#target), attempt, willRetry: state.phase === 'waiting' };
    const error = new ConnectionError(state.failure, details);
    const id = this.lastEventId;
    if (!details.willRetry || encodeLastEventId(id) !== undefined) return error;
    const message = `${state.failure.message}; the last event ID ${JSON.stringify(id)} holds a control character, which no header can carry, so the next request goes without it`;
    return new ConnectionError({ ...state.failure, code: 'ERR_LAST_EVENT_ID', message, cause: error }, details);
  }

  #isCurrent(serial: number): boolean {
    return this.#state.phase !== 'closed' && this.#state.phase !== 'waiting' && this.#state.serial === serial;
  }

  /** One try, from the request to the end of its stream. Never rejects. */
  async #try(serial: number): Promise<void> {
    const lose = (failure: Failure, final = false): void => this.#send({ type: 'lost', serial, failure, final });
    // The caller's functions are not called before the constructor has returned.
    await Promise.resolve();
    if (!this.#isCurrent(serial)) return;
    if (!hasListenableScheme(this.#target)) {
      lose(
        { code: 'ERR_URL_SCHEME', message: `nothing can be asked for by the scheme "${this.#target.protocol}"` },
        true,
      );
      return;
    }

    const controller = new AbortController();
    this.#letGo = () => controller.abort();
    let init: FetchInit;
    try {
      init = await this.#request(controller.signal);
    } catch (cause) {
      lose({ code: 'ERR_REQUEST', message: `the request could not be made: ${describe(cause)}`, cause });
      return;
    }
    if (!this.#isCurrent(serial)) return;

    let answer: Answer;
    try {
      answer = readHead(await this.#options.fetch(bareUrl(this.#target), init), this.#target);
    } catch (cause) {
      // Only someone else can have aborted it: a try that we abort is no longer current.
      const aborted = cause instanceof Error && cause.name === 'AbortError';
      const code = aborted ? 'ERR_ABORTED' : 'ERR_NETWORK';
      lose({ code, message: `the request failed: ${describe(cause)}`, cause }, aborted);
      return;
    }
    const { reader } = answer;
    if (!this.#isCurrent(serial)) {
      reader?.cancel().catch(ignore);
      return;
    }
    this.#letGo = () => {
      controller.abort();
      // Some runtimes let go of a compressed body only when it is cancelled.
      reader?.cancel().catch(ignore);
    };
    await this.#receive(serial, answer, lose);
  }

  async #receive(serial: number, answer: Answer, lose: (failure: Failure, final?: boolean) => void): Promise<void> {
    // The block that the connection before left unfinished is forgotten ([spec] 9.2.6).
    this.#decoder.end();
    this.#origin = answer.finalUrl.origin;
    if (answer.status === 200) this.#keepTarget(answer);
    this.#send({ type: 'response', serial, status: answer.status, contentType: answer.contentType });

    while (this.#isCurrent(serial)) {
      const room = this.#options.room?.();
      if (room !== undefined) {
        this.#send({ type: 'paused', serial });
        await room;
        this.#send({ type: 'resumed', serial });
        continue;
      }

      let chunk: Uint8Array | undefined;
      try {
        chunk = (await answer.reader?.read())?.value;
      } catch (cause) {
        lose({ code: 'ERR_NETWORK', message: `the stream broke: ${describe(cause)}`, cause });
        return;
      }
      if (!this.#isCurrent(serial)) return;
      if (chunk === undefined) {
        lose({ code: 'ERR_STREAM_ENDED', message: 'the server ended the stream' });
        return;
      }
      this.#send({ type: 'bytes', serial });
      try {
        this.#decoder.write(chunk);
      } catch (cause) {
        // The same bytes would come again after a reconnect, so another try cannot help.
        const tooLarge = cause instanceof EventStreamError && cause.code === 'ERR_EVENT_TOO_LARGE';
        lose({ code: tooLarge ? 'ERR_EVENT_TOO_LARGE' : 'ERR_NETWORK', message: describe(cause), cause }, true);
        return;
      }
    }
  }

  #keepTarget(answer: Answer): void {
    if (this.#options.keepRedirects === 'permanent') this.#target = answer.permanentUrl ?? this.#target;
    else if (answer.redirected) this.#target = answer.finalUrl;
  }

  async #request(signal: AbortSignal): Promise<FetchInit> {
    const { url, prepare, withCredentials } = this.#options;
    const parts = await prepare();
    const headers = new Headers(parts.headers);
    if (!headers.has('accept')) headers.set('accept', 'text/event-stream');
    const authorization = basicAuthorization(url);
    if (authorization !== undefined && !headers.has('authorization')) headers.set('authorization', authorization);
    const id = encodeLastEventId(this.lastEventId);
    if (id) headers.set('last-event-id', id);
    else headers.delete('last-event-id');
    const record = Object.fromEntries(headers);
    return {
      method: parts.method,
      headers: this.#target.origin === url.origin ? record : portableHeaders(record),
      ...(parts.body === undefined ? {} : { body: parts.body }),
      credentials: withCredentials ? 'include' : 'same-origin',
      cache: 'no-store',
      redirect: 'follow',
      signal,
    };
  }
}

/** Takes a response apart. Throws where a `fetch` that was passed in answers with something else. */
function readHead(response: FetchResponse, target: URL): Answer {
  const { status, redirected, permanentUrl } = response;
  return {
    status,
    contentType: response.headers.get('content-type'),
    finalUrl: new URL(response.url || target),
    redirected,
    permanentUrl: permanentUrl === undefined ? undefined : new URL(permanentUrl),
    reader: response.body?.getReader(),
  };
}

/** What an exception says, and what the one behind it says: a platform's fetch hides the reason there. */
function describe(exception: unknown): string {
  const cause = exception instanceof Error ? exception.cause : undefined;
  return cause instanceof Error ? `${textOf(exception)} (${textOf(cause)})` : textOf(exception);
}

/** Node's error for several addresses that all refused has a code and no message. */
function textOf(exception: unknown): string {
  if (!(exception instanceof Error)) return String(exception);
  return exception.message || ('code' in exception ? String(exception.code) : exception.name);
}
