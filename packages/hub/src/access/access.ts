import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { HubError } from '../errors.ts';
import type { HubRequest } from '../http/request.ts';
import { Problem } from '../http/problem.ts';

/** What everyone may do without the key. */
export type AnonymousAccess = 'none' | 'listen' | 'publish' | 'all';

export interface AccessOptions {
  /** What requests must carry as `Authorization: Bearer <key>`. 16 or more printable ASCII characters without spaces. @default none */
  readonly key?: string;
  /** @default 'none' */
  readonly anonymous?: AnonymousAccess;
  /** Origins of pages that may read and publish, such as `https://example.com`. @default none */
  readonly allowedOrigins?: readonly string[];
}

/** What the sender of a request may do. */
export interface Rights {
  readonly listen: boolean;
  readonly publish: boolean;
  /** Whether private events are for it, too. */
  readonly private: boolean;
}

const ALL: Rights = { listen: true, publish: true, private: true };
const ANONYMOUS: readonly string[] = ['none', 'listen', 'publish', 'all'] satisfies AnonymousAccess[];

/** Decides who may do what (PROTOCOL §9). */
export class Access {
  readonly #keyDigest: Buffer | undefined;
  readonly #anonymous: AnonymousAccess;
  readonly #allowedOrigins: ReadonlySet<string>;

  /** @throws {HubError} `ERR_INVALID_OPTION` */
  constructor(options: AccessOptions) {
    const { key, anonymous = 'none', allowedOrigins = [] } = options;
    if (key !== undefined && !/^[\x21-\x7e]{16,}$/.test(key)) {
      throw new HubError('ERR_INVALID_OPTION', 'The key must be 16 or more printable ASCII characters without spaces');
    }
    if (!ANONYMOUS.includes(anonymous)) {
      throw new HubError(
        'ERR_INVALID_OPTION',
        `The option anonymous is ${JSON.stringify(anonymous)}, but must be one of ${ANONYMOUS.join(', ')}`,
      );
    }
    this.#keyDigest = key === undefined ? undefined : digest(key);
    this.#anonymous = anonymous;
    this.#allowedOrigins = new Set(allowedOrigins.map(checkOrigin));
  }

  /** What the sender of the request may do. @throws {Problem} `host-not-allowed`, `unauthorized` for a wrong key */
  rightsOf(request: HubRequest): Rights {
    if (this.#loopbackOnly) {
      if (!isLoopback(request.url.hostname)) {
        const detail = `This hub has no key and is asked as ${request.url.hostname}; without one it answers to localhost and loopback addresses only`;
        throw new Problem('host-not-allowed', detail);
      }
      return ALL;
    }
    const [, given] = /^Bearer +(\S+) *$/i.exec(request.header('authorization') ?? '') ?? [];
    if (this.#keyDigest && given !== undefined) {
      if (timingSafeEqual(digest(given), this.#keyDigest)) return ALL;
      throw unauthorized('The key in the Authorization header field is wrong');
    }
    const everyone = this.#anonymous === 'all';
    return {
      listen: everyone || this.#anonymous === 'listen',
      publish: everyone || this.#anonymous === 'publish',
      private: false,
    };
  }

  /** @throws {Problem} `unauthorized` */
  require(rights: Rights, right: 'listen' | 'publish'): void {
    if (!rights[right])
      throw unauthorized(`This hub asks for its key to ${right}: send it as Authorization: Bearer <key>`);
  }

  /** The header fields that let a page of an allowed origin read the answer. */
  corsHeaders(request: HubRequest): Record<string, string> {
    const origin = request.header('origin');
    if (this.#allowedOrigins.size === 0) return {};
    if (origin === undefined || !this.#allowedOrigins.has(origin)) return { Vary: 'Origin' };
    return { Vary: 'Origin', 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true' };
  }

  /** Whether the request comes from a page of this hub, an allowed origin, or no page at all. */
  originAllowed(request: HubRequest): boolean {
    const origin = request.header('origin');
    if (origin === undefined || this.#allowedOrigins.has(origin)) return true;
    // Behind a proxy that ends TLS the scheme differs; the host is what tells a page of the hub.
    return URL.canParse(origin) && new URL(origin).host === request.url.host;
  }

  get #loopbackOnly(): boolean {
    return !this.#keyDigest && this.#anonymous === 'none';
  }
}

/**
 * Checks that a hub may listen on an address: without a key only on a loopback one, unless anonymous access was asked for by name.
 * @throws {HubError} `ERR_NOT_LOOPBACK`
 */
export function checkBinding(host: string, options: AccessOptions): void {
  if (options.key !== undefined || (options.anonymous ?? 'none') !== 'none' || isLoopback(host)) return;
  throw new HubError(
    'ERR_NOT_LOOPBACK',
    `Without a key the hub listens on loopback addresses only, and ${host} is not one: whoever reached it could publish and listen`,
  );
}

/** Whether a host name or an address, with or without brackets, is one by which a machine reaches only itself. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || (isIPv4(name) && name.startsWith('127.'))
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function checkOrigin(origin: string): string {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
  throw new HubError(
    'ERR_INVALID_OPTION',
    `The allowed origin ${JSON.stringify(origin)} is not one: it must be a scheme, a host and where needed a port, such as https://example.com`,
  );
}

function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
}
