import { isIPv4 } from 'node:net';
import { HubError } from '../errors.ts';

/**
 * Checks that a hub may listen on an address. A hub without a key may listen on a loopback address only, unless `anonymous` opens it.
 * @param host a host name or an IP address
 * @throws {HubError} `ERR_NOT_LOOPBACK`
 */
export function checkBinding(host: string, options: { readonly key?: string; readonly anonymous?: string } = {}): void {
  if (options.key !== undefined || (options.anonymous ?? 'none') !== 'none' || isLoopback(host)) return;
  throw new HubError(
    'ERR_NOT_LOOPBACK',
    `Without a key the hub listens on loopback addresses only, and ${host} is not one: every client that reached it could publish and listen`,
  );
}

/**
 * Checks that nobody means to reach a hub without a key through a proxy: to the hub, each request of the proxy comes from an address near it.
 * @throws {HubError} `ERR_NOT_LOOPBACK`
 */
export function checkReach({
  publicUrl,
  trustedProxies = [],
}: {
  readonly publicUrl?: string | undefined;
  readonly trustedProxies?: readonly string[] | undefined;
}): void {
  const option = trustedProxies.length > 0 ? `trustedProxies is ${JSON.stringify(trustedProxies)}` : undefined;
  const strange = publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname);
  const found = strange ? `publicUrl is ${JSON.stringify(publicUrl)}` : option;
  if (found === undefined) return;
  throw new HubError(
    'ERR_NOT_LOOPBACK',
    `The option ${found}, but the hub has no key: every client of the proxy could publish and listen. Set key or authenticate, or say with anonymous what everyone may do`,
  );
}

/** Whether a host name or an IP address, in brackets or not, is one by which a machine reaches only itself. */
export function isLoopback(hostname: string): boolean {
  const name = hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    (isIPv4(name) && name.startsWith('127.')) ||
    // An address of IPv4 in IPv6, as people and as URLs write it.
    /^::ffff:(?:127\.\d+\.\d+\.\d+|7f[0-9a-f]{2}:[0-9a-f]{1,4})$/.test(name)
  );
}
