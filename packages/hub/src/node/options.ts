import { shown } from '@tidings/server/log';
import { checkNames, HubError } from '../errors.ts';
import { withDefaults } from '../limits.ts';

/** How the hub's server treats connections (PROTOCOL §11). */
export interface HubServerOptions {
  /**
   * How long a connection without a request is kept, in milliseconds. A proxy must close its connections first: a publish that it sends on
   * one that is being closed fails. Load balancers keep theirs for 60 s (AWS, nginx) to 600 s (Google). @default 620000
   */
  readonly idleConnectionMs?: number | undefined;
  /**
   * How long the server reads on after it has refused a body, in milliseconds. A client may read the answer only after it has sent the whole body.
   * @default 30000
   */
  readonly lingerMs?: number | undefined;
  /** How long the head of a request may take, in milliseconds. @default 30000 */
  readonly maxHeadMs?: number | undefined;
  /**
   * How many connections may be in the middle of a request's head of more than 16 KiB, which is held until it is whole. The next one is answered
   * 503. @default 256
   */
  readonly maxLargeHeads?: number | undefined;
  /**
   * How many requests of one connection may wait for the answers before them. A connection with more is closed; those that wait are not answered.
   * @default 16
   */
  readonly maxPipelined?: number | undefined;
  /** How long a client may take to read an answer that is no stream, in milliseconds. Then its connection is closed. @default 60000 */
  readonly maxAnswerMs?: number | undefined;
  /**
   * Bytes of all answers that clients have yet to read, without streams. If there are more, the connection of the answer that is the oldest is
   * closed. @default 67108864
   */
  readonly maxUnsentBytes?: number | undefined;
  /** Bytes of a URL. The default is enough for 100 matchers of 1,024 bytes. @default 131072 */
  readonly maxUrlBytes?: number | undefined;
  /** Bytes of a request's header fields. @default 16384 */
  readonly maxFieldBytes?: number | undefined;
  /**
   * How many streams one connection of HTTP/2 may have open at once, each of them a listener or another request. A client waits with more until one
   * has ended. @default 250
   */
  readonly maxStreams?: number | undefined;
  /**
   * How many connections one address may have open at once; of IPv6 all addresses of a /64 are one. The next one is closed at once. Trusted proxies may have any number, and
   * so may connections without an address. The default leaves room for an office behind one address. @default 1000
   */
  readonly maxConnectionsPerAddress?: number | undefined;
  /**
   * How many connections may be in the middle of a handshake of TLS. If there are more, the oldest one of the address with the most of them is closed. @default 1024
   */
  readonly maxHandshakes?: number | undefined;
  readonly tls?: undefined;
}

/** A certificate and its key, PEM. A certificate may be followed by those that lead to the root. */
export interface Certificate {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/** The same for a server of HTTP/1.1 and HTTP/2 over TLS. */
export interface SecureHubServerOptions extends Omit<HubServerOptions, 'tls'> {
  /** The certificate of the server, or a function that gives it: that is called again by `renewCertificate()`. TLS is of version 1.2 or newer. */
  readonly tls: Certificate | (() => Certificate);
}

/** The options with the defaults filled in. */
export type CheckedServerOptions = { readonly [Name in Exclude<keyof HubServerOptions, 'tls'>]-?: number };

const DEFAULTS: CheckedServerOptions = {
  idleConnectionMs: 620_000,
  lingerMs: 30_000,
  maxHeadMs: 30_000,
  maxLargeHeads: 256,
  maxPipelined: 16,
  maxAnswerMs: 60_000,
  maxUnsentBytes: 64 * 1024 * 1024,
  maxUrlBytes: 128 * 1024,
  maxFieldBytes: 16 * 1024,
  maxStreams: 250,
  maxConnectionsPerAddress: 1000,
  maxHandshakes: 1024,
};

/** @throws {HubError} `ERR_INVALID_OPTION` */
export function checkServerOptions(options: Omit<HubServerOptions, 'tls'>): CheckedServerOptions {
  checkNames('', options, { ...DEFAULTS, tls: true });
  const checked = withDefaults(DEFAULTS, options);
  for (const [name, value] of Object.entries<number>({ ...checked })) {
    if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) continue;
    throw new HubError(
      'ERR_INVALID_OPTION',
      `The option ${name} is ${shown(value)}, but must be a whole number from 1 to 2147483647`,
    );
  }
  return checked;
}
