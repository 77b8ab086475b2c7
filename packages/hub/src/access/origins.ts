import { type Answer, answerOptions, checkCors, type Cors, type RequestHead } from '@tidings/server/live';
import { HubError } from '../errors.ts';
import { Problem } from '../http/problem.ts';
import type { PublicUrl } from '../http/public-url.ts';
import { requireThisMachine } from './key.ts';

/** Header fields that keep pages of other sites from embedding an answer, and browsers from guessing its type. */
const CLOSED = { 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'same-origin' };

const EXPOSED = 'Access-Control-Expose-Headers';

/** The hub's own fields, those of Mercure, and links. */
const EXPOSES = /^(?:Tidings-.+|Mercure-Last-Event-ID|Last-Event-ID|Link)$/;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY']);

/** Which pages may use the hub (PROTOCOL §9.1, §9.10). */
export class Origins {
  readonly #allowed: ReadonlySet<string>;
  readonly #cors: Cors | undefined;
  readonly #publicUrl: PublicUrl;
  readonly #isKeyless: boolean;

  /**
   * @param allowed origins such as `https://example.com`
   * @param isKeyless whether only the address keeps others out
   * @throws {HubError} `ERR_INVALID_OPTION`
   */
  constructor(allowed: readonly string[], publicUrl: PublicUrl, isKeyless: boolean) {
    this.#allowed = new Set(allowed);
    this.#publicUrl = publicUrl;
    this.#isKeyless = isKeyless;
    try {
      this.#cors = checkCors(allowed.length === 0 ? undefined : { origins: allowed, credentials: true });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new HubError('ERR_INVALID_OPTION', message.replace('cors.origins', 'allowedOrigins'), { cause: error });
    }
  }

  /**
   * The header fields of every answer: they let a page of an allowed origin read it, and keep it from all others.
   * @param own those that the answer has. A page may read the hub's own among them
   */
  headers(request: RequestHead, own: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
    if (!this.#cors) return CLOSED;
    const headers: Record<string, string> = { ...CLOSED, ...this.#cors.headers(request) };
    const exposed = headers[EXPOSED];
    if (exposed === undefined) return headers;
    const names = Object.keys(own).filter((name) => EXPOSES.test(name));
    if (names.length > 0) headers[EXPOSED] = [exposed, ...names].join(', ');
    return headers;
  }

  /**
   * On a hub without a key, refuses requests that are not of this machine and requests of pages of other sites, whatever they ask for.
   * @param url the URL of the request, without the path prefix of a public URL
   * @throws {Problem} `host-not-allowed`, `origin-not-allowed`
   */
  guard(request: RequestHead, url: URL): void {
    if (!this.#isKeyless) return;
    requireThisMachine(request);
    if (!isLink(request, url)) this.require(request, 'use this hub');
  }

  /**
   * The answer to `OPTIONS`, a preflight or not (PROTOCOL §9.11).
   * @param methods the methods that are answered at the URL
   * @throws {Problem} `origin-not-allowed`
   */
  options(request: RequestHead, methods: readonly string[]): Answer {
    if (request.header('access-control-request-method') !== undefined) this.require(request, 'use this hub');
    const answer = answerOptions(request, methods, this.#cors);
    // A page of the hub itself needs no permission.
    return answer.status === 403 ? answerOptions(request, methods, undefined) : answer;
  }

  /**
   * Refuses requests of pages that are neither the hub's own nor of an allowed origin. A browser names the page in `Origin`, or says in
   * `Sec-Fetch-Site` that it is of another site. A browser that does neither sends `Referer`, unless the page has turned that off.
   * @param what what the page may not do
   * @throws {Problem} `origin-not-allowed`
   */
  require(request: RequestHead, what: string): void {
    const origin = request.header('origin');
    const site = request.header('sec-fetch-site');
    if (origin !== undefined) {
      if (this.#allowed.has(origin) || this.#isOwn(origin, request, site)) return;
      throw notAllowed(origin, what);
    }
    if (site === 'same-origin') return;
    // `none` is for what a person has asked for, such as by an address that was typed.
    if (site !== undefined && site !== 'none') throw notAllowed('another origin', what);
    const referer = request.header('referer');
    if (referer === undefined || SAFE.has(request.method)) return;
    const from = URL.canParse(referer) ? new URL(referer).origin : referer;
    if (this.#allowed.has(from) || this.#isOwn(from, request, site)) return;
    throw notAllowed(from, what);
  }

  /**
   * Refuses a request that changes something and that no page of the hub itself or of an allowed origin has sent: for requests with a cookie.
   * @throws {Problem} `origin-not-allowed`
   */
  requirePage(request: RequestHead): void {
    if (SAFE.has(request.method)) return;
    this.require(request, 'change something here with a cookie');
    const isNamed = request.header('origin') !== undefined || request.header('referer') !== undefined;
    if (isNamed || request.header('sec-fetch-site') === 'same-origin') return;
    throw new Problem(
      'origin-not-allowed',
      'A request with a cookie that changes something needs an Origin, which browsers send; other programs send the token as Authorization: Bearer',
    );
  }

  #isOwn(origin: string, request: RequestHead, site: string | undefined): boolean {
    if (this.#publicUrl.isOrigin(origin)) return true;
    // A page cannot set what the browser says about it.
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
    // Without a key nothing else protects the hub, and a page that has taken the name of a proxy for its own would be of the same origin as that.
    if (site === 'same-origin' && !this.#isKeyless) return true;
    // Scheme, host and port: another port of the host, and its pages without TLS, may be those of others, and get the same cookies.
    return (this.#isKeyless || this.#publicUrl.href === undefined) && new URL(request.url).origin === origin;
  }
}

/** @param from the origin of the page, as the request gives it */
function notAllowed(from: string, what: string): Problem {
  const [page, advice] =
    from === '' || from === 'null'
      ? // As a browser calls that of a file.
        ['A page without an origin', 'load it from a server, and allow the origin of that']
      : [`A page of ${from}`, 'allow its origin'];
  return new Problem(
    'origin-not-allowed',
    `${page} may not ${what}: ${advice}, with the option allowedOrigins of the hub, or --cors-origin of tidings serve. If it is the page of the hub itself, behind a proxy, set publicUrl, or --public-url`,
  );
}

/** Whether a link opens the page at `/`. Another site may have such a link. */
function isLink(request: RequestHead, { pathname }: URL): boolean {
  return (
    (request.method === 'GET' || request.method === 'HEAD') &&
    pathname === '/' &&
    request.header('sec-fetch-mode') === 'navigate' &&
    request.header('sec-fetch-dest') === 'document'
  );
}
