import type { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders as Http2Fields } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { counted } from '@tidings/server/log';
import { Problem } from '../http/problem.ts';

// A name or an address, and perhaps a port (RFC 9110, 7.2). Names of hosts have letters, digits, hyphens and dots, some have underscores.
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{0,5})?$/i;

// RFC 9112, 3.2.2.
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

// The parts of a path that a URL parser resolves. With them a proxy and the hub would see different paths.
const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/** What of a socket tells the address that a request was sent to. */
type Local = Pick<IncomingMessage['socket'], 'address'>;

/**
 * The absolute URL of a request. Its path and query are those of the request line and nothing else, its host is what the request line or
 * `Host` says. HTTP/1.0 may leave the host out.
 * @param isSecure whether the request came over TLS
 * @throws {Problem} `invalid-request`, `url-too-long`
 */
export function urlOf(request: IncomingMessage, maxBytes: number, isSecure: boolean): string {
  const { url: target = '', headers, socket } = request;
  checkLength(target, maxBytes);
  const [, authority, rest = ''] = ABSOLUTE.exec(target) ?? [];
  const base = baseOf(authority ?? headers.host ?? ownAddress(socket), isSecure);
  if (target === '*' && request.method === 'OPTIONS') return `${base}/*`;
  return base + pathOf(authority === undefined ? target : `${rest.startsWith('/') ? '' : '/'}${rest}`);
}

/**
 * The same for a request of HTTP/2, whose host is that of `:authority`, or of `Host` where a proxy has it from HTTP/1.1 (RFC 9113, 8.3.1).
 * @throws {Problem} `invalid-request`, `url-too-long`
 */
export function http2UrlOf(fields: Http2Fields, socket: Local, maxBytes: number): string {
  const { ':path': target = '', ':authority': authority, host } = fields;
  checkLength(target, maxBytes);
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    throw new Problem(
      'invalid-request',
      `The request is for the host ${JSON.stringify(authority)}, and its field Host has ${JSON.stringify(host)}`,
    );
  }
  const base = baseOf(authority ?? host ?? ownAddress(socket), true);
  if (target === '*' && fields[':method'] === 'OPTIONS') return `${base}/*`;
  return base + pathOf(target);
}

function checkLength(target: string, maxBytes: number): void {
  if (target.length <= maxBytes) return;
  throw new Problem(
    'url-too-long',
    `The URL is ${counted(target.length, 'byte')}; the limit is ${maxBytes}. QUERY /topics takes matchers in its body`,
  );
}

/** The scheme and the host. */
function baseOf(host: string, isSecure: boolean): string {
  if (!isHost(host)) {
    throw new Problem(
      'invalid-request',
      `The host ${JSON.stringify(host)} is not a name or an address with or without a port`,
    );
  }
  return `${isSecure ? 'https' : 'http'}://${host}`;
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
    // Without the query, which may have a ticket or a token.
    throw new Problem(
      'invalid-request',
      `The request is for ${JSON.stringify(path)}, but a path must begin with a slash, and have neither a backslash, a # nor the segments . and ..`,
    );
  }
  return target;
}

/** The address that a request was sent to. Asking for it costs memory for as long as its connection lasts. */
function ownAddress(socket: Local): string {
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

/** The header fields of a request: as they came, name and value in turn, and by their names. */
interface Fields {
  readonly rawHeaders: readonly string[];
  readonly headers: object;
}

/**
 * Refuses header fields that are given twice but may be given once, and header fields that are too large together.
 * @throws {Problem} `invalid-request`, `headers-too-large`
 */
export function checkFields({ rawHeaders, headers }: Fields, maxBytes: number): void {
  let bytes = 0;
  // A colon, a space and the end of the line, for each field.
  for (const text of rawHeaders) bytes += text.length + 2;
  // The path of HTTP/2 has a limit of its own.
  const path = rawHeaders.indexOf(':path');
  if (path % 2 === 0) bytes -= rawHeaders[path + 1]?.length ?? 0;
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
