import { checkClock, type Clock } from '../clock.ts';
import { checkFunction, checkInteger, checkNames, ServerError, shown } from '../errors.ts';
import { DURATION_FORM, parseDuration } from '../http/duration.ts';
import type { EventLog } from '../log/event-log.ts';
import { checkHubHeaders, type HubHeaders } from './hub/hub-headers.ts';
import { HubRunStore } from './hub/hub-run-store.ts';
import { LogRunStore } from './log/log-run-store.ts';
import { reportTo } from './report.ts';
import type { RunStore } from './store/run-store.ts';
import { checkTopicPart } from './store/run-topics.ts';

export interface RunsOptions {
  /** The log in which the runs are. It has to keep states of topics, as the logs of this project do. It is given, or `hub` is. */
  readonly log?: EventLog | undefined;
  /** The URL of the hub at which the runs are, below which it has `/topics`. It is given, or `log` is. */
  readonly hub?: string | URL | undefined;
  /**
   * With `hub`, the header fields of requests to it, such as `{ authorization: 'Bearer …' }`, or a function that gives them for each request, and once more if the hub answers 401. The hub has to allow to listen to,
   * publish to and manage the topics `runs`, `runs/*` and `runs-errors/*`, private events included.
   * @default none
   */
  readonly headers?: HubHeaders | undefined;
  /** With `hub`, makes the requests. @default the runtime's */
  readonly fetch?: typeof fetch | undefined;
  /** The topic below which the runs are: the run `a` is the topic `runs/a`. 1 to 128 characters, without what no id of a run has. @default 'runs' */
  readonly topic?: string | undefined;
  /**
   * Whether only listeners with a right to private events get the runs from a hub on the same log. What this object answers is not concerned.
   * @default true
   */
  readonly private?: boolean | undefined;
  /** Called with what callers may not notice, such as a chunk or an end that could not be stored, or a producer that does not wait. @default console.error */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** @default the system's clock */
  readonly clock?: Clock | undefined;
}

const RUNS_OPTIONS: Readonly<Record<keyof RunsOptions, true>> = {
  log: true,
  hub: true,
  headers: true,
  fetch: true,
  topic: true,
  private: true,
  onError: true,
  clock: true,
};

export interface StartOptions {
  /** How long after its last event the run is forgotten: milliseconds, or a text such as `24h`. From one second. @default '24h' */
  readonly ttl?: number | string | undefined;
  /**
   * How long the run outlives a producer that is silent, because its process has died: milliseconds, or a text such as `30s`. One second to 24 hours. While the
   * producer's process lives the lease is renewed.
   * @default '15s'
   */
  readonly lease?: number | string | undefined;
  /** How long a chunk waits for others that are stored with it, in milliseconds, 0 to 1000. @default 20 */
  readonly coalesceMs?: number | undefined;
  /**
   * Keeps a host running that ends with the request, such as that of a worker at the edge: called with a promise that resolves when the run is over.
   * @default nothing: the process goes on
   */
  readonly waitUntil?: ((over: Promise<unknown>) => void) | undefined;
}

const START_OPTIONS: Readonly<Record<keyof StartOptions, true>> = {
  ttl: true,
  lease: true,
  coalesceMs: true,
  waitUntil: true,
};

export interface ResumeOptions {
  /** Go on behind this place, which is the `id` of an item. An empty one counts as none. @default from the start of the run */
  readonly lastEventId?: string | undefined;
  /** Ends the reading when it aborts: nothing is thrown. @default nothing */
  readonly signal?: AbortSignal | undefined;
}

const RESUME_OPTIONS: Readonly<Record<keyof ResumeOptions, true>> = { lastEventId: true, signal: true };

export interface CheckedRunsOptions {
  readonly store: RunStore;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
}

export interface CheckedStartOptions {
  readonly ttlMs: number;
  readonly leaseMs: number;
  readonly coalesceMs: number;
  readonly waitUntil: StartOptions['waitUntil'];
}

