import type { Socket } from 'node:net';
import type { Counts } from '../counts.ts';
import { type ConnectionOwner, ownerOf } from './unfinished.ts';

/**
 * The connections in the middle of a handshake of TLS, each of which costs far more memory than one of which nothing has come. If there are too many, the oldest one of
 * the network with the most of them gives way: whoever opens many keeps nobody else out.
 */
export class Handshakes {
  readonly #max: number;
  readonly #counts: Counts;
  /** By the network that they come from. */
  readonly #perNetwork = new Map<ConnectionOwner | undefined, Set<Socket>>();
  #size = 0;

  constructor(max: number, counts: Counts) {
    this.#max = max;
    this.#counts = counts;
  }

  /** A handshake begins. */
  begin(socket: Socket): void {
    if (this.#size >= this.#max) this.#makeRoom();
    const network = ownerOf(socket);
    const sockets = this.#perNetwork.get(network) ?? new Set();
    this.#perNetwork.set(network, sockets.add(socket));
    this.#change(1);
  }

  /** It has ended, in whatever way. Does nothing if that is known. */
  end(socket: Socket): void {
    const network = ownerOf(socket);
    const sockets = this.#perNetwork.get(network);
    if (sockets?.delete(socket) !== true) return;
    if (sockets.size === 0) this.#perNetwork.delete(network);
    this.#change(-1);
  }

  #makeRoom(): void {
    let most: ReadonlySet<Socket> = new Set();
    for (const sockets of this.#perNetwork.values()) if (sockets.size > most.size) most = sockets;
    const [oldest] = most;
    if (!oldest) return;
    this.#counts.refusedConnections.handshakes += 1;
    this.end(oldest);
    oldest.destroy();
  }

  #change(by: number): void {
    this.#size += by;
    this.#counts.open.handshake += by;
  }
}
