import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticate, Rights } from '@tidings/server';
import type { RequestHead } from '@tidings/server/live';
import { counted, shown } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import { Problem } from '../http/problem.ts';
import { isLoopback } from './binding.ts';

/** What everyone may do without the key. */
export type AnonymousAccess = 'none' | 'listen' | 'publish' | 'all';

export interface KeyOptions {
  /** The key that requests must carry as `Authorization: Bearer <key>`: 16 or more printable ASCII characters without spaces. @default none */
  readonly key?: string | undefined;
  /** What everyone may do without the key. @default 'none' */
  readonly anonymous?: AnonymousAccess | undefined;
}

const ANONYMOUS: readonly string[] = ['none', 'listen', 'publish', 'all'] satisfies AnonymousAccess[];

const ALL: Rights = {
  allow: true,
  subject: 'key',
  listen: 'all',
  publish: 'all',
  manage: 'all',
  private: 'all',
  admin: true,
};

/** The rights of requests that have not the key of their hub. */
const withoutKey = new WeakSet<Rights>();

/** Whether the key of the hub is what a request with these rights lacks. */
export function lacksKey(rights: Rights): boolean {
  return withoutKey.has(rights);
}

/**
 * Decides rights by one key (PROTOCOL §9): a request with the key may do everything, any other what `anonymous` says. Without a key and anonymous
 * access, every request to a loopback name may do everything.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function authenticateByKey(options: KeyOptions): Authenticate {
  if (typeof options !== 'object' || options === null) {
    // Not what it is: it may be the key itself.
    const found = typeof options === 'string' ? 'a text' : shown(options);
    throw new HubError(
      'ERR_INVALID_OPTION',
      `The options of authenticateByKey are ${found}, but must be an object with any of key, anonymous`,
    );
  }
  const { key, anonymous = 'none' } = options;
  if (key !== undefined && (typeof key !== 'string' || !/^[\x21-\x7e]{16,}$/.test(key))) {
    // Not what it is: it may be a secret that was mistyped.
    const found =
      typeof key === 'string' ? `a text of ${counted(key.length, 'character')}` : `of the type ${typeof key}`;
    throw new HubError(
      'ERR_INVALID_OPTION',
      `The option key is ${found}, but must be 16 or more printable ASCII characters without spaces`,
    );
  }
  if (!ANONYMOUS.includes(anonymous)) {
    throw new HubError(
      'ERR_INVALID_OPTION',
      `The option anonymous is ${JSON.stringify(anonymous)}, but must be one of ${ANONYMOUS.join(', ')}`,
    );
  }
  if (key === undefined && anonymous === 'none') return authenticateByHost;
  const expected = key === undefined ? undefined : digest(key);
  const everyone: Rights = {
    allow: true,
    listen: anonymous === 'all' || anonymous === 'listen' ? 'all' : [],
    publish: anonymous === 'all' || anonymous === 'publish' ? 'all' : [],
  };
  if (expected) withoutKey.add(everyone);
  return (request) => {
    const [, given] = /^Bearer +(\S+) *$/i.exec(request.header('authorization') ?? '') ?? [];
    if (!expected || given === undefined) return everyone;
    if (timingSafeEqual(digest(given), expected)) return ALL;
    throw unauthorized('The key in the Authorization header field is wrong');
  };
}

function authenticateByHost(request: RequestHead): Rights {
  requireThisMachine(request);
  return ALL;
}

/** The header fields with which proxies say that they have passed a request on. */
const PROXY_FIELDS = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'via',
];

/**
 * Refuses requests that are not of this machine (PROTOCOL §9.1): from another address, passed on by a proxy, or to a name that is not loopback.
 * @throws {Problem} `host-not-allowed`
 */
export function requireThisMachine(request: RequestHead): void {
  const { address } = request;
  if (address !== undefined && !isLoopback(address)) throw notLocal(`and not those that come from ${address}`);
  const field = PROXY_FIELDS.find((name) => request.header(name) !== undefined);
  if (field !== undefined) {
    throw notLocal(
      `and this one came through a proxy, as its header field ${field} says: give the hub a key, or say with anonymous what everyone may do`,
    );
  }
  // A proxy may name another host than the one in the URL, and a page that has taken a loopback address for its own name could do so, too.
  const [, asked = request.url] = AUTHORITY.exec(request.url) ?? [];
  const sent = request.header('host') ?? asked;
  const hostname = strangerIn(asked) ?? strangerIn(sent);
  if (hostname === undefined) return;
  throw notLocal(`and not those to ${hostname}`);
}

function notLocal(detail: string): Problem {
  return new Problem(
    'host-not-allowed',
    `This hub has no key, so it answers only requests of its own machine to localhost and loopback addresses, ${detail}`,
  );
}

// Of an absolute URL.
const AUTHORITY = /^https?:\/\/([^/?#]*)/i;

/** Hosts, with or without a port, that are known to be loopback: nearly all requests have the same one. */
const loopbackHosts = new Set<string>();
const MAX_LOOPBACK_HOSTS = 100;

/** Returns the name of a host, with or without a port, if it is not loopback. */
function strangerIn(host: string): string | undefined {
  if (loopbackHosts.has(host)) return undefined;
  const url = `http://${host}`;
  const hostname = URL.canParse(url) ? new URL(url).hostname : host;
  if (!isLoopback(hostname)) return hostname;
  if (loopbackHosts.size >= MAX_LOOPBACK_HOSTS) loopbackHosts.clear();
  loopbackHosts.add(host);
  return undefined;
}

/** The answer to a request that needs a key and has none. */
export function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
