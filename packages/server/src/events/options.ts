import { GAP_TYPE } from '@tidings/wire';
import { type Authentication, checkRights, may, type Rights } from '../audience/rights.ts';
import { checkInteger, checkNames, ServerError } from '../errors.ts';
import { DURATION_FORM, parseDuration } from '../http/duration.ts';
import { MAX_TYPES } from '../http/parameters.ts';
import { parseTime, TIME_FORM } from '../http/time.ts';
import type { Since } from '../log/event-log.ts';
import type { Matcher, Selection } from '../log/selection.ts';

export interface EventsOptions {
  /**
   * Begin after this cursor or publisher's id, or with the earliest event that is kept if it is `earliest`. An empty one counts as none.
   * @default with events that are published after the call
   */
  readonly lastEventId?: string | undefined;
  /** Begin with this many of the newest events, if there is no last event ID. An integer from 0. @default none */
  readonly last?: number | undefined;
  /**
   * Begin with the first kept event that was published at this time or later, if there is no last event ID: a `Date`, or a text as `?since=` has it (PROTOCOL §5.12),
   * which is a time such as `2026-11-28T10:00:00Z`, or how long before the call it is, such as `10m`. It is not given together with `last`. @default none
   */
  readonly since?: Date | string | undefined;
  /** Only events of these types, 1 to 100; `message` is the type of events without one. Gaps are told whatever is selected. @default all */
  readonly types?: readonly string[] | undefined;
  /**
   * Whose events these are: what `authenticate` found out about a request. The rights decide as for a listener, which private events there are and which
   * events the filter lets pass. When they expire the iteration ends with `ERR_FORBIDDEN`.
   * @default those of the program: everything, private events included
   */
  readonly rights?: Authentication | undefined;
  /** Ends the iteration when it aborts, as `return()` does: nothing is thrown. @default nothing */
  readonly signal?: AbortSignal | undefined;
}

const NAMES: Readonly<Record<keyof EventsOptions, true>> = {
  lastEventId: true,
  last: true,
  since: true,
  types: true,
  rights: true,
  signal: true,
};

/** What an iteration gives. */
interface CheckedRequest {
  readonly selection: Selection;
  readonly since: Since | undefined;
  /** Undefined for the program itself. */
  readonly rights: Rights | undefined;
}

/**
 * @param topics what is asked for
 * @param time milliseconds since 1970
 * @throws {ServerError} `ERR_INVALID_OPTION`, `ERR_INVALID_RIGHTS`, `ERR_FORBIDDEN`
 */
export function checkRequest(topics: Selection['topics'], options: EventsOptions, time: number): CheckedRequest {
  checkNames(options, NAMES);
  const { lastEventId, last, signal } = options;
  if (lastEventId !== undefined && typeof lastEventId !== 'string')
    throw invalid('lastEventId', lastEventId, 'a string');
  if (last !== undefined) checkInteger('last', last, 0, Number.MAX_SAFE_INTEGER);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal', signal, 'an AbortSignal');
  const since = sinceOf(options);
  const types = typesOf(options);
  if (options.rights === undefined) return { selection: { topics, private: 'all', types }, since, rights: undefined };
  const rights = checkRights(options.rights, time);
  if (!rights.allow) throw forbidden('the rights are a refusal, or have expired');
  requireListen(rights, topics);
  return { selection: { topics, private: rights.private ?? [], types }, since, rights };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function sinceOf({ since, last }: EventsOptions): Since | undefined {
  if (since === undefined) return undefined;
  if (last !== undefined) {
    throw new ServerError(
      'ERR_INVALID_OPTION',
      'The options have last and since, but an iteration begins at one place',
    );
  }
  const ago = parseDuration(since);
  if (ago !== undefined) return { ago };
  const at = since instanceof Date ? since.getTime() : typeof since === 'string' ? parseTime(since) : undefined;
  if (at !== undefined && !Number.isNaN(at)) return { at };
  throw invalid('since', since, `a Date that exists, ${TIME_FORM}, or ${DURATION_FORM}`);
}

/** The types, that of gaps among them. @throws {ServerError} `ERR_INVALID_OPTION` */
function typesOf({ types }: EventsOptions): readonly string[] | undefined {
  if (types === undefined) return undefined;
  if (!Array.isArray(types)) throw invalid('types', types, `an array of 1 to ${MAX_TYPES} types, such as ['paid']`);
  if (types.length === 0 || types.length > MAX_TYPES) {
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `The option types has ${types.length} types; allowed are 1 to ${MAX_TYPES}`,
    );
  }
  const all: readonly string[] = types;
  const wrong: unknown = all.find((type: unknown) => typeof type !== 'string' || type === '');
  if (wrong === undefined) return [...all, GAP_TYPE];
  const named = wrong === '' ? 'empty' : `of the type ${typeof wrong}`;
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `A type of the option types is ${named}, but must be a text; events without a type have the type message`,
  );
}

/** @throws {ServerError} `ERR_FORBIDDEN` */
function requireListen(rights: Rights, topics: Selection['topics']): void {
  if (topics === 'all') {
    if ((rights.listen ?? 'all') !== 'all') throw forbidden('the rights do not cover all topics');
    return;
  }
  const denied = topics.find((matcher) => !may(rights, 'listen', matcher));
  if (denied !== undefined) throw forbidden(`the rights do not cover ${nameOf(denied)}`);
}

function nameOf(matcher: Matcher): string {
  if (typeof matcher === 'string') return `the topic ${JSON.stringify(matcher)}`;
  return `every topic that matches ${JSON.stringify(matcher.pattern)}`;
}

function forbidden(reason: string): ServerError {
  return new ServerError('ERR_FORBIDDEN', `Cannot listen: ${reason}`);
}

function invalid(name: string, found: unknown, allowed: string): ServerError {
  const shown = typeof found === 'string' || typeof found === 'number' ? String(found) : `of the type ${typeof found}`;
  return new ServerError('ERR_INVALID_OPTION', `The option ${name} is ${shown}, but must be ${allowed}`);
}
