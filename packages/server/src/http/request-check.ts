import { ServerError, shown } from '../errors.ts';

/** Where frameworks keep the `Request` in what they give to handlers, such as Hono, H3, Astro and SvelteKit. */
const PLACES = ['raw', 'req.raw', 'request', 'req', 'web.request'] as const;

/**
 * Checks that a value is a request of the Fetch API, of any realm and implementation.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkRequest(request: unknown): void {
  if (isFetchRequest(request)) return;
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `The request is ${shownObject(request)}, but must be a Request of the Fetch API${hint(request)}`,
  );
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is a string, undefined or null */
export function checkAddress(address: unknown): void {
  if (address === undefined || address === null || typeof address === 'string') return;
  const isNested = typeof memberOf(address, 'address') === 'string';
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `The address of a request is ${shownObject(address)}, but must be a string${isNested ? '; its member address is one' : ''}`,
  );
}

/**
 * Checks what a head has at least.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkHead(head: unknown): void {
  const isHead = ['method', 'url'].every((name) => typeof memberOf(head, name) === 'string');
  if (isHead && typeof memberOf(head, 'header') === 'function') return;
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `The head of a request is ${shownObject(head)}, but must be a RequestHead with method, url and header(name): fetchHead() makes ` +
      'one from a Request, and nodeHead() of @tidings/server/node from a request of Node',
  );
}

export function isFetchRequest(value: unknown): boolean {
  return (
    typeof memberOf(memberOf(value, 'headers'), 'get') === 'function' &&
    typeof memberOf(value, 'url') === 'string' &&
    isObject(memberOf(value, 'signal'))
  );
}

/** Whether it is a request of node:http or node:http2, or made like one. */
export function isNodeRequest(value: unknown): boolean {
  const headers = memberOf(value, 'headers');
  return typeof headers === 'object' && headers !== null && typeof memberOf(headers, 'get') !== 'function';
}

/** A value in a few words, an object with the name of its class. */
export function shownObject(value: unknown): string {
  const words = shown(value);
  const name = words === 'an object' ? memberOf(memberOf(value, 'constructor'), 'name') : undefined;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `an object of the class ${name}` : words;
}

/** A member of whatever it is, or of a member of it; undefined if it has none. */
export function memberOf(value: unknown, path: string): unknown {
  // Requests are checked by single names.
  if (!path.includes('.')) return isObject(value) ? value[path] : undefined;
  let found = value;
  for (const name of path.split('.')) {
    if (!isObject(found)) return undefined;
    found = found[name];
  }
  return found;
}

/** Also of another realm, such as a function in a test of Jest. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function hint(request: unknown): string {
  if (typeof request === 'string' || typeof memberOf(request, 'href') === 'string')
    return '; new Request(url) makes one';
  const place = PLACES.find((path) => isFetchRequest(memberOf(request, path)));
  if (place !== undefined) return `; its member ${place} is one`;
  return isNodeRequest(request) ? '; requests of Node are answered by the functions of @tidings/server/node' : '';
}
