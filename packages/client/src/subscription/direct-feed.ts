import { createAlarm } from '../platform/alarm.ts';
import { fullJitter } from '../connection/backoff.ts';
import { type ConnectionError, InvalidOptionError } from '../client-error.ts';
import { CLOSED, CONNECTING, type ConnectionState, OPEN, WAITING } from '../connection/connection-state.ts';
import { connect, type Prepared } from '../connection/connection.ts';
import { describeException } from '../platform/exception-text.ts';
import type { FailureCode } from '../error-codes.ts';
import type { Feed, FeedHandlers } from './feed.ts';
import { isIdempotent } from '../platform/method.ts';
import { isFunction } from '../platform/option-check.ts';
import { checkBody } from '../connection/request-body.ts';
import { basicAuthorization } from '../connection/request-headers.ts';
import { readRetryAfter } from '../connection/retry-after.ts';
import type { Attempt, PerTry } from './options.ts';
import { readHeaders, readMethod, readUrl, type SubscriptionSettings } from './settings.ts';
import { bareUrl, isLoopback } from '../connection/target-url.ts';

/** A browser can be wrong about being offline, so a try is made this long after it was due, in milliseconds. */
const OFFLINE_WAIT_MS = 60_000;

const PHASES = ['connecting', 'open', 'closed', 'waiting'] as const;

