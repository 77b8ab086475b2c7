import { type Answer, checkCors, type Cors, type RequestHead } from '@tidings/server/live';
import { HubError } from '../errors.ts';
import { Problem } from '../http/problem.ts';
import type { PublicUrl } from '../http/public-url.ts';

/** Which pages may use the hub (PROTOCOL §9.10). */
export class Origins {
  readonly #allowed: ReadonlySet<string>;
  readonly #cors: Cors | undefined;
  readonly #publicUrl: PublicUrl;

  /** @param allowed origins such as `https://example.com` @throws {HubError} `ERR_INVALID_OPTION` */
  constructor(allowed: readonly string[], publicUrl: PublicUrl) {
    this.#allowed = new Set(allowed);
    this.#publicUrl = publicUrl;
    try {
      this.#cors = checkCors(allowed.length === 0 ? undefined : { origins: allowed, credentials: true }, [
        'GET',
        'POST',
      ]);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new HubError('ERR_INVALID_OPTION', message.replace('cors.origins', 'allowedOrigins'), { cause: error });
    }
  }

  /** The header fields that let a page of an allowed origin read an answer. */
  headers(request: RequestHead): Record<string, string> {
    return this.#cors?.headers(request) ?? {};
  }

  /** The answer to `OPTIONS`, a preflight or not (PROTOCOL §9.11). @throws {Problem} `origin-not-allowed` */
  preflight(request: RequestHead): Answer {
    this.require(request, 'use this hub');
    const answer = this.#cors?.preflight(request);
    // A page of the hub itself needs no permission. Neither does a program that wants to know which methods are allowed.
    return answer?.status === 204 ? answer : { status: 204, headers: { Allow: 'GET, HEAD, POST, OPTIONS' } };
  }

  /**
   * Refuses requests of pages that are neither the hub's own nor of an allowed origin.
   * @param what what the page may not do
   * @throws {Problem} `origin-not-allowed`
   */
  require(request: RequestHead, what: string): void {
    const origin = request.header('origin');
    if (origin === undefined || this.#allowed.has(origin)) return;
    if (this.#publicUrl.isOrigin(origin) || isOwn(origin, request)) return;
    throw new Problem('origin-not-allowed', `A page of ${origin} may not ${what}`);
  }
}

/** Compares hosts only, because the scheme differs behind a proxy that ends TLS. */
function isOwn(origin: string, { url }: RequestHead): boolean {
  return URL.canParse(origin) && new URL(origin).host === new URL(url).host;
}
