import { encodeLastEventId, hasRequestableScheme, MAX_ID_BYTES, parseTargetUrl } from '../connection/request.ts';
import { InvalidOptionError, kindOf } from '../errors.ts';
import type { UrlLike } from '../globals.ts';
import type { RequestHeaders } from '../transport/fetch.ts';

/** @throws InvalidOptionError unless the option is allowed */
export function check(
  isAllowed: unknown,
  name: string,
  allowed: string,
  found: unknown,
  reason?: { readonly cause: unknown },
): asserts isAllowed {
  if (isAllowed) return;
  // Of an object only the kind is told: the rest may be long, or secret.
  const text = Object(found) === found ? kindOf(found) : String(found);
  refuse(`${name} has to be ${allowed}, found ${typeof found === 'string' ? JSON.stringify(found) : text}`, reason);
}

/** @throws InvalidOptionError */
export function refuse(message: string, reason?: { readonly cause: unknown }): never {
  throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message, ...reason });
}

/** @throws InvalidOptionError unless it is an object and no array */
export function readObject<T extends object>(name: string, value: T): T {
  check(typeof value === 'object' && value && !Array.isArray(value), name, 'an object', value);
  return value;
}

/**
 * @param setUrl - called with the URL, whatever its scheme is
 * @throws InvalidOptionError
 */
export function readUrl(url: string | UrlLike, setUrl?: (url: URL) => void): URL {
  const target = readWith(() => parseTargetUrl(String(url)), 'url', 'a URL', url);
  setUrl?.(target);
  check(hasRequestableScheme(target), 'url', 'http: or https:', url);
  return target;
}

/** @throws InvalidOptionError */
export function readMethod(method: string): string {
  check(typeof method === 'string' && /^[\w!#-'*+.^`|~-]+$/.test(method), 'method', 'an HTTP method', method);
  return method.toUpperCase();
}

/** @throws InvalidOptionError */
export function readHeaders(headers: RequestHeaders): Headers {
  const read = readWith(() => new Headers(headers as HeadersInit), 'headers', 'valid HTTP headers', headers);
  const id = read.get('last-event-id');
  check(id === null, 'headers', 'without Last-Event-ID (lastEventId sets it)', id);
  return read;
}

/** @throws InvalidOptionError where a body cannot be sent again, or not with this method */
export function checkBody(body: unknown, method: unknown): void {
  if (body === undefined) return;
  const kinds = [ArrayBuffer, Blob, FormData, URLSearchParams];
  const isBody = typeof body === 'string' || ArrayBuffer.isView(body) || kinds.some((kind) => body instanceof kind);
  check(isBody, 'body', 'a string, bytes, a Blob, FormData or URLSearchParams', body);
  check(!/^(?:GET|HEAD)$/i.test(method as string), 'body', `left out if method is ${method as string}`, 'one');
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

/** @throws InvalidOptionError where reading the option throws */
function readWith<T>(read: () => T, name: string, allowed: string, found: unknown): T {
  try {
    return read();
  } catch (cause) {
    check(false, name, allowed, found, { cause });
  }
}
