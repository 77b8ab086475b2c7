import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticate, Rights } from '@tidings/server';
import type { RequestHead } from '@tidings/server/live';
import { counted, shown } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import { Problem } from '../http/problem.ts';
import { isLoopback } from '../http/loopback.ts';
import { KEY_SENDER, LOCAL_SENDER } from './tokens/sender.ts';

/** What everyone may do without the key. */
export type AnonymousAccess = 'none' | 'listen' | 'publish' | 'all';

export interface KeyOptions {
  /**
   * The key that requests must carry as `Authorization: Bearer <key>`: 16 or more printable ASCII characters without spaces. Of several each is taken, so that one can
   * be replaced by another without a break. @default none
   */
  readonly key?: string | readonly string[] | undefined;
  /**
   * A key of its own for who administers the hub. With it, `key` is for publishing and listening alone: it neither manages topics nor administers. @default `key` does
   */
  readonly adminKey?: string | undefined;
  /** What everyone may do without the key. @default 'none' */
  readonly anonymous?: AnonymousAccess | undefined;
}

const ANONYMOUS: readonly string[] = ['none', 'listen', 'publish', 'all'] satisfies AnonymousAccess[];

/** The rights of requests with the key. */
const ALL: Rights = {
  allow: true,
  subject: KEY_SENDER,
  listen: 'all',
  publish: 'all',
  manage: 'all',
  presence: 'all',
  private: 'all',
  admin: true,
};

/** The rights of all requests to a hub that needs no key: they come from its own machine. */
export const LOCAL: Rights = { ...ALL, subject: LOCAL_SENDER };

const ALL_BUT_ADMIN: Rights = { ...ALL, manage: [], admin: false };

/** What a request can show to a hub. */
export type Credential = 'key' | 'token' | 'key or token';

/** What requests lack that show nothing, by their rights. */
const lacking = new WeakMap<Rights, Credential>();

/** What a request with these rights lacks; undefined if that is not known. */
export function lackedBy(rights: Rights): Credential | undefined {
  return lacking.get(rights);
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
  const { keys, everyone } = checkAccess(options);
  if (keys === undefined && (options.anonymous ?? 'none') === 'none') return authenticateByHost;
  return (request) => {
    const [, given] = /^Bearer +(\S+) *$/i.exec(request.header('authorization') ?? '') ?? [];
    if (keys === undefined || given === undefined) return everyone;
    const rights = keys.rightsOf(given);
    if (rights) return rights;
    throw unauthorized('The key in the Authorization header field is wrong');
  };
}

/** The keys of a hub. */
export class Keys {
  readonly #keys: readonly { readonly digest: Buffer; readonly rights: Rights }[];

  constructor(keys: readonly string[], adminKey: string | undefined) {
    const rights = adminKey === undefined ? ALL : ALL_BUT_ADMIN;
    const admins = adminKey === undefined ? [] : [{ digest: digest(adminKey), rights: ALL }];
    this.#keys = [...admins, ...keys.map((key) => ({ digest: digest(key), rights }))];
  }

  /** The rights of a text; undefined if it is none of the keys. */
  rightsOf(text: string): Rights | undefined {
    const found = digest(text);
    return this.#keys.find((key) => timingSafeEqual(key.digest, found))?.rights;
  }
}

/**
 * Checks who may do what by keys.
 * @param hasTokens whether the hub takes signed tokens, too
 * @returns the keys, if there are any, and the rights of everyone else
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function checkAccess(
  { key, adminKey, anonymous = 'none' }: KeyOptions,
  hasTokens = false,
): {
  readonly keys: Keys | undefined;
  readonly everyone: Rights;
} {
  const given: readonly unknown[] | undefined = key === undefined || Array.isArray(key) ? key : [key];
  if (given?.length === 0) throw invalid('key is an empty array, but must have one or more keys');
  checkKeys('key', given ?? []);
  if (adminKey !== undefined) checkKeys('adminKey', [adminKey]);
  if (adminKey !== undefined && given?.includes(adminKey) === true)
    throw invalid('adminKey is also a key, so whoever publishes and listens could administer: it must be another one');
  if (!ANONYMOUS.includes(anonymous)) {
    throw invalid(`anonymous is ${JSON.stringify(anonymous)}, but must be one of ${ANONYMOUS.join(', ')}`);
  }
  const everyone: Rights = {
    allow: true,
    listen: anonymous === 'all' || anonymous === 'listen' ? 'all' : [],
    publish: anonymous === 'all' || anonymous === 'publish' ? 'all' : [],
  };
  const hasKeys = given !== undefined || adminKey !== undefined;
  const credential = hasTokens ? (hasKeys ? 'key or token' : 'token') : hasKeys ? 'key' : undefined;
  if (credential !== undefined) lacking.set(everyone, credential);
  return { keys: hasKeys ? new Keys((given ?? []) as readonly string[], adminKey) : undefined, everyone };
}

/** @throws {HubError} `ERR_INVALID_OPTION` */
function checkKeys(name: string, keys: readonly unknown[]): void {
  for (const each of keys) {
    if (typeof each === 'string' && /^[\x21-\x7e]{16,}$/.test(each)) continue;
    // Not what it is: it may be a secret that was mistyped.
    const found =
      typeof each === 'string' ? `a text of ${counted(each.length, 'character')}` : `of the type ${typeof each}`;
    throw invalid(`${name} is ${found}, but must be 16 or more printable ASCII characters without spaces`);
  }
}

function invalid(what: string): HubError {
  return new HubError('ERR_INVALID_OPTION', `The option ${what}`);
}

function authenticateByHost(request: RequestHead): Rights {
  requireThisMachine(request);
  return LOCAL;
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
