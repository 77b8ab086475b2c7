import type { EventMessage } from '@tidings/wire';
import { EventStreamParser, TextReader } from '@tidings/wire/internal';
import { ConnectionError } from '../client-error.ts';
import type { Clock } from '../platform/clock.ts';
import * as State from './connection-state.ts';
import { isEventStream } from './content-type.ts';
import { describeException } from '../platform/exception-text.ts';
import type { Failure } from './failure.ts';
import type { Fetch, FetchResponse } from '../transport/fetch.ts';
import type { RequestBody } from './request-body.ts';
import { encodeLastEventId } from './request-headers.ts';

/** The caller's part of a request. */
export interface RequestParts {
  readonly method: string;
  /** By names in lower case, without the last event ID. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}

export type Prepared = readonly [url: string, parts: RequestParts] | Failure;

/** What a connection is to do, and whom it tells. */
export interface ConnectionPlan {
  readonly fetch: Fetch;
  readonly clock: Omit<Clock, 'time'>;
  readonly withCredentials: boolean;
  readonly lastEventId: string;
  /** The most bytes of one event; the decoder's own cap when absent. */
  readonly maxEventBytes?: number | undefined;
  readonly backoff: State.Backoff;
  /** The least wait until the server names another, in milliseconds. */
  readonly reconnectionMs: number;
  /**
   * Asked at each try, the first time before the caller has the connection: the URL, without credentials, and the rest of
   * the request. A `Failure` ends the try. What it answers once the signal has aborted is for nobody. Must not throw.
   */
  prepare(signal: AbortSignal): Prepared | Promise<Prepared>;
  /** Told of each response, and asked how long to stay away where that one is no stream, see `Failure`. */
  onResponse(response: FetchResponse): number;
  /** Awaited before each read of the body: when it is opened, and then when a chunk of it has been taken. */
  ready?(): Promise<void> | undefined;
  /** Called with each last event ID, before the event of the same block. */
  onId?(id: string): void;
  /** Called for each event, with the origin of the final URL. Must not throw. */
  onEvent(message: EventMessage, origin: string): void;
  /** Called after each change of the phase but the first, with the error that led to it. Must not throw. */
  onState(state: State.ConnectionState, error?: ConnectionError): void;
}

export interface Connection {
  /** Begins a try in place of the wait or of the open connection. Not in the middle of a chunk. */
  readonly retry: () => void;
  /** Gives up the try under way. */
  readonly fail: (failure: Failure) => void;
  /** Ends it for good. Nothing is told later but the closed phase, before this returns. */
  readonly close: () => void;
}

/** The shell around the connection's state: requests, the reading of bodies, and the timer of the wait. */
export function connect(plan: ConnectionPlan): Connection {
  const { clock } = plan;
  let state = State.begin(plan.reconnectionMs);
  let { lastEventId } = plan;
  /** Ends the try under way. A try whose signal has aborted is over, whatever it still learns. */
  let controller: AbortController | undefined;
  let timer: unknown;
  /** What was asked for last. */
  let url = '';

  /** Ends what goes on, and begins what comes next. */
  function enter(next: State.ConnectionState, error?: ConnectionError): void {
    controller?.abort();
    clock.clearTimeout(timer);
    state = next;
    if (next.phase === State.WAITING) timer = clock.setTimeout(retry, next.wait);
    if (next.phase === State.CONNECTING) void attempt();
    // Last, because whoever is told may close it.
    plan.onState(next, error);
  }

  function retry(): void {
    // Not while one is under way, nor once closed.
    if (state.phase % 2) enter(State.next(state));
  }

  function fail(failure: Failure): void {
    const next = State.lose(state, failure, clock.now(), clock.random(), plan.backoff);
    const willRetry = next.phase === State.WAITING;
    const { away: _away, stayedUp: _stayedUp, ...why } = failure;
    const tell = (fields: Failure): ConnectionError =>
      new ConnectionError({
        ...fields,
        message: `could not listen to ${url}: ${fields.message}`,
        url,
        attempt: state.attempt,
        willRetry,
      });
    let error = tell(why);
    if (willRetry && encodeLastEventId(lastEventId) === undefined) {
      error = tell({ code: 'ERR_LAST_EVENT_ID', message: 'no header can carry the last event ID', cause: error });
    }
    enter(next, error);
  }

  /** One try, from the request to the end of its stream. Never rejects. */
  async function attempt(): Promise<void> {
    const { signal } = (controller = new AbortController());
    try {
      const prepared = await plan.prepare(signal);
      if (signal.aborted) return;
      if ('code' in prepared) return fail(prepared);
      const [target, parts] = prepared;
      url = target;
      const id = encodeLastEventId(lastEventId);
      const response = await plan.fetch(url, {
        ...parts,
        headers: {
          accept: 'text/event-stream',
          ...parts.headers,
          ...(id && { 'last-event-id': id }),
        },
        credentials: plan.withCredentials ? 'include' : 'same-origin',
        cache: 'no-store',
        signal,
      });
      const reader = response.body?.getReader();
      // Some runtimes let go of a compressed body only when it is cancelled. It may be broken already.
      const letGo = (): void => void reader?.cancel().catch(() => {});
      if (signal.aborted) return letGo();
      signal.addEventListener('abort', letGo);

      const { status } = response;
      const type = response.headers.get('content-type');
      const away = plan.onResponse(response);
      // [spec] 9.2.3: status 200 and text/event-stream announce the connection; anything else fails it or is tried again.
      if (status !== 200 || !isEventStream(type)) {
        return fail({
          code: status === 200 ? 'ERR_CONTENT_TYPE' : 'ERR_STATUS',
          message: `found ${status} ${type}, allowed is 200 text/event-stream`,
          status,
          away,
        });
      }
      state = State.open(state, clock.now());
      plan.onState(state);

      let stayedUp = false;
      const { origin } = new URL(response.url || url);
      // [spec] 9.2.6: what the connection before left unfinished is forgotten, so each has a decoder of its own.
      const lines = new EventStreamParser(
        {
          lastEventId,
          maxEventBytes: plan.maxEventBytes,
          onRetry: (ms) => {
            state = State.name(state, ms);
          },
          // A listener may have closed the connection at an earlier event of the same chunk.
          onId: (received) => {
            if (signal.aborted) return;
            stayedUp = true;
            lastEventId = received;
            plan.onId?.(received);
          },
          onEvent: (message) => {
            if (signal.aborted) return;
            stayedUp = true;
            plan.onEvent(message, origin);
          },
        },
        (limit) => {
          throw Object.assign(new Error(`found an event of more than ${limit} bytes`), { code: 'ERR_EVENT_TOO_LARGE' });
        },
      );
      const text = new TextReader(lines);
      for (;;) {
        await plan.ready?.();
        const chunk = (await reader?.read())?.value;
        if (signal.aborted) return;
        if (!chunk) return fail({ code: 'ERR_STREAM_ENDED', message: 'the stream ended', stayedUp });
        // Not instanceof: a chunk may come from another realm
        if (chunk.BYTES_PER_ELEMENT !== 1) {
          throw new TypeError(`found a body of ${typeof chunk}s, allowed are Uint8Arrays`);
        }
        text.read(chunk);
      }
    } catch (cause) {
      if (signal.aborted) return;
      const { name, code } = Object(cause) as { name?: string; code?: string };
      // Only someone else can have aborted the request, and an event that is too large would come again.
      const isAborted = name === 'AbortError' && state.phase !== State.OPEN;
      const final = isAborted ? 'ERR_ABORTED' : code === 'ERR_EVENT_TOO_LARGE' && code;
      fail({
        code: final || 'ERR_NETWORK',
        message: describeException(cause),
        cause,
        away: final ? Infinity : 0,
      });
    }
  }

  void attempt();
  return {
    retry,
    fail,
    close() {
      if (state.phase !== State.CLOSED) enter(State.close(state));
    },
  };
}
