import { checkInteger, checkNames, ServerError, shown } from '../errors.ts';
import type { Answer } from './answer.ts';
import type { RequestHead } from './request.ts';

/** Which pages of other origins may read a response. */
export interface CorsOptions {
  /**
   * The origins whose pages may read it, such as `https://example.com`: a list, a function that is called with each origin, or `'*'` for every
   * page. A function allows an origin only by returning `true` itself; any other value, such as a promise, refuses it.
   */
  readonly origins: '*' | readonly string[] | ((origin: string) => boolean);
  /** Whether requests of these pages may carry cookies and HTTP authentication (`withCredentials`). Not allowed with `'*'`. @default false */
  readonly credentials?: boolean | undefined;
  /** How long a browser may keep the answer to a preflight, in seconds. @default 600 */
  readonly maxAgeSeconds?: number | undefined;
}

// A scheme, a host and perhaps a port. Extensions of browsers have origins of schemes of their own.
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*\\]+$/;

// Names of header fields with commas between them (RFC 9110, 5.6.2). Nothing else of a request is repeated in its answer.
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~, -]{1,1024}$/;

const NAMES: Readonly<Record<keyof CorsOptions, true>> = { origins: true, credentials: true, maxAgeSeconds: true };

/**
 * Checks the option.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkCors(options: CorsOptions | undefined): Cors | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null) {
    throw invalid('cors', options, 'an object with origins');
  }
  checkNames(options, NAMES, 'cors.');
  const { origins, credentials = false, maxAgeSeconds = 600 } = options;
  if (typeof credentials !== 'boolean') throw invalid('cors.credentials', credentials, 'a boolean');
  checkInteger('cors.maxAgeSeconds', maxAgeSeconds, 0, 86_400);
  if (typeof origins === 'string') {
    if (origins !== '*') throw invalid('cors.origins', origins, "'*', a list of origins or a function");
    // The standard refuses it too, but only in the page's console.
    if (credentials) throw invalid('cors.origins', origins, 'a list of origins or a function if credentials is true');
    return new Cors('*', { credentials: false, maxAgeSeconds });
  }
  const answer = { credentials, maxAgeSeconds };
  if (typeof origins === 'function') return new Cors(origins, answer);
  if (!Array.isArray(origins)) throw invalid('cors.origins', origins, "'*', a list of origins or a function");
  const allowed = new Set<string>();
  for (const origin of origins as readonly unknown[]) allowed.add(checkOrigin(origin, credentials));
  return new Cors((origin) => allowed.has(origin), answer);
}

/** The settings for answers to pages of allowed origins. */
interface CorsAnswer {
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

/** Answers requests of pages of other origins ([Fetch] 3.3). Made by {@link checkCors}. */
export class Cors {
  readonly #allows: '*' | ((origin: string) => unknown);
  readonly #answer: CorsAnswer;

  constructor(allows: '*' | ((origin: string) => unknown), answer: CorsAnswer) {
    this.#allows = allows;
    this.#answer = answer;
  }

  /** Whether a page of this origin may read an answer. */
  allows(origin: string): boolean {
    // A promise would be taken for a yes.
    return this.#allows === '*' || this.#allows(origin) === true;
  }

  /** The header fields for every answer to this request, refusals included. */
  headers(head: RequestHead): Record<string, string> {
    // A page that reconnects by itself has to know when. It never sees the answer to a preflight.
    const exposed = head.method === 'OPTIONS' ? {} : { 'Access-Control-Expose-Headers': 'Retry-After' };
    if (this.#allows === '*') return { 'Access-Control-Allow-Origin': '*', ...exposed };
    // Also if the origin is not allowed, because a cache would otherwise give the answer for one origin to another.
    const headers: Record<string, string> = { Vary: 'Origin' };
    const origin = head.header('origin');
    if (origin === undefined || !this.allows(origin)) return headers;
    headers['Access-Control-Allow-Origin'] = origin;
    if (this.#answer.credentials) headers['Access-Control-Allow-Credentials'] = 'true';
    return { ...headers, ...exposed };
  }

  /**
   * Returns the answer to a preflight, or undefined if the request is none. An origin that is not allowed is answered 403.
   * @param methods the methods that are allowed at the URL
   */
  preflight(head: RequestHead, methods: readonly string[]): Answer | undefined {
    if (head.method !== 'OPTIONS' || head.header('access-control-request-method') === undefined) return undefined;
    // A browser always names the page; a program that asks what is allowed need not.
    if (this.#allows !== '*' && head.header('origin') === undefined) return undefined;
    const headers = this.headers(head);
    if (headers['Access-Control-Allow-Origin'] === undefined) return { status: 403, headers };
    headers['Access-Control-Allow-Methods'] = methods.join(', ');
    const asked = head.header('access-control-request-headers');
    if (asked !== undefined && FIELD_NAMES.test(asked)) headers['Access-Control-Allow-Headers'] = asked;
    headers['Access-Control-Max-Age'] = String(this.#answer.maxAgeSeconds);
    return { status: 204, headers };
  }
}

/**
 * The answer to `OPTIONS`: a preflight's, or what is allowed at the URL.
 * @param methods the methods that are answered at the URL, but for `OPTIONS`
 */
export function answerOptions(head: RequestHead, methods: readonly string[], cors: Cors | undefined): Answer {
  const preflight = cors?.preflight(head, methods);
  if (preflight) return preflight;
  return { status: 204, headers: { Allow: [...methods, 'OPTIONS'].join(', '), ...cors?.headers(head) } };
}

function checkOrigin(origin: unknown, credentials: boolean): string {
  const allowed = "the origin of a page, such as 'https://example.com', without a path";
  if (typeof origin !== 'string') throw invalid('cors.origins', origin, allowed);
  if (origin === 'null') {
    // Every sandboxed frame on any site has this origin.
    if (credentials) throw invalid('cors.origins', origin, "any origin but 'null' if credentials is true");
    return origin;
  }
  if (!ORIGIN.test(origin) || !URL.canParse(origin)) throw invalid('cors.origins', origin, allowed);
  const serialized = new URL(origin).origin;
  // If the standard defines no origins for a scheme, the origin that a browser sends for it cannot be checked.
  if (serialized !== 'null' && serialized !== origin) {
    throw invalid('cors.origins', origin, `${allowed}; did you mean '${serialized}'`);
  }
  return origin;
}

function invalid(name: string, found: unknown, allowed: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', `The option ${name} has ${shown(found)}, but must be ${allowed}`);
}
