import { GAP_TYPE } from '@tidings/wire';
import { ServerError, suggestion } from '../errors.ts';
import type { Since } from '../log/event-log.ts';
import { HEARTBEATS, type Heartbeat } from '../sink/keep-alive.ts';
import { DURATION_FORM, formatDuration, parseDuration } from './duration.ts';
import { parseTime, TIME_FORM } from './time.ts';
import type { RequestHead } from './request.ts';

/** The parameters of a listener, from its header fields and the query of its URL. */
export interface ListenParameters {
  /** The last event ID: an id, a cursor or `earliest`, or an empty string if the request has none. */
  readonly lastEventId: string;
  /** With how many of the newest events the stream begins if there is no last event ID; undefined if the request does not say. */
  readonly last: number | undefined;
  /** The time since which events are wanted if there is no last event ID; undefined if the request does not say. */
  readonly since?: Since | undefined;
  /** The types of events that are wanted, that of gaps among them; undefined if all are. */
  readonly types?: readonly string[] | undefined;
  /** How the stream is kept alive; undefined if the request does not say. */
  readonly heartbeat: Heartbeat | undefined;
}

/** The names of the query parameter that stands for `Last-Event-ID`. Each is the one that some client of others sends. */
const LAST_EVENT_ID: readonly string[] = [
  'lastEventId',
  'lastEventID',
  'Last-Event-ID',
  'last_event_id',
  'evs_last_event_id',
];

/**
 * Parameters that clients of others add by themselves, without `-`, `_` and `.` (PROTOCOL §5.7). They mean nothing here: signals of
 * datastar, padding that old polyfills ask for, Angular's way past its service worker, and what keeps caches out (`_` of jQuery is empty here).
 */
const ADDED_BY_CLIENTS =
  /^(?:datastar|padding|evspreamble|evsbuffersizelimit|ngswbypass|t|ts|time|timestamp|dc|r|rnd|rand|random|cb|bust|nocache|cachebust|cachebuster|cachebusting|orghtmxcachebuster|)$/i;

/** The names of the query parameters that {@link listenParameters} reads. */
export const LISTEN_PARAMETERS: readonly string[] = [...LAST_EVENT_ID, 'last', 'heartbeat'];

/** The names of the query parameters that {@link historyParameters} reads. */
export const HISTORY_PARAMETERS: readonly string[] = ['since', 'type'];

/** Guards the log against long replays that are requested by mistake. */
const MAX_LAST = 10_000;

/** Guards the memory: every listener keeps its types. */
export const MAX_TYPES = 100;
const MAX_TYPE_BYTES = 1024;

/** Most requests have no query, so they share one object. */
const NONE: URLSearchParams = new URLSearchParams();

/** The query parameters of a URL, which may be absolute or the target of a request line. */
export function queryOf(url: string): URLSearchParams {
  const [target = ''] = url.split('#', 1);
  const query = target.indexOf('?');
  return query === -1 ? NONE : new URLSearchParams(target.slice(query + 1));
}

/**
 * Returns the last event ID of a request: its `Last-Event-ID`, else `lastEventId` or another name of it in the query,
 * where a page can put it for the first connection of an `EventSource`. Without any it returns an empty string.
 */
export function lastEventIdOf(head: RequestHead, query: URLSearchParams = queryOf(head.url)): string {
  const sent = head.header('last-event-id');
  if (sent !== undefined && sent !== '') return sent;
  if (query.size === 0) return '';
  for (const name of LAST_EVENT_ID) {
    const value = query.get(name);
    if (value) return value;
  }
  return '';
}

/**
 * Reads the parameters of a listener. It ignores parameters with other names; {@link checkParameters} refuses them.
 * @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function listenParameters(head: RequestHead, query: URLSearchParams = queryOf(head.url)): ListenParameters {
  for (const name of LISTEN_PARAMETERS) parameter(query, name);
  return {
    lastEventId: lastEventIdOf(head, query),
    last: wholeNumber(query, 'last', 0, MAX_LAST),
    heartbeat: choice(query, 'heartbeat', HEARTBEATS) ?? (acceptsEvents(head) ? undefined : 'comment'),
  };
}

/**
 * Reads further parameters of a listener, for a server that has no query parameters of other meanings.
 * @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function historyParameters(query: URLSearchParams): Pick<ListenParameters, 'since' | 'types'> {
  const since = sinceOf(query);
  if (since !== undefined && query.has('last')) throw invalid('The query has last and since', 'one of them');
  return { since, types: typesOf(query) };
}

/**
 * Whether a listener takes events that it did not ask for. Helpers of language models ask for JSON, read the data of every event as that, and fail on
 * any other.
 */
