import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createStreamServer } from '@tidings/server/node';
import { shown } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import type { Hub } from '../hub.ts';
import { Connections } from './connections.ts';
import { Descriptors } from './descriptors.ts';
import { Door } from './door.ts';
import {
  type CheckedServerOptions,
  checkServerOptions,
  type HubServerOptions,
  type SecureHubServerOptions,
} from './options.ts';
import { SecureHubServer } from './secure-server.ts';
import { StreamDoor } from './stream-door.ts';

// An upload of an event stream may last for as long as its publisher likes; a request's head may not. TCP finds out, within two minutes, that the
// machine on the other side has gone.
const CONNECTIONS = { requestTimeout: 0, keepAlive: true, keepAliveInitialDelay: 60_000 };

// The least time between two looks for heads that take too long, in milliseconds.
const MIN_LOOK_MS = 10;

// What the request line has beside its URL, and the ends of lines.
const REQUEST_LINE_BYTES = 1024;

/**
 * A server for the hub, not listening yet. With `tls` it speaks HTTP/1.1 and HTTP/2 over TLS on one port, as each client asks for it.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function createServer(hub: Hub, options: SecureHubServerOptions): SecureHubServer;
export function createServer(hub: Hub, options?: HubServerOptions): Server;
export function createServer(
  hub: Hub,
  options: HubServerOptions | SecureHubServerOptions = {},
): Server | SecureHubServer {
  checkHub(hub);
  const { tls, ...others } = options as SecureHubServerOptions;
  const settings = checkServerOptions(others);
  const descriptors = new Descriptors((about, message) => hub.reports.warn(about, message));
  const connections = new Connections(hub, settings.maxConnectionsPerAddress, options.tls === undefined);
  const server =
    options.tls === undefined
      ? httpServer(new Door(hub, settings, descriptors, false), settings)
      : new SecureHubServer(tls, settings, {
          connections: CONNECTIONS,
          counts: hub.counts,
          http: httpServer(new Door(hub, settings, descriptors, true), settings),
          door: new StreamDoor(hub, settings, descriptors),
        });
  descriptors.guard(server);
  connections.guard(server);
  return server;
}

function httpServer(door: Door, settings: CheckedServerOptions): Server {
  const { idleConnectionMs, maxHeadMs, maxLargeHeads, maxUrlBytes, maxFieldBytes } = settings;
  const server = createStreamServer((request, response) => door.take(request, response), {
    ...CONNECTIONS,
    headersTimeout: maxHeadMs,
    // Without this Node looks for heads that take too long every half a minute only.
    connectionsCheckingInterval: Math.max(MIN_LOOK_MS, Math.ceil(maxHeadMs / 4)),
    keepAliveTimeout: idleConnectionMs,
    maxLargeHeads,
    maxHeaderSize: maxUrlBytes + maxFieldBytes + REQUEST_LINE_BYTES,
  });
  // Without this Node asks for the body before the hub knows whether it wants it.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    door.take(request, response, () => response.writeContinue());
  });
  // Node would answer any other expectation itself, without a document. A server may leave it out of account (RFC 9110, 10.1.1), as it is in HTTP/2.
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => door.take(request, response));
  return server;
}

/**
 * What is no hub would fail at the first request, outside of every `try` of the caller. A hub may be of another copy of this package, so its class does
 * not matter.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
function checkHub(hub: unknown): void {
  const { handle, reports, counts } = (hub ?? {}) as Partial<Hub>;
  if (typeof handle === 'function' && typeof reports?.refused === 'function' && counts) return;
  const [found, advice] = hub instanceof Promise ? ['a promise', 'await it first'] : [shown(hub), 'new Hub({ log })'];
  throw new HubError('ERR_INVALID_OPTION', `The hub of createServer is ${found}, but must be a Hub: ${advice}`);
}
