import { ConnectionError, InvalidEventError, InvalidOptionError } from '../errors.ts';
import { check, readHeaders } from '../subscription/option-checks.ts';
import type { RetryOptions } from '../subscription/options.ts';
import type { RequestHeaders } from '../transport/fetch.ts';

/** The longest wait between two attempts, in milliseconds, where the caller names no other: somebody watches the answer. */
const MAX_WAIT_MS = 5_000;

/** How to try again for an answer: as the caller says, and after shorter waits than other streams where that is left open. */
export function answerRetry(given: RetryOptions | undefined, maxAttempts: number | undefined): RetryOptions {
  return { ...given, maxMs: given?.maxMs ?? Math.max(MAX_WAIT_MS, given?.initialMs ?? 0), maxAttempts };
}

/** A value, or a function that is called for it with each request. */
export type PerRequest<T extends object> = T | (() => T | Promise<T>);

/** The fields of a request, with their names in lower case. @throws InvalidOptionError */
export async function fieldsOf(headers: PerRequest<RequestHeaders> = {}): Promise<Record<string, string>> {
  return Object.fromEntries(readHeaders(typeof headers === 'function' ? await headers() : headers));
}

/** @throws InvalidOptionError */
export async function membersOf(body: PerRequest<object> = {}): Promise<object> {
  const members: unknown = typeof body === 'function' ? await body() : body;
  checkMembers(members);
  return members;
}

/** @throws InvalidOptionError for what has no members to add to a body */
export function checkMembers(body: unknown): asserts body is object {
  check(typeof body === 'object' && body && !Array.isArray(body), 'body', 'an object', body);
}

/**
 * The object that the data of an event is.
 * @param what says in the error what was to come
 * @throws InvalidEventError
 */
export function objectIn(data: string, what: string, isRight: (found: object) => boolean = () => true): object {
  let found: unknown;
  let cause: unknown;
  try {
    found = JSON.parse(data);
  } catch (error) {
    cause = error;
  }
  if (typeof found === 'object' && found !== null && isRight(found)) return found;
  const message = `Found ${data.slice(0, 100)} in the stream, but ${what}`;
  throw new InvalidEventError({ code: 'ERR_INVALID_EVENT', message, issues: [], ...(Boolean(cause) && { cause }) });
}

/** The URL whose path has these segments more, and whose query these parameters: `url` may have a query, as those of Azure do. */
export function below(
  url: string,
  segments: readonly string[],
  parameters: Readonly<Record<string, string>> = {},
): string {
  const [, path = '', query = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  const more = new URLSearchParams(parameters).toString();
  const queries = [query, more].filter((each) => each !== '').join('&');
  const longer = [path.replace(/\/$/, ''), ...segments.map(encodeURIComponent)].join('/');
  return queries === '' ? longer : `${longer}?${queries}`;
}

/** What a loop is told if nothing more is asked for after a connection was lost: the same failure, with another message. */
export function givenUp(lost: ConnectionError, message: string): ConnectionError {
  const { code, url, attempt, status, headers, body } = lost;
  return new ConnectionError({ code, message, url, attempt, willRetry: false, status, headers, body, cause: lost });
}

/** @throws InvalidOptionError for what is no object of options, and for a name that is none of the allowed ones */
export function checkNames(options: object | null | undefined, names: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const message = `The options are ${Array.isArray(options) ? 'a list' : String(options)}, but must be an object`;
    throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const allowed = Object.keys(names).join(', ');
  const message = `There is no option ${JSON.stringify(unknown)}; allowed are ${allowed}`;
  throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
}