/** A connection for one subscription: what `connect()` leaves to its caller, as the settings say. */
export function openDirectFeed(settings: SubscriptionSettings, lastEventId: string, handlers: FeedHandlers): Feed {
  const { clock, network, connectTimeoutMs, firstByteTimeoutMs, idleTimeoutMs } = settings;
  let phase: ConnectionState['phase'] = CONNECTING;
  let attempt = 1;
  /** Why the last try failed, until one succeeds. */
  let error: ConnectionError | undefined;
  /** The URL that was asked for last. */
  let target: URL | undefined;
  let id = lastEventId;
  /** Whether a block has set the last event ID since the last event. */
  let hasOwnId = false;
  /** Whether a request went out that is not sent again unasked. */
  let isSpent = false;
  /** Whether the next try was due and has been put off because there is no network. */
  let isPutOff = false;
  /** Whether the body is being read, so that the next time around something has arrived. */
  let hasBegun = false;
  /** How long the server may be silent, and what it is when it was. */
  let silence: readonly [code: FailureCode, ms: number];

  const alarm = createAlarm(clock, () => {
    // The other end may be long gone, and nothing would ever tell.
    if (phase !== WAITING) connection.fail({ code: 'ERR_SUSPENDED', message: 'the machine slept' });
    connection.retry();
  });

  function limit(...now: typeof silence): void {
    silence = now;
    alarm.set(now[1], () => {
      const [code, ms] = silence;
      connection.fail({ code, message: `nothing arrived for ${ms} ms` });
    });
  }

  function tell(wait = 0, failure?: ConnectionError): void {
    handlers.onState({
      phase: PHASES[phase],
      attempt,
      ...(phase === WAITING && { retryAt: Math.round(clock.time() + wait) }),
      ...(failure && { error: failure }),
    });
  }

  async function prepare(signal: AbortSignal): Promise<Prepared> {
    const details: Attempt = { attempt, unauthorized: error?.status === 401, lastEventId: id };
    const valueOf = <T>(value: PerTry<T>) => (isFunction(value) ? value(details) : value);
    try {
      // Nothing is asked for before the caller has the subscription.
      await Promise.resolve();
      signal.throwIfAborted();
      const url = readUrl(await valueOf(settings.url));
      const method = readMethod(await valueOf(settings.method));
      const body = await valueOf(settings.body);
      const given = readHeaders(await valueOf(settings.headers));
      given.delete('last-event-id');
      checkBody(body, method);
      // What a try does that is over would otherwise be held against the next one.
      signal.throwIfAborted();
      target = url;
      if (!settings.repeats && !isIdempotent(method)) {
        if (isSpent && error) {
          const { code, status } = error;
          return {
            code,
            message: `${method} is not sent again`,
            cause: error,
            away: Infinity,
            ...(status && { status }),
          };
        }
        isSpent = true;
      }
      const headers = { ...basicAuthorization(url), ...Object.fromEntries(given) };
      return [bareUrl(url), { method, headers, ...(body !== undefined && { body }) }];
    } catch (cause) {
      // What an option may not be, it may not be the next time either.
      const away = cause instanceof InvalidOptionError ? Infinity : 0;
      return { code: 'ERR_REQUEST', message: describeException(cause), cause, away };
    }
  }

  const connection = connect({
    fetch: settings.fetch,
    clock: {
      now: () => clock.now(),
      random: () => clock.random(),
      // The wait for the next try.
      setTimeout: (retry, ms) =>
        alarm.set(ms, () => {
          if (isPutOff || network.isOnline || (target && isLoopback(target))) return retry();
          isPutOff = true;
          alarm.set(OFFLINE_WAIT_MS, retry);
          tell(OFFLINE_WAIT_MS, error);
        }),
      clearTimeout: alarm.clear,
    },
    withCredentials: settings.withCredentials ?? false,
    lastEventId,
    maxEventBytes: Math.floor(Math.min(settings.maxEventBytes, Number.MAX_SAFE_INTEGER)),
    backoff: fullJitter(settings.initialMs, settings.maxMs, settings.maxAttempts),
    reconnectionMs: 0,
    prepare,
    onResponse({ status, headers }) {
      if (status === 401) {
        // A request that was refused for its credentials has done nothing.
        isSpent = false;
        if (settings.refreshes && error?.status !== 401) return -1;
      }
      if (status === 200 || status === 204 || !settings.retryStatus(status)) return Infinity;
      return Math.min(
        readRetryAfter(headers.get('retry-after'), headers.get('date'), clock.time()),
        settings.maxRetryAfterMs,
      );
    },
    ready() {
      if (hasBegun) {
        silence = ['ERR_IDLE_TIMEOUT', idleTimeoutMs];
        alarm.putOff(idleTimeoutMs);
      }
      hasBegun = true;
      const room = handlers.room();
      // A stream that we do not read is not silent.
      if (room) alarm.putOff(Infinity);
      return room?.then(() => {
        if (phase === OPEN) alarm.putOff(silence[1]);
      });
    },
    onId(next) {
      id = next;
      hasOwnId = true;
    },
    onEvent(message) {
      const brought = hasOwnId;
      hasOwnId = false;
      handlers.onEvent(message, brought);
    },
    onState(state, failure) {
      ({ phase } = state);
      isPutOff = hasBegun = false;
      if (phase !== CLOSED) ({ attempt } = state);
      if (phase === CONNECTING) limit('ERR_CONNECT_TIMEOUT', connectTimeoutMs);
      if (phase === OPEN) {
        error = undefined;
        if (firstByteTimeoutMs > idleTimeoutMs) limit('ERR_IDLE_TIMEOUT', idleTimeoutMs);
        else limit('ERR_FIRST_BYTE_TIMEOUT', firstByteTimeoutMs);
      }
      if (failure) error = failure;
      if (phase === CLOSED) leaveNetwork();
      // What the server ended is over, not broken.
      const isEnd = phase === CLOSED && (failure?.status === 204 || failure?.code === 'ERR_STREAM_ENDED');
      tell(state.wait, isEnd ? undefined : failure);
    },
  });
  limit('ERR_CONNECT_TIMEOUT', connectTimeoutMs);
  const leaveNetwork = network.onOnline(() => {
    // A server that answered was not waited for because of the network.
    if (phase === WAITING && (isPutOff || error?.status === undefined)) connection.retry();
  });

  return {
    get lastEventId() {
      return id;
    },
    // Not in the middle of a chunk: what is left of it has to be given out before the next request names its last id.
    reconnect: () =>
      queueMicrotask(() => {
        isSpent = false;
        connection.retry();
      }),
    close: connection.close,
  };
}
