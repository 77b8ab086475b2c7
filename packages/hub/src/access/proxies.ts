import { BlockList, isIP } from 'node:net';
import { shown } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import { Problem } from '../http/problem.ts';
import type { HubRequest } from '../http/request.ts';
import { type Hop, readForwarded, readXForwarded } from './forwarded.ts';

/** The header fields in which proxies give address, scheme and host: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC 7239). */
export type ProxyHeader = 'x-forwarded' | 'forwarded';

export interface ProxyOptions {
  /**
   * The proxies that are trusted to give the address, the scheme and the host of a request: IP addresses, networks such as
   * `10.0.0.0/8`, and the words `loopback`, `private` (the networks of RFC 1918 and RFC 4193) and `unix` (connections without an address). @default none
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * The header fields that the proxies write. The others are not read, because a proxy passes on what clients have written there.
   * @default 'x-forwarded'
   */
  readonly proxyHeader?: ProxyHeader | undefined;
}

const WORDS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  unix: [],
};

const TRUSTED = `IP addresses, networks such as 10.0.0.0/8, and the words ${Object.keys(WORDS).join(', ')}`;

/** The grammar of `Host` (RFC 9110, 7.2), without the characters that no host has. */
const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** Finds the sender of a request that came through proxies. */
export class Proxies {
  readonly #trusted = new BlockList();
  readonly #trustsUnix: boolean;
  readonly #trustsAny: boolean;
  readonly #isForwarded: boolean;

  /** @throws {HubError} `ERR_INVALID_OPTION` */
  constructor({ trustedProxies = [], proxyHeader = 'x-forwarded' }: ProxyOptions) {
    if (!['x-forwarded', 'forwarded'].includes(proxyHeader)) {
      throw invalid(`proxyHeader is ${shown(proxyHeader)}, but must be "x-forwarded" or "forwarded"`);
    }
    if (!Array.isArray(trustedProxies)) {
      throw invalid(`trustedProxies is ${shown(trustedProxies)}, but must be an array with any of ${TRUSTED}`);
    }
    for (const entry of trustedProxies as readonly unknown[]) {
      const isWord = typeof entry === 'string' && Object.hasOwn(WORDS, entry);
      for (const one of (isWord ? WORDS[entry] : undefined) ?? [entry]) this.#trust(one);
    }
    this.#trustsUnix = trustedProxies.includes('unix');
    this.#trustsAny = trustedProxies.length > 0;
    this.#isForwarded = proxyHeader === 'forwarded';
  }

  /**
   * Returns the request as its sender made it: with the address, scheme and host that trusted proxies give. Returns the request itself if no
   * trusted proxy has passed it on.
   * @throws {Problem} `invalid-parameter` if a value that they give breaks its grammar
   */
  resolve(request: HubRequest): HubRequest {
    if (!this.#trustsAny || !this.#isTrusted(request.address)) return request;
    const hops = this.#isForwarded ? readForwarded(request) : readXForwarded(request);
    if (hops === undefined) throw malformed('Forwarded', request.header('forwarded') ?? '');
    const near = hops.at(-1);
    const url = near ? this.#urlOf(request.url, near) : request.url;
    // This is not a copy: members that cost memory are made only when they are read.
    const address = this.#addressOf(request.address, hops);
    return Object.create(request, {
      url: { value: url },
      address: { value: address },
      peer: { value: { remoteAddress: address } },
      // It is called on the original request, which has the connection.
      onGone: { value: request.onGone && ((gone: () => void) => request.onGone?.(gone)) },
    }) as HubRequest;
  }

  /** The nearest address that is not a proxy's. Anybody may have written the addresses before it. */
  #addressOf(peer: string | undefined, hops: readonly Hop[]): string | undefined {
    let found = peer;
    for (const { address, wrong } of hops.toReversed()) {
      if (wrong !== undefined) throw malformed(this.#isForwarded ? 'Forwarded' : 'X-Forwarded-For', wrong);
      if (address === undefined) break;
      found = address;
      if (!this.#isTrusted(address)) break;
    }
    return found;
  }

  #urlOf(asked: string, { proto, host }: Hop): string {
    if (proto === undefined && host === undefined) return asked;
    const name = this.#isForwarded ? 'Forwarded' : 'X-Forwarded-';
    if (proto !== undefined && !/^https?$/i.test(proto))
      throw malformed(`${name}${this.#isForwarded ? '' : 'Proto'}`, proto);
    const url = new URL(asked);
    const base = `${proto?.toLowerCase() ?? url.protocol.slice(0, -1)}://${host ?? url.host}`;
    if ((host !== undefined && !HOST.test(host)) || !URL.canParse(base)) {
      throw malformed(`${name}${this.#isForwarded ? '' : 'Host'}`, host ?? '');
    }
    // Not resolved: a path that begins with two slashes is a path.
    return `${base}${url.pathname}${url.search}`;
  }

  /** Whether an address is that of a proxy that is trusted. */
  includes(address: string): boolean {
    return this.#trustsAny && this.#isTrusted(address);
  }

  #isTrusted(address: string | undefined): boolean {
    if (address === undefined) return this.#trustsUnix;
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }

  #trust(entry: unknown): void {
    const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(typeof entry === 'string' ? entry : '') ?? [];
    const version = isIP(address);
    const family = version === 6 ? 'ipv6' : 'ipv4';
    if (version === 0 || Number(bits ?? 0) > (version === 6 ? 128 : 32)) {
      throw invalid(`trustedProxies has ${shown(entry)}; allowed are ${TRUSTED}`);
    }
    if (bits === undefined) this.#trusted.addAddress(address, family);
    else this.#trusted.addSubnet(address, Number(bits), family);
  }
}

function malformed(name: string, found: string): Problem {
  return new Problem(
    'invalid-parameter',
    `The header field ${name} has ${JSON.stringify(found)}, which breaks its grammar`,
  );
}

function invalid(what: string): HubError {
  return new HubError('ERR_INVALID_OPTION', `The option ${what}`);
}
