import type { Server, Socket } from 'node:net';
import type { Hub } from '../hub.ts';
import { networkOf } from '../http/network.ts';
import type { CountedName } from '../processes/processes.ts';
import { type ConnectionOwner, giveOwner } from './unfinished.ts';

const WARN_EVERY_MS = 60_000;

// The highest limit there is, which stands for none.
const NO_LIMIT = 2 ** 31 - 1;

/** What of a hub concerns its connections. */
export type ConnectionHub = Pick<Hub, 'counts' | 'isProxy' | 'processes' | 'reports'>;

type Accept = (socket: Socket) => void;

/** The connections of one network. */
class Network implements ConnectionOwner {
  readonly name: string;
  open = 0;
  /** Those that are not counted with the ones of other processes: these refused them. */
  uncounted = 0;
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
 * read of it or kept for it, so it keeps nobody out. Of a hub of several processes it is closed as soon as the process of the log has found that they have as many together. Trusted proxies may have any number, because the connections of all their clients are theirs.
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
      this.#refuse(socket, network);
      return false;
    }
    network.open += 1;
    if (this.#isPlain) counts.open.http1 += 1;
    giveOwner(socket, network);
    if (this.#isShared(network)) void this.#share(socket, network);
    return true;
  }

  /** Whether its connections are counted with those of the other processes. */
  #isShared(network: Network): boolean {
    return network !== this.#unbounded && this.#max < NO_LIMIT && !this.#hub.processes.isAlone;
  }

  /** Counts a connection with those of the other processes. */
  async #share(socket: Socket, network: Network): Promise<void> {
    const full = await this.#hub.processes.take(this.#countedOf(network));
    if (full === undefined) return;
    network.uncounted += 1;
    if (!socket.destroyed) this.#refuse(socket, network);
  }

  #countedOf({ name }: Network): CountedName {
    return { kind: 'connections of', name, most: this.#max };
  }

  #refuse(socket: Socket, { name }: Network): void {
    this.#hub.counts.refusedConnections.address += 1;
    // Its client gets no more of the system than it has to.
    socket.on('error', () => {}).resetAndDestroy();
    this.#warn(name);
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
      if (this.#isShared(network)) this.#free(network);
      if (network.open === 0) this.#networks.delete(network.name);
    });
  }

  /** One that has gone is as good as another: as many are no longer counted as there were. */
  #free(network: Network): void {
    if (network.uncounted > 0) network.uncounted -= 1;
    else this.#hub.processes.free(this.#countedOf(network));
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
