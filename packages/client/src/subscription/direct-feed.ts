import type { BodyReader } from '../platform/body.ts';
import type { EventMessage } from '@tidings/wire';
import { type Alarm, createAlarm } from '../platform/alarm.ts';
import * as State from '../connection/connection-state.ts';
import type { Feed, FeedHandlers } from '../connection/feed.ts';
import { basicAuthorization, isLoopback } from '../connection/request.ts';
import { readRetryAfter } from '../connection/response.ts';
import { Connection, type ConnectionHandlers, type Prepared } from '../connection/connection.ts';
import { ClientError, type ConnectionError, type FailureCode, InvalidOptionError, messageOf } from '../errors.ts';
import type { Bytes } from '../globals.ts';
import type { FetchResponse } from '../transport/fetch.ts';
import { checkBody, isFunction, isIdempotent, readHeaders, readMethod, readUrl } from './option-checks.ts';
import type { Attempt, PerAttempt } from './options.ts';
import type { SubscriptionSettings } from './settings.ts';

/** A browser can be wrong about being offline, so an attempt is made this long after it was due, in milliseconds. */
const OFFLINE_WAIT_MS = 60_000;

/** The most bytes of a refusal that are kept. Guards against a page of megabytes, which each error would hold. */
const MAX_REFUSAL_BYTES = 4_096;

/** How long the body of a refusal is read, in milliseconds. Guards against one that never ends. */
const REFUSAL_MS = 1_000;

/** The names of the phases, by their numbers. */
const PHASES = ['connecting', 'open', 'closed', 'waiting'] as const;

/** A connection for one subscription. It retries, times out and makes its requests as the settings say. */
export class DirectFeed implements Feed, ConnectionHandlers {
  readonly #settings: SubscriptionSettings;
  readonly #handlers: FeedHandlers;
  /** The one timer. It ends the wait for the next attempt, or else an attempt whose server is silent for too long. */
  readonly #alarm: Alarm;
  readonly #connection: Connection;
  readonly #leaveNetwork: () => void;
  #state: State.ConnectionState = State.begin(0);
  /** Why the last attempt failed, until one succeeds. */
  #lastError: ConnectionError | undefined;
  /** Whether the last request was to this machine. */
  #isLocal = false;
  /** Whether a request was sent that must not be repeated. */
  #isSpent = false;
  /** Whether the next attempt was due and has been put off, because there is no network. */
  #isPutOff = false;
  /** How long the server may be silent, in milliseconds, and the code of the failure if it is silent for longer. */
  #silenceMs!: number;
  #silenceCode!: FailureCode;