const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;
const MAX_TTL_MS = 36_500 * DAY;
const MAX_TOPIC_LENGTH = 128;

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkRunsOptions(options: RunsOptions): CheckedRunsOptions {
  checkNames(options, RUNS_OPTIONS);
  const { topic = 'runs', private: isPrivate = true } = options;
  const clock = checkClock(options.clock);
  checkTopicPart(topic, 'The option topic', MAX_TOPIC_LENGTH);
  if (typeof isPrivate !== 'boolean') {
    throw new ServerError('ERR_INVALID_OPTION', `The option private is ${shown(isPrivate)}, but must be true or false`);
  }
  const given = checkFunction('onError', options.onError);
  const store = storeOf(options, { topic, private: isPrivate, clock });
  return { store, clock, onError: (error) => reportTo(given, error) };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function storeOf(
  { log, hub, headers, fetch: given }: RunsOptions,
  common: { readonly topic: string; readonly private: boolean; readonly clock: Clock },
): RunStore {
  if ((log === undefined) === (hub === undefined)) {
    const found = log === undefined ? 'neither log nor hub' : 'log and hub';
    throw new ServerError('ERR_INVALID_OPTION', `The options have ${found}, but runs are in one log or at one hub`);
  }
  if (log !== undefined) {
    const other = Object.entries({ headers, fetch: given }).find(([, value]) => value !== undefined);
    if (!other) return new LogRunStore(log, common);
    throw new ServerError('ERR_INVALID_OPTION', `The options have log and ${other[0]}, which is for a hub`);
  }
  checkFunction('fetch', given);
  return new HubRunStore({
    ...common,
    url: checkUrl(hub),
    headers: typeof headers === 'function' ? headers : checkHubHeaders(headers),
    // Called without this object, which some runtimes demand.
    fetch: given ?? ((...args) => fetch(...args)),
  });
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkUrl(hub: unknown): string {
  const text = hub instanceof URL ? hub.href : hub;
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.username !== '' || url.password !== '')) {
    // It is not shown: it has a secret, and fetch takes no such URL.
    const found = 'a URL with a user name or a password';
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `The option hub is ${found}, but what the hub asks for goes in headers`,
    );
  }
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') return url.href;
  const allowed = 'an absolute URL with http or https, without a query';
  throw new ServerError('ERR_INVALID_OPTION', `The option hub is ${shown(hub)}, but must be ${allowed}`);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkStartOptions(options: StartOptions): CheckedStartOptions {
  checkNames(options, START_OPTIONS);
  const { ttl = '24h', lease = '15s', coalesceMs = 20, waitUntil } = options;
  return {
    ttlMs: durationOf('ttl', ttl, SECOND, MAX_TTL_MS),
    leaseMs: durationOf('lease', lease, SECOND, DAY),
    coalesceMs: checkInteger('coalesceMs', coalesceMs, 0, SECOND),
    waitUntil: checkFunction('waitUntil', waitUntil),
  };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkResumeOptions(options: ResumeOptions): ResumeOptions {
  checkNames(options, RESUME_OPTIONS);
  const { lastEventId, signal } = options;
  const wrong = (name: string, found: unknown, allowed: string): ServerError =>
    new ServerError('ERR_INVALID_OPTION', `The option ${name} is ${shown(found)}, but must be ${allowed}`);
  if (lastEventId !== undefined && typeof lastEventId !== 'string') throw wrong('lastEventId', lastEventId, 'a string');
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrong('signal', signal, 'an AbortSignal');
  return options;
}

function durationOf(name: string, value: number | string, min: number, max: number): number {
  const ms = typeof value === 'number' ? value : parseDuration(value);
  if (ms !== undefined && Number.isInteger(ms) && ms >= min && ms <= max) return ms;
  const allowed = `an integer of milliseconds from ${min} to ${max}, or ${DURATION_FORM}`;
  throw new ServerError('ERR_INVALID_OPTION', `The option ${name} is ${shown(value)}, but must be ${allowed}`);
}
