import { type Authentication, checkRights, may, type Rights } from '../audience/rights.ts';
import { checkInteger, checkNames, ServerError } from '../errors.ts';
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
  rights: true,
  signal: true,
};

/** What an iteration gives. */
interface CheckedRequest {
  readonly selection: Selection;
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
  if (options.rights === undefined) return { selection: { topics, private: 'all' }, rights: undefined };
  const rights = checkRights(options.rights, time);
  if (!rights.allow) throw forbidden('the rights are a refusal, or have expired');
  requireListen(rights, topics);
  return { selection: { topics, private: rights.private ?? [] }, rights };
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
