import { type EventMessage, EventStreamDecoder, EventStreamError } from '@tidings/wire';
import { ConnectionError, InvalidOptionError } from './client-error.ts';
import type { Clock } from './clock.ts';
import {
  type Connecting,
  type ConnectionInput,
  type ConnectionPolicy,
  type ConnectionState,
  MAX_TIMER_MS,
  type Step,
  startConnection,
  type Surroundings,
  transition,
  wakeAt,
} from './connection-state.ts';
import { describeException } from './exception-text.ts';
import type { Failure } from './failure.ts';
import type { Fetch, FetchInit } from './fetch.ts';
import { isIdempotent } from './method.ts';
import type { Network } from './network.ts';
import { type Attempt, makeRequest, type RequestParts } from './request.ts';
import { encodeLastEventId } from './request-headers.ts';
import { readRetryAfter } from './retry-after.ts';
import { readHead, type ResponseHead } from './response-head.ts';
import { bareUrl, hasListenableScheme, isLoopback } from './target-url.ts';

export interface ConnectionOptions {
  /** Absent where only `prepare` knows it. */
  readonly url: URL | undefined;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly policy: ConnectionPolicy;
  readonly withCredentials: boolean;
  /** The redirects whose target the next try goes to. */
  readonly keepRedirects: 'all' | 'permanent';
  readonly lastEventId: string;
  /** The most bytes of one event; the decoder's own cap when absent. */
  readonly maxEventBytes: number | undefined;
  readonly prepare: (attempt: Attempt) => RequestParts | Promise<RequestParts>;
  /**
   * Whether a request that may do something twice when it is sent twice (POST, PATCH) is sent again all the same.
   * @default true
   */
  readonly repeats?: boolean;
  /** @default one that is always there */
  readonly network?: Network;
  /** Called after each change of the phase but the first, with the error that led to it. Must not throw. */
  readonly onState: (state: ConnectionState, error: ConnectionError | undefined) => void;
  /**
   * Called for each event of an open connection. `origin` is that of the final URL; `hasOwnId` tells whether the event
   * brought its last event ID itself. Must not throw.
   */
  readonly onEvent: (message: EventMessage, origin: string, hasOwnId: boolean) => void;
  /** Reading goes on when what it returns has settled, or at once where it returns nothing. */
  readonly room?: () => Promise<void> | undefined;
}

/** For a body that nobody wants any more: that it may be broken already does not matter. */
const ignore = (): void => {};