  constructor(settings: SubscriptionSettings, lastEventId: string, handlers: FeedHandlers) {
    const { clock, network } = settings;
    this.#settings = settings;
    this.#handlers = handlers;
    this.#alarm = createAlarm(clock, () => {
      // The other end may be gone for long, and nothing would ever say so.
      if (this.#state.phase !== State.WAITING) {
        this.#connection.fail({ code: 'ERR_SUSPENDED', message: 'the machine slept' });
      }
      this.#connection.reconnect();
    });
    this.#connection = new Connection({ ...settings, lastEventId, reconnectionMs: 0 }, this);
    this.#begin();
    this.#leaveNetwork = network.onOnline(() => {
      // If a server has answered, the wait is not for the network.
      const isAwaited = this.#isPutOff || this.#lastError?.status === undefined;
      if (isAwaited && this.#state.phase === State.WAITING) this.#connection.reconnect();
    });
  }

  get lastEventId(): string {
    return this.#connection.lastEventId;
  }

  reconnect(): void {
    // Not in the middle of a chunk: the rest of it has to be given out before the next request names its last ID.
    void Promise.resolve().then(() => {
      this.#isSpent = false;
      this.#connection.reconnect();
    });
  }

  close(): void {
    this.#connection.close();
  }

  /** Makes the request of an attempt from the options, some of which may be functions. */
  async prepare(signal: AbortSignal, setUrl: (url: URL) => void): Promise<Prepared | undefined> {
    // Nothing is requested before the caller has the subscription.
    await Promise.resolve();
    if (signal.aborted) return undefined;
    const settings = this.#settings;
    const error = this.#lastError;
    const attempt: Attempt = {
      attempt: this.#state.attempt,
      unauthorized: error?.status === 401,
      lastEventId: this.lastEventId,
    };
    const valueOf = <T>(value: PerAttempt<T>) => (isFunction(value) ? value(attempt) : value);
    try {
      const url = readUrl(await valueOf(settings.url), setUrl);
      const method = readMethod(await valueOf(settings.method));
      let body = (await valueOf(settings.body)) as string | object | undefined;
      let given = readHeaders(await valueOf(settings.headers));
      checkBody(body, method);
      // A fetch that has a FormData of its own, such as undici's, would send another one as the text "[object FormData]".
      if (typeof body === 'object' && !('byteLength' in body)) {
        // It takes over the headers, and adds the content type of the body if they have none.
        const content = new Response(body as BodyInit, { headers: given });
        given = content.headers;
        body = await content.arrayBuffer();
      }
      // Otherwise an attempt that is over would mark the request as spent for the next one.
      if (signal.aborted) return undefined;
      this.#isLocal = isLoopback(url);
      if (!settings.repeats && !isIdempotent(method)) {
        if (this.#isSpent && error) {
          return {
            ...(error as State.Failure),
            message: `${method} is not sent again`,
            cause: error,
            retry: State.NEVER,
          };
        }
        this.#isSpent = true;
      }
      return {
        method,
        headers: { ...basicAuthorization(url), ...Object.fromEntries(given) },
        ...(body !== undefined && { body: body as string | Bytes }),
      };
    } catch (cause) {
      // A value that is not allowed now is not allowed the next time either.
      return {
        code: 'ERR_REQUEST',
        message: messageOf(cause),
        cause,
        retry: cause instanceof InvalidOptionError ? State.NEVER : undefined,
      };
    }
  }

  /** The wait for the next attempt is over. Without a network it goes on. */
  #endWait(): void {
    if (this.#isPutOff || this.#isLocal || this.#settings.network.isOnline) return this.#connection.reconnect();
    this.#isPutOff = true;
    this.#report(OFFLINE_WAIT_MS, this.#lastError);
  }

  /** When the next attempt follows a response that is not an event stream. */
  onResponse({ status, headers }: FetchResponse): State.Retry {
    const { refreshes, clock, 'retry.retryStatus': retryStatus, 'retry.maxRetryAfterMs': maxMs } = this.#settings;
    if (status === 401) {
      // A request that was refused for its credentials has done nothing.
      this.#isSpent = false;
      if (refreshes && this.#lastError?.status !== 401) return State.AT_ONCE;
    }
    try {
      if (status === 200 || status === 204 || !retryStatus(status)) return State.NEVER;
    } catch (cause) {
      // It would throw again at each attempt.
      throw new ClientError({ code: 'ERR_REQUEST', message: messageOf(cause), cause });
    }
    return Math.min(readRetryAfter(headers.get('retry-after'), headers.get('date'), clock.time()), maxMs);
  }

  async readRefusal(body: BodyReader, cancel: () => void): Promise<string> {
    this.#alarm.set(REFUSAL_MS, cancel);
    const decoder = new TextDecoder();
    let text = '';
    let room = MAX_REFUSAL_BYTES;
    try {
      let chunk: Uint8Array | undefined;
      while (room > 0 && (chunk = (await body.read()).value)) {
        text += decoder.decode(chunk.subarray(0, room), { stream: true });
        room -= chunk.length;
      }
    } catch {
      // What arrived before the body broke counts.
    }
    return text;
  }

  beforeRead(chunk: Uint8Array | undefined): Promise<void> | undefined {
    const { firstByteTimeoutMs, idleTimeoutMs } = this.#settings;
    if (chunk || firstByteTimeoutMs > idleTimeoutMs) this.#limitSilence('ERR_IDLE_TIMEOUT', idleTimeoutMs);
    else this.#limitSilence('ERR_FIRST_BYTE_TIMEOUT', firstByteTimeoutMs);
    const room = this.#handlers.room();
    // A stream that is not read is not silent.
    if (room) this.#alarm.putOff(Infinity);
    return room?.then(() => {
      if (this.#state.phase === State.OPEN) this.#alarm.putOff(this.#silenceMs);
    });
  }

  onEvent(message: EventMessage, _origin: string, hasOwnId: boolean): void {
    this.#handlers.onEvent(message, hasOwnId);
  }

  /** An attempt begins. From now on the alarm ends one whose server is silent for too long. */
  #begin(): void {
    this.#alarm.set(Infinity, () => {
      this.#connection.fail({ code: this.#silenceCode, message: `nothing arrived for ${this.#silenceMs} ms` });
    });
    this.#limitSilence('ERR_CONNECT_TIMEOUT', this.#settings.connectTimeoutMs);
  }

  #limitSilence(code: FailureCode, ms: number): void {
    this.#silenceCode = code;
    this.#silenceMs = ms;
    this.#alarm.putOff(ms);
  }

  onState(state: State.ConnectionState, error?: ConnectionError): void {
    const { phase, waitMs } = (this.#state = state);
    this.#isPutOff = false;
    if (phase === State.CONNECTING) this.#begin();
    else this.#lastError = error;
    if (phase === State.CLOSED) {
      this.#alarm.clear();
      this.#leaveNetwork();
    }
    // A stream that the server ended is over, and has not failed, unless the consumer waits for an end of another kind.
    const isEnd = phase === State.CLOSED && (error?.status === 204 || error?.code === 'ERR_STREAM_ENDED');
    this.#report(waitMs, isEnd && !this.#settings.until ? undefined : error);
  }

  /** Reports the state. While waiting, the wait begins. */
  #report(waitMs: number, error?: ConnectionError): void {
    const { phase, attempt } = this.#state;
    const isWaiting = phase === State.WAITING;
    if (isWaiting) this.#alarm.set(waitMs, () => this.#endWait());
    this.#handlers.onState({
      phase: PHASES[phase],
      attempt,
      ...(isWaiting && { retryAt: Math.round(this.#settings.clock.time() + waitMs) }),
      ...(error && { error }),
    });
  }
}
