import type { EventMessage } from '@tidings/wire';
import { nextTask, readBody } from '#runtime';
import { createTextReader, EventStreamParser } from '@tidings/wire/internal';
import { isEventStream } from './response.ts';
import { ClientError, ConnectionError, type FailureCode, lasting, messageOf, type ResponseHeaders } from '../errors.ts';
import type { BodyReader } from '../platform/body.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fetch, FetchInit, FetchResponse } from '../transport/fetch.ts';
import * as State from './connection-state.ts';
import { bareUrl, encodeLastEventId } from './request.ts';

/** The caller's part of a request. */
export interface RequestParts {
  readonly method: string;
  /** By names in lower case, without the last event ID. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: NonNullable<FetchInit['body']>;
}

/** How long chunks are read before others get their turn, in milliseconds. Guards against a body whose next chunk is always there. */
const TURN_MS = 8;

/** What to request, or why nothing can be requested. */
export type Prepared = RequestParts | State.Failure;

export interface ConnectionOptions {
  readonly fetch: Fetch;
  readonly clock: Pick<Clock, 'now' | 'random'>;
  readonly withCredentials?: boolean | undefined;
  /** @default '' */
  readonly lastEventId?: string;
  /** The most bytes of one event. If it is absent, the decoder's own limit applies. */
  readonly maxEventBytes?: number | undefined;
  readonly backoff: State.Backoff;
  /** The shortest wait until the server sets another, in milliseconds. */
  readonly reconnectionMs: number;
}

/** The functions of its owner that a connection calls. None of them may throw. */
export interface ConnectionHandlers {
  /**
   * Called at each attempt, the first time by the constructor of the connection: gives the request. A `Failure` ends the attempt.
   * The result is ignored once the signal has aborted, and only then may be missing.
   * @param setUrl - has to be called with the URL as soon as it is known, so that the errors of the attempt have it
   */
  prepare(signal: AbortSignal, setUrl: (url: URL) => void): Prepared | Promise<Prepared | undefined>;
  /** Called with each response. Its result says what follows where the response is not an event stream. */
  onResponse(response: FetchResponse): State.Retry;
  /**
   * Reads the start of the body of a response that is not an event stream. Without it the attempt fails at once.
   * @param cancel - cancels the body, so that its reader waits no longer
   */
  readRefusal?(body: BodyReader, cancel: () => void): Promise<string>;
  /**
   * Awaited before each read of the body: when the body was opened, and then after each chunk.
   * @param chunk - the one that was read before
   */
  beforeRead?(chunk: Uint8Array | undefined): Promise<void> | undefined;
  /**
   * Called for each event, with the origin of the final URL.
   * @param hasOwnId - whether a block has set the last event ID since the last event
   */
  onEvent(message: EventMessage, origin: string, hasOwnId: boolean): void;
  /**
   * Called after each change of the phase but the first, with the error that led to it. When the phase is to wait, the owner sets a
   * timer for `reconnect`.
   */
  onState(state: State.ConnectionState, error?: ConnectionError): void;
}

/** The shell around the state of a connection: it makes the requests and reads the bodies. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #handlers: ConnectionHandlers;
  /** The last event ID after everything that was given to `onEvent`. */
  lastEventId: string;
  #state: State.ConnectionState;
  #hasOwnId = false;
  /** The last event ID that this attempt goes on after, as it is sent. */
  #sentId: string | undefined;
  /** Ends the attempt under way. An attempt whose signal has aborted is over, whatever its request still brings. */
  #controller: AbortController | undefined;
  /** What this attempt requests, `''` until it is known. */
  #url!: string;

  constructor(options: ConnectionOptions, handlers: ConnectionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.lastEventId = options.lastEventId ?? '';
    this.#state = State.begin(options.reconnectionMs);
    void this.#attempt();
  }

