import { CLOSED_TYPE, isOwnType, OWN_TYPE_PREFIX, type EventFields } from '@tidings/wire';
import { ServerError, shown } from '../../errors.ts';
import { checkType } from '../../log/keeping/frame.ts';
import type { NewChunk, RunChunk, RunEnd } from './run.ts';
import type { RunOutcome } from './run-store.ts';

/** The types of the events of a run that are not its producer's own. */
const OWN_PREFIX = 'run-';
/** A text that the lines of an event cannot hold, as JSON; one with a type of its own is an object with `event` and `data`. */
const TEXT_TYPE = 'run-text';
/** Bytes, in base64. */
export const BYTES_TYPE = 'run-bytes';
/** The first event of a run: who reads from the start and finds another one in its place knows that the start is missing. */
export const BEGIN_TYPE = 'run-begin';
/** The last event of a run. */
export const END_TYPE = 'run-end';

/** An event stream turns CR into LF, and UTF-8 has no lone surrogates. */
const NOT_PLAIN = /\r|\p{Surrogate}/u;

/** The longest text of an error that is stored, in UTF-16 units. */
const MAX_ERROR_LENGTH = 8192;

/**
 * The fields with which a chunk is stored.
 * @throws {ServerError} `ERR_INVALID_EVENT`
 */
export function fieldsOfChunk(chunk: NewChunk): EventFields {
  if (typeof chunk === 'string') return fieldsOfText(chunk);
  if (chunk instanceof Uint8Array) return { event: BYTES_TYPE, data: toBase64(chunk) };
  const { event, data, ...others } = (chunk ?? {}) as Partial<Record<'event' | 'data', unknown>>;
  const [other] = Object.keys(others);
  if (typeof data !== 'string') {
    throw refused(`it is ${shown(chunk)}, but must be a text, a Uint8Array, or an object with data, a text`);
  }
  if (other !== undefined) throw refused(`it has ${JSON.stringify(other)}; allowed are event and data`);
  if (event === undefined || event === '') return fieldsOfText(data);
  if (typeof event !== 'string') throw refused(`its event is ${shown(event)}, but must be a text`);
  if (event.startsWith(OWN_PREFIX)) {
    throw refused(`its event is ${shown(event)}, but types that begin with ${OWN_PREFIX} are those of runs themselves`);
  }
  if (isOwnType(event)) {
    throw refused(
      `its event is ${shown(event)}, but types that begin with ${OWN_TYPE_PREFIX} are those of Tidings itself`,
    );
  }
  // At once: a log would refuse it later, when its producer is elsewhere.
  checkType(event, false);
  return NOT_PLAIN.test(data) ? { event: TEXT_TYPE, data: JSON.stringify({ event, data }) } : { event, data };
}

function fieldsOfText(text: string): EventFields {
  return NOT_PLAIN.test(text) ? { event: TEXT_TYPE, data: JSON.stringify(text) } : { data: text };
}

/** The fields of the first event of a run. */
export const BEGIN_FIELDS: EventFields = { event: BEGIN_TYPE, data: '{}' };

/** The fields of the last event of a run. */
export function fieldsOfEnd({ state }: Pick<RunOutcome, 'state'>): EventFields {
  return { event: END_TYPE, data: JSON.stringify({ state }) };
}

/** The fields with which the error of a run is stored, in its own topic. */
export function fieldsOfError(error: string): EventFields {
  return { data: JSON.stringify(error.slice(0, MAX_ERROR_LENGTH)) };
}

/** The error in the data of such an event. */
export function errorIn(data: string): string | undefined {
  const error = parsed(data);
  return typeof error === 'string' ? error : undefined;
}

/** An event as it is stored. */
export interface StoredEvent {
  readonly id: string;
  /** `message` if it has none. */
  readonly type: string;
  readonly data: string;
}

/** What a reader gets for an event that a producer has made. */
export function chunkOf({ id, type, data }: StoredEvent): RunChunk {
  return { type: 'chunk', id, ...contentOf(type, data) };
}

/** The end of a run that this event closes. */
export function endOf({ id, type, data }: StoredEvent): RunEnd {
  return { type: 'end', id, state: endState(type, data) };
}

function endState(type: string, data: string): RunEnd['state'] {
  const { state, reason } = (parsed(data) ?? {}) as { readonly state?: unknown; readonly reason?: unknown };
  if (type === CLOSED_TYPE) return reason === 'lease-expired' ? 'lost' : 'done';
  return state === 'failed' || state === 'stopped' ? state : 'done';
}

function contentOf(type: string, data: string): Pick<RunChunk, 'event' | 'data'> {
  if (type === BYTES_TYPE) return { event: 'message', data: fromBase64(data) };
  const held = type === TEXT_TYPE ? parsed(data) : undefined;
  if (typeof held === 'string') return { event: 'message', data: held };
  const { event, data: text } = (held ?? {}) as Partial<Record<'event' | 'data', unknown>>;
  return typeof event === 'string' && typeof text === 'string' ? { event, data: text } : { event: type, data };
}

/** A JSON value; undefined if the text is none, because others may have published it. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A call takes only so many arguments. */
const STEP = 8192;

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += STEP) binary += String.fromCharCode(...bytes.subarray(at, at + STEP));
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

function refused(found: string): ServerError {
  return new ServerError('ERR_INVALID_EVENT', `Cannot append a chunk to a run: ${found}`);
}