function acceptsEvents(head: RequestHead): boolean {
  const accept = head.header('accept') ?? '';
  return accept === '' || /(?:^|,)\s*(?:text\/event-stream|text\/\*|\*\/\*)\s*(?:[;,]|$)/i.test(accept);
}

/**
 * Refuses query parameters of other names, so that a misspelled one is not overlooked. Those that clients add by themselves are ignored.
 * @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function checkParameters(query: URLSearchParams, allowed: readonly string[]): void {
  for (const name of query.keys()) {
    if (allowed.includes(name) || ADDED_BY_CLIENTS.test(name.replaceAll(/[-_.]/g, ''))) continue;
    const nearest = name.length > 64 ? '' : suggestion(name, allowed);
    const known = allowed.length === 0 ? 'none is allowed here' : `allowed are ${allowed.join(', ')}`;
    const found = `There is no query parameter ${JSON.stringify(name)}; ${known}${nearest}`;
    throw new ServerError('ERR_INVALID_PARAMETER', found);
  }
}

/**
 * Returns the value of a parameter that may be given once, or undefined if it is not given.
 * @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function parameter(query: URLSearchParams, name: string): string | undefined {
  if (query.size === 0) return undefined;
  const values = query.getAll(name);
  if (values.length < 2) return values[0];
  throw invalid(`The query parameter ${name} is given ${values.length} times`, 'one');
}

/**
 * Returns the value of a parameter that is a whole number from `least` to `most`, or undefined if it is not given.
 * @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function wholeNumber(query: URLSearchParams, name: string, least: number, most: number): number | undefined {
  const text = parameter(query, name);
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (value >= least && value <= most) return value;
  throw invalid(`The query parameter ${name} is ${JSON.stringify(text)}`, `a whole number from ${least} to ${most}`);
}

/**
 * Returns the value of a parameter that is a duration with a unit, such as `30s`, in milliseconds, or undefined if it is not given.
 * @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function duration(query: URLSearchParams, name: string, maxMs: number): number | undefined {
  const text = parameter(query, name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= maxMs) return ms;
  throw invalid(
    `The query parameter ${name} is ${JSON.stringify(text)}`,
    `${DURATION_FORM}, of at most ${formatDuration(maxMs)}`,
  );
}

/** The time since which events are wanted: a time in ISO 8601, or how long ago it is. @throws {ServerError} `ERR_INVALID_PARAMETER` */
function sinceOf(query: URLSearchParams): Since | undefined {
  const text = parameter(query, 'since');
  if (text === undefined) return undefined;
  const ago = parseDuration(text);
  if (ago !== undefined) return { ago };
  // In a query a plus sign stands for a space.
  const at = parseTime(text.replace(' ', '+'));
  if (at !== undefined) return { at };
  throw invalid(`The query parameter since is ${JSON.stringify(text)}`, `${TIME_FORM}, or ${DURATION_FORM}`);
}

/** The types of events that are wanted, each once. @throws {ServerError} `ERR_INVALID_PARAMETER` */
function typesOf(query: URLSearchParams): readonly string[] | undefined {
  const types = [...new Set(query.getAll('type'))].toSorted();
  if (types.length === 0) return undefined;
  if (types.length > MAX_TYPES) throw invalid(`The query has ${types.length} types`, `at most ${MAX_TYPES}`);
  const wrong = types.find((type) => type === '' || new TextEncoder().encode(type).length > MAX_TYPE_BYTES);
  if (wrong === undefined) return [...types, GAP_TYPE];
  throw invalid(
    `A query parameter type has ${wrong === '' ? 'no value' : `${wrong.length} characters`}`,
    `1 to ${MAX_TYPE_BYTES} bytes; events without a type have the type message`,
  );
}

/**
 * Returns the value of a parameter that is one of a few words, or undefined if it is not given.
 * @throws {ServerError} `ERR_INVALID_PARAMETER`
 */
export function choice<T extends string>(query: URLSearchParams, name: string, allowed: readonly T[]): T | undefined {
  const text = parameter(query, name);
  if (text === undefined) return undefined;
  const found = allowed.find((each) => each === text);
  if (found !== undefined) return found;
  throw invalid(`The query parameter ${name} is ${JSON.stringify(text)}`, allowed);
}

function invalid(found: string, allowed: string | readonly string[]): ServerError {
  const names = typeof allowed === 'string' ? `allowed is ${allowed}` : `allowed are ${allowed.join(', ')}`;
  return new ServerError('ERR_INVALID_PARAMETER', `${found}; ${names}`);
}