  /** Begins an attempt in place of the wait or of the open connection. Must not be called in the middle of a chunk. */
  reconnect(): void {
    if (this.#state.phase === State.OPEN || this.#state.phase === State.WAITING)
      this.#enter(State.reconnect(this.#state));
  }

  /**
   * Gives up the attempt under way.
   * @param stayedUp - whether its connection has stayed up, however short it was
   */
  fail({ retry, ...reason }: State.Failure, stayedUp?: boolean): void {
    const { clock, backoff } = this.#options;
    const nextId = encodeLastEventId(this.lastEventId);
    const hasMoved = nextId !== this.#sentId;
    const next = State.lose(this.#state, clock.now(), clock.random(), backoff, retry, stayedUp, hasMoved);
    const willRetry = next.phase === State.WAITING;
    const errorFor = (fields: State.Failure): ConnectionError =>
      new ConnectionError({
        ...fields,
        message: `could not listen${this.#url && ` to ${this.#url}`}: ${fields.message}`,
        url: this.#url,
        attempt: this.#state.attempt,
        willRetry,
      });
    let error = errorFor(reason);
    if (willRetry && nextId === undefined) {
      error = errorFor({ code: 'ERR_LAST_EVENT_ID', message: 'invalid lastEventId', cause: error });
    }
    this.#enter(next, error);
  }

  /** Ends the connection for good. The closed phase is reported before this returns, and nothing after it. */
  close(): void {
    if (this.#state.phase !== State.CLOSED) this.#enter(State.close(this.#state));
  }

  /** Ends what is under way, and begins what comes next. */
  #enter(next: State.ConnectionState, error?: ConnectionError): void {
    this.#controller?.abort();
    this.#state = next;
    if (next.phase === State.CONNECTING) void this.#attempt();
    // This comes last, because the handler may close the connection.
    this.#handlers.onState(next, error);
  }

  /** One attempt, from the request to the end of its stream. Never rejects. */
  async #attempt(): Promise<void> {
    const { signal } = (this.#controller = new AbortController());
    try {
      this.#url = '';
      this.#sentId = encodeLastEventId(this.lastEventId);
      const parts = await this.#handlers.prepare(signal, (target) => {
        if (!signal.aborted) this.#url = bareUrl(target);
      });
      if (signal.aborted || !parts) return;
      if ('code' in parts) return this.fail(parts);
      // Not as a method: a browser's own fetch refuses to be called as one of another object.
      const { clock, fetch, withCredentials, maxEventBytes } = this.#options;
      const response = await fetch(this.#url, {
        ...parts,
        headers: {
          accept: 'text/event-stream',
          ...parts.headers,
          ...(this.#sentId && { 'last-event-id': this.#sentId }),
        },
        credentials: withCredentials ? 'include' : 'same-origin',
        cache: 'no-store',
        signal,
      });
      // A `fetch` that was given may be anything.
      const { status, headers } = Object(response) as FetchResponse;
      if (!(headers as Partial<ResponseHeaders> | undefined)?.get) {
        throw lasting('ERR_UNSUPPORTED', `${typeof response}, expected a Response`);
      }
      const reader = readBody(response.body);
      // Some runtimes free a compressed body only when it is cancelled. It may be broken already.
      const letGo = (): void => void reader?.cancel().catch(() => {});
      if (signal.aborted) return letGo();
      signal.addEventListener('abort', letGo);

      const type = headers.get('content-type') ?? 'no type';
      const retry = this.#handlers.onResponse(response);
      // [spec] 9.2.3: status 200 and the type text/event-stream announce a stream. Any other response fails the connection.
      if (status !== 200 || !isEventStream(type)) {
        const body = await (reader && this.#handlers.readRefusal?.(reader, letGo));
        if (signal.aborted) return;
        return this.fail({
          code: status !== 200 ? 'ERR_STATUS' : 'ERR_CONTENT_TYPE',
          message: `found ${status} ${type}, expected 200 text/event-stream`,
          status,
          headers,
          body,
          retry,
        });
      }
      // There is a body that cannot be read piece by piece: the platform, or the `fetch` that was given, cannot stream.
      if (!reader && response.body !== null) throw lasting('ERR_UNSUPPORTED', 'no stream');
      this.#state = State.open(this.#state, clock.now());
      this.#handlers.onState(this.#state);
      const { origin } = new URL(response.url || this.#url, this.#url);
      let stayedUp = false;
      // [spec] 9.2.6: what the last connection left unfinished is discarded, so each connection has a decoder of its own.
      const lines = new EventStreamParser(
        {
          lastEventId: this.lastEventId,
          maxEventBytes,
          onRetry: (ms) => {
            this.#state = State.setReconnectionTime(this.#state, ms);
          },
          // The handler of an earlier event of the same chunk may have closed the connection.
          onId: (id) => {
            if (signal.aborted) return;
            stayedUp = this.#hasOwnId = true;
            this.lastEventId = id;
          },
          onEvent: (message) => {
            if (signal.aborted) return;
            stayedUp = true;
            this.#handlers.onEvent(message, origin, this.#hasOwnId);
            this.#hasOwnId = false;
          },
        },
        (limit) => {
          throw lasting('ERR_EVENT_TOO_LARGE', `an event over ${limit} bytes`);
        },
      );
      const readText = createTextReader(lines);
      let turnAt = clock.now();
      let chunk: Uint8Array | undefined;
      for (;;) {
        await this.#handlers.beforeRead?.(chunk);
        if (clock.now() - turnAt > TURN_MS) {
          await nextTask();
          turnAt = clock.now();
        }
        chunk = (await reader?.read())?.value;
        if (signal.aborted) return;
        if (!chunk) return this.fail({ code: 'ERR_STREAM_ENDED', message: 'the stream ended' }, stayedUp);
        // Not instanceof: a chunk may come from another realm.
        if (chunk.BYTES_PER_ELEMENT !== 1) {
          throw lasting('ERR_UNSUPPORTED', `${typeof chunk}, expected a Uint8Array`);
        }
        readText(chunk);
      }
    } catch (cause) {
      if (signal.aborted) return;
      const name = (cause as { readonly name?: unknown } | undefined)?.name;
      // The code of an error that would come again with each attempt.
      let code: FailureCode | undefined;
      if (cause instanceof ClientError) code = cause.code as FailureCode;
      // The platform lacks something.
      else if (name === 'ReferenceError') code = 'ERR_UNSUPPORTED';
      // Only code outside of this class can have aborted the request.
      else if (name === 'AbortError' && this.#state.phase !== State.OPEN) code = 'ERR_ABORTED';
      this.fail({ code: code ?? 'ERR_NETWORK', message: messageOf(cause), cause, retry: code && State.NEVER });
    }
  }
}
