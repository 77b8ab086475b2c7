import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { counted } from '@tidings/server/log';
import { Problem } from '../http/problem.ts';

// A name or an address, and perhaps a port (RFC 9110, 7.2). Names of hosts have letters, digits, hyphens and dots, some have underscores.
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{0,5})?$/i;

// RFC 9112, 3.2.2.
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

// The parts of a path that a URL parser resolves. With them a proxy and the hub would see different paths.
const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * The absolute URL of a request. Its path and query are those of the request line and nothing else, its host is what the request line or
 * `Host` says. HTTP/1.0 may leave the host out.
 * @throws {Problem} `invalid-request`, `url-too-long`
 */
export function urlOf(request: IncomingMessage, maxBytes: number): string {
  const { url: target = '' } = request;
  if (target.length > maxBytes) {
    throw new Problem(
      'url-too-long',
      `The URL is ${counted(target.length, 'byte')}; the limit is ${maxBytes}. QUERY /topics takes matchers in its body`,
    );
  }
  const [, authority, rest = ''] = ABSOLUTE.exec(target) ?? [];
  const host = authority ?? request.headers.host ?? ownAddress(request);
  const scheme = request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  const base = `${scheme}://${host}`;
  if (!isHost(host)) {
    throw new Problem(
      'invalid-request',
      `The host ${JSON.stringify(host)} is not a name or an address with or without a port`,
    );
  }
  if (target === '*' && request.method === 'OPTIONS') return `${base}/*`;
  return base + pathOf(authority === undefined ? target : `${rest.startsWith('/') ? '' : '/'}${rest}`);
}

/** Hosts, with or without a port, that are known to be right: nearly all requests have the same one. */
const knownHosts = new Set<string>();
const MAX_KNOWN_HOSTS = 100;

function isHost(host: string): boolean {
  if (knownHosts.has(host)) return true;
  if (!HOST.test(host) || !URL.canParse(`http://${host}`)) return false;
  if (knownHosts.size >= MAX_KNOWN_HOSTS) knownHosts.clear();
  // A long text would keep the whole text that it was cut from in memory.
  if (host.length <= 100) knownHosts.add(host);
  return true;
}

/** Checks that a parser of URLs leaves the path as it is. */
function pathOf(target: string): string {
  const [path = ''] = target.split('?', 1);
  if (!path.startsWith('/') || target.includes('#') || path.includes('\\') || DOT_SEGMENT.test(path)) {
    throw new Problem(
      'invalid-request',
      `The request is for ${JSON.stringify(target)}, but a path must begin with a slash, and have neither a backslash, a # nor the segments . and ..`,
    );
  }
  return target;
}

/** The address that a request was sent to. Asking for it costs memory for as long as its connection lasts. */
function ownAddress({ socket }: IncomingMessage): string {
  const { family, address, port = 80 } = socket.address() as Partial<AddressInfo>;
  return `${family === 'IPv6' ? `[${address ?? '::1'}]` : (address ?? '127.0.0.1')}:${port}`;
}

/** Header fields that a request may have once: of two, a proxy may have looked at the other one. */
const ONCE = new Set([
  'host',
  'authorization',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'origin',
  'sec-fetch-site',
]);

/**
 * Refuses header fields that are given twice but may be given once, and header fields that are too large together.
 * @throws {Problem} `invalid-request`, `headers-too-large`
 */
export function checkFields({ rawHeaders, headers }: IncomingMessage, maxBytes: number): void {
  let bytes = 0;
  // A colon, a space and the end of the line, for each field.
  for (const text of rawHeaders) bytes += text.length + 2;
  if (bytes > maxBytes) {
    throw new Problem('headers-too-large', `The header fields are ${counted(bytes, 'byte')}; the limit is ${maxBytes}`);
  }
  // Node has put those of the same name together.
  if (Object.keys(headers).length * 2 < rawHeaders.length) checkOnce(rawHeaders);
}

function checkOnce(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (ONCE.has(name) && seen.has(name)) {
      throw new Problem('invalid-request', `The header field ${rawHeaders[index]} is given twice`);
    }
    seen.add(name);
  }
}
