import { HubError } from '../errors.ts';
import type { KeyOptions } from './key.ts';
import { isLoopback } from '../http/loopback.ts';

/**
 * Checks that a hub may listen on an address. A hub without a key may listen on a loopback address only, unless `anonymous` opens it.
 * @param host a host name or an IP address
 * @throws {HubError} `ERR_NOT_LOOPBACK`
 */
export function checkBinding(
  host: string,
  {
    anonymous = 'none',
    ...credentials
  }: Pick<KeyOptions, 'key' | 'adminKey' | 'anonymous'> & { readonly tokens?: object | undefined } = {},
): void {
  const isOpen = Object.values(credentials).some((given) => given !== undefined) || anonymous !== 'none';
  if (isOpen || isLoopback(host)) return;
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