/** The shell around the connection's state: requests, the reading of bodies, and one timer. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #decoder: EventStreamDecoder;
  #state: ConnectionState;
  /** The URL that was asked for last. */
  #asked: URL | undefined;
  /** Where requests for the URL asked for go: it is another after a redirect that is kept to. */
  #target: URL | undefined;
  /** Why the last try is over. */
  #failure: Failure | undefined;
  /** Whether a request went out that is not sent again unasked. */
  #isSpent = false;
  #finalId: string | undefined;
  readonly #offNetwork: (() => void) | undefined;
  /** The origin of the response being read. */
  #origin = '';
  /** Whether a block has set the last event ID since the last event. */
  #hasOwnId = false;
  #letGo: () => void = ignore;
  #timer: unknown;
  #timerAt = Infinity;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#asked = options.url;
    this.#target = options.url;
    this.#decoder = new EventStreamDecoder({
      lastEventId: options.lastEventId,
      maxEventBytes: options.maxEventBytes,
      onRetry: (ms) => {
        if (this.#state.phase === 'open') this.#send({ type: 'retry', serial: this.#state.serial, ms });
      },
      onId: () => {
        this.#hasOwnId = true;
        this.#bearFruit();
      },
      onEvent: (message) => {
        const hasOwnId = this.#hasOwnId;
        this.#hasOwnId = false;
        // A listener may have closed the connection at an earlier event of the same chunk.
        if (this.#state.phase !== 'open') return;
        this.#bearFruit();
        this.#options.onEvent(message, this.#origin, hasOwnId);
      },
    });
    const first = startConnection(this.#around());
    this.#state = first.state;
    this.#apply(first, first.state);
    this.#offNetwork = options.network?.onOnline(() => this.#send({ type: 'online' }));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The last event ID that the next request would carry. */
  get lastEventId(): string {
    return this.#finalId ?? this.#decoder.lastEventId;
  }

  /** Begins a try soon, before anything else can arrive: gives up the wait, or the open connection. */
  reconnect(): void {
    // Not in the middle of a chunk: what is left of it has to be given out before the next request names its last id.
    queueMicrotask(() => {
      this.#isSpent = false;
      this.#send({ type: 'reconnect' });
    });
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
    const before = this.#state;
    this.#apply(transition(before, input, this.#around()), before);
  }

  #around(): Surroundings {
    const { clock, policy, network } = this.#options;
    const online =
      network === undefined || network.isOnline || (this.#target !== undefined && isLoopback(this.#target));
    return { now: clock.now(), time: clock.time(), random: clock.random(), online, policy };
  }

  #apply(step: Step, before: ConnectionState): void {
    this.#state = step.state;
    if (step.state.phase === 'waiting') this.#failure = step.state.failure;
    if (step.state.phase === 'closed') {
      // The rest of the chunk being read is for nobody, so its ids do not count.
      this.#finalId ??= this.#decoder.lastEventId;
      this.#offNetwork?.();
    }
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
    const url = this.#target === undefined ? '' : bareUrl(this.#target);
    const details = { url, attempt, willRetry: state.phase === 'waiting' };
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

    const controller = new AbortController();
    this.#letGo = () => controller.abort();
    let target: URL;
    let init: FetchInit;
    try {
      const parts = await this.#prepare();
      if (!this.#isCurrent(serial)) return;
      target = parts.url;
      init = makeRequest(parts, {
        asked: this.#asked ?? target,
        lastEventId: this.lastEventId,
        withCredentials: this.#options.withCredentials,
        signal: controller.signal,
      });
    } catch (cause) {
      const message = `the request could not be made: ${describeException(cause)}`;
      // What an option may not be, it may not be the next time either.
      lose({ code: 'ERR_REQUEST', message, cause }, cause instanceof InvalidOptionError);
      return;
    }
    if (!hasListenableScheme(target)) {
      lose({ code: 'ERR_URL_SCHEME', message: `nothing can be asked for by the scheme "${target.protocol}"` }, true);
      return;
    }
    if (!isIdempotent(init.method) && this.#options.repeats === false) {
      if (this.#isSpent && this.#failure !== undefined) {
        lose(this.#failure, true);
        return;
      }
      this.#isSpent = true;
    }

    let answer: ResponseHead;
    try {
      answer = readHead(await this.#options.fetch(bareUrl(target), init), target);
    } catch (cause) {
      // Only someone else can have aborted it: a try that we abort is no longer current.
      const aborted = cause instanceof Error && cause.name === 'AbortError';
      const code = aborted ? 'ERR_ABORTED' : 'ERR_NETWORK';
      lose({ code, message: `the request failed: ${describeException(cause)}`, cause }, aborted);
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

  async #receive(
    serial: number,
    answer: ResponseHead,
    lose: (failure: Failure, final?: boolean) => void,
  ): Promise<void> {
    // The block that the connection before left unfinished is forgotten ([spec] 9.2.6).
    this.#decoder.end();
    this.#origin = answer.finalUrl.origin;
    const { status, contentType, retryAfter, date } = answer;
    if (status === 200) this.#keepTarget(answer);
    // A request that was refused for its credentials has done nothing.
    if (status === 401) this.#isSpent = false;
    const retryAfterMs = readRetryAfter(retryAfter, date, this.#options.clock.time());
    this.#send({ type: 'response', serial, status, contentType, retryAfterMs });

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
        lose({ code: 'ERR_NETWORK', message: `the stream broke: ${describeException(cause)}`, cause });
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
        lose(
          { code: tooLarge ? 'ERR_EVENT_TOO_LARGE' : 'ERR_NETWORK', message: describeException(cause), cause },
          true,
        );
        return;
      }
    }
  }

  #keepTarget(answer: ResponseHead): void {
    if (this.#options.keepRedirects === 'permanent') this.#target = answer.permanentUrl ?? this.#target;
    else if (answer.redirected) this.#target = answer.finalUrl;
  }

  /** The caller's part of the request, and where it goes. */
  async #prepare(): Promise<RequestParts & { readonly url: URL }> {
    const { lastEventId } = this;
    const { attempt, unauthorized } = this.#state as Connecting;
    const parts = await this.#options.prepare({ attempt, unauthorized, lastEventId });
    if (parts.url !== undefined && parts.url.href !== this.#asked?.href) {
      this.#asked = parts.url;
      this.#target = parts.url;
    }
    if (this.#target === undefined) throw new TypeError('there is no URL to ask');
    return { ...parts, url: this.#target };
  }
}
