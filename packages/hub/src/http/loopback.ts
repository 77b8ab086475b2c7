import { isIPv4 } from 'node:net';

/** Whether a host name or an IP address, in brackets or not, is one by which a machine reaches only itself. */
export function isLoopback(hostname: string): boolean {
  // Nearly all requests of this machine.
  if (hostname === '127.0.0.1' || hostname === 'localhost') return true;
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
