import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { Server as SocketServer } from 'node:net';
import type { SecureHubServer } from '@tidings/hub';

/**
 * How often connections without a request are closed, the first time after as long, in milliseconds: a request may be on its way. Browsers keep
 * them open for minutes.
 */
const IDLE_MS = 250;

/**
 * How long requests in progress may take to finish, in milliseconds. It is longer than what the hub gives them, so that its answers to those that take too
 * long are sent.
 */
const FINISH_MS = 6_000;

export interface ClosingServer {
  /** Resolves when the connections on which nothing was sent are closed: whoever had them connects anew. */
  readonly idle: Promise<void>;
  /** Resolves when the last connection is closed. */
  readonly closed: Promise<void>;
}

/** Stops accepting connections. On those that were accepted before, one more request is answered. */
export function closeServer(server: Server | SecureHubServer): ClosingServer {
  if (!server.listening) return { idle: Promise.resolve(), closed: Promise.resolve() };
  // The `close` of http would at once close those that have no request yet.
  if ('drain' in server) server.drain();
  else SocketServer.prototype.close.call(server);
  (server as SocketServer).prependListener('request', (_request: unknown, response: ServerResponse) => {
    response.shouldKeepAlive = false;
  });
  const deadline = setTimeout(() => server.closeAllConnections(), FINISH_MS);
  let sweeper: ReturnType<typeof setInterval> | undefined;
  const swept = new Promise<void>((resolve) => {
    sweeper = setInterval(() => {
      server.closeIdleConnections();
      resolve();
    }, IDLE_MS);
  });
  const closed = once(server, 'close').then(() => {
    clearInterval(sweeper);
    clearTimeout(deadline);
  });
  return { idle: Promise.race([swept, closed]), closed };
}
