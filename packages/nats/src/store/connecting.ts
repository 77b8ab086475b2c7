import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import type { Checked } from '../options.ts';
import { unreachable } from './problem.ts';

// How long the first connection may take, in milliseconds.
const TIMEOUT_MS = 2000;

// A server that does not answer is noticed after three of these, in milliseconds.
const PING_MS = 2000;
const RECONNECT_MS = 200;

/** Connects to one of the servers of a log, and again whenever the connection is lost. @throws {NatsError} `ERR_STORE_AWAY` */
export async function connectTo({ servers, name }: Checked): Promise<NatsConnection> {
  try {
    return await connect({
      servers: servers.map(withoutCredentials),
      ...credentials(servers[0] ?? ''),
      name: `tidings ${name}`,
      timeout: TIMEOUT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      reconnectJitter: RECONNECT_MS / 2,
      ...(servers.some((server) => server.startsWith('tls:')) ? { tls: {} } : {}),
    });
  } catch (error) {
    throw unreachable(error);
  }
}

function withoutCredentials(server: string): string {
  const { protocol, host } = new URL(server);
  return `${protocol}//${host}`;
}

/** The user and password, or the token, of a URL. */
function credentials(server: string): { readonly user?: string; readonly pass?: string; readonly token?: string } {
  const { username, password } = new URL(server);
  if (username === '') return {};
  const user = decodeURIComponent(username);
  return password === '' ? { token: user } : { user, pass: decodeURIComponent(password) };
}
