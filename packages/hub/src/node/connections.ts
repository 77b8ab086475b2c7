import type { Server, Socket } from 'node:net';
import type { Hub } from '../hub.ts';
import { networkOf } from '../http/network.ts';
import { type ConnectionOwner, giveOwner } from './unfinished.ts';

const WARN_EVERY_MS = 60_000;

/** What of a hub concerns its connections. */
export type ConnectionHub = Pick<Hub, 'counts' | 'isProxy' | 'reports'>;

type Accept = (socket: Socket) => void;

/** The connections of one network. */
class Network implements ConnectionOwner {
  readonly name: string;
  open = 0;
  readonly #left: (network: Network) => void;

  /** @param left called when one has gone */
  constructor(name: string, left: (network: Network) => void) {
    this.name = name;
    this.#left = left;
  }

  left(): void {
    this.open -= 1;
    this.#left(this);
  }
}

/**
 * The connections of a server, counted by the network that they come from. One with as many as it may have gets no more: each further one is closed before anything is
 * read of it or kept for it, so it keeps nobody out. Trusted proxies may have any number, because the connections of all their clients are theirs.
 */
export class Connections {
  readonly #hub: ConnectionHub;
  readonly #max: number;
  readonly #isPlain: boolean;
  readonly #networks = new Map<string, Network>();
  /** Those that may have any number of connections. */
  readonly #unbounded: Network;
  #warnedAt = Number.NEGATIVE_INFINITY;

  /** @param isPlain whether HTTP/1.1 is spoken on all of them, without TLS */
  constructor(hub: ConnectionHub, max: number, isPlain: boolean) {
    this.#hub = hub;
    this.#max = max;
    this.#isPlain = isPlain;
    this.#unbounded = this.#newNetwork('');
  }

  /**
   * Takes the place of everything that a server does with a new connection, and lets it be done for those that may have one. Call this when its connections are watched
   * and nothing more is added.
   */
  guard(server: Server): void {
    const accept = server.listeners('connection') as Accept[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!this.#enter(socket)) return;
      for (const each of accept) Reflect.apply(each, server, [socket]);
    });
    server.on('drop', () => {
      this.#hub.counts.refusedConnections.descriptors += 1;
    });
  }

  /** Counts a connection, or closes it. Returns whether it may go on. */
  #enter(socket: Socket): boolean {
    const { counts } = this.#hub;
    counts.accepted += 1;
    const network = this.#networkOf(addressOf(socket));
    if (network.open >= this.#max && network !== this.#unbounded) {
      counts.refusedConnections.address += 1;
      // Its client gets no more of the system than it has to.
      socket.on('error', () => {}).resetAndDestroy();
      this.#warn(network.name);
      return false;
    }
    network.open += 1;
    if (this.#isPlain) counts.open.http1 += 1;
    giveOwner(socket, network);
    return true;
  }

  #networkOf(address: string | undefined): Network {
    // Connections of the same machine that have no address come through a file, which has rights of its own.
    if (address === undefined || this.#hub.isProxy(address)) return this.#unbounded;
    const name = networkOf(address);
    const known = this.#networks.get(name);
    if (known) return known;
    const network = this.#newNetwork(name);
    this.#networks.set(name, network);
    return network;
  }

  #newNetwork(name: string): Network {
    return new Network(name, (network) => {
      if (this.#isPlain) this.#hub.counts.open.http1 -= 1;
      if (network.open === 0) this.#networks.delete(network.name);
    });
  }

  #warn(address: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = now;
    this.#hub.reports.warn(
      { address, connections: this.#max },
      'A connection was refused, because its address has as many as it may (maxConnectionsPerAddress). If a proxy is there, name it in trustedProxies',
    );
  }
}

/** The address of the other side. Node's `remoteAddress` would keep what it finds for as long as the connection lasts. */
function addressOf(socket: Socket): string | undefined {
  const found: { address?: string } = {};
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const handle = (socket as { _handle?: { getpeername?(found: object): number } | null })._handle;
  return handle?.getpeername?.(found) === 0 ? found.address : socket.remoteAddress;
}
