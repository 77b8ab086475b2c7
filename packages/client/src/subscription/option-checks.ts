import { encodeLastEventId, hasRequestableScheme, MAX_ID_BYTES, parseTargetUrl } from '../connection/request.ts';
import { InvalidOptionError } from '../errors.ts';
import type { UrlLike } from '../globals.ts';
import type { RequestHeaders } from '../transport/fetch.ts';

/** @throws InvalidOptionError unless the option is allowed */
export function check(
  isAllowed: unknown,
  name: string,
  allowed: string,
  found: unknown,
  cause?: unknown,
): asserts isAllowed {
  if (isAllowed) return;
  // Of an object only the kind is told: the rest may be long, or secret.
  const text = Object(found) === found ? kindOf(found) : String(found);
  refuse(`${name} has to be ${allowed}, found ${typeof found === 'string' ? JSON.stringify(found) : text}`, cause);
}

/** @throws InvalidOptionError */
export function refuse(message: string, cause?: unknown): never {
  throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message, ...(Boolean(cause) && { cause }) });
}

/** @throws InvalidOptionError unless it is an object and no array */
export function readObject<T extends object>(name: string, value: T): T {
  check(typeof value === 'object' && value && !Array.isArray(value), name, 'an object', value);
  return value;
}

/**
 * @param setUrl - called with the URL, whatever its scheme is
 * @param name - what the option is called
 * @throws InvalidOptionError
 */
export function readUrl(url: string | UrlLike, setUrl?: (url: URL) => void, name = 'url'): URL {
  let target: URL;
  try {
    target = parseTargetUrl(String(url));
  } catch (cause) {
    check(false, name, 'a URL', url, cause);
  }
  setUrl?.(target);
  check(hasRequestableScheme(target), name, 'a URL with http: or https:', url);
  return target;
}

/** @throws InvalidOptionError */
export function readMethod(method: string): string {
  check(typeof method === 'string' && /^[\w!#-'*+.^`|~-]+$/.test(method), 'method', 'an HTTP method', method);
  return method.toUpperCase();
}

/** @throws InvalidOptionError */
export function readHeaders(headers: RequestHeaders): Headers {
  const read = new Headers();
  let found = kindOf(headers);
  try {
    // This throws where it is no object.
    const pairs = Symbol.iterator in headers ? headers : Object.entries(headers);
    for (const pair of pairs as Iterable<[string, string]>) {
      // The name alone, because the value may be secret.
      found = `an invalid "${pair[0]}"`;
      read.append(...pair);
    }
  } catch (cause) {
    refuse(`headers has to be valid HTTP headers, found ${found}`, cause);
  }
  const id = read.get('last-event-id');
  check(id === null, 'headers', 'without last-event-id, see lastEventId', id);
  return read;
}

/** @throws InvalidOptionError where a body cannot be sent again, or not with this method */
export function checkBody(body: unknown, method: unknown): void {
  if (body === undefined) return;
  const kinds = [ArrayBuffer, Blob, FormData, URLSearchParams];
  const isBody = typeof body === 'string' || ArrayBuffer.isView(body) || kinds.some((kind) => body instanceof kind);
  check(isBody, 'body', 'a string, bytes, a Blob, FormData or URLSearchParams', body);
  check(!/^(?:GET|HEAD)$/.test(method as string), 'method', 'one with a body if body is set', method);
}

/** @throws InvalidOptionError */
export function readLastEventId(name: string, id: string): string {
  check(
    typeof id === 'string' && encodeLastEventId(id) !== undefined,
    name,
    `a string of at most ${MAX_ID_BYTES} bytes without control characters`,
    id,
  );
  return id;
}

/**
 * Whether a request with this method, in capitals, may be repeated without asking, because it changes nothing more when it is
 * repeated (RFC 9110 §9.2.2).
 */
export function isIdempotent(method: string): boolean {
  return /^(?:GET|HEAD|OPTIONS|TRACE|PUT|DELETE|QUERY)$/.test(method);
}

export function isFunction(value: unknown): value is (...parameters: never[]) => unknown {
  return typeof value === 'function';
}

/** The kind of a value, whatever it is, such as `[object Array]`. */
function kindOf(value: unknown): string {
  return {}.toString.call(value);
}
