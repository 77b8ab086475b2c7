import { once } from 'node:events';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';

export { NatsServer } from '../../../scripts/cluster/nats-server.ts';

/** A way to a server that can be cut. */
export class Way {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those on the side of the server. */
  readonly #far = new Set<Socket>();
  #isOpen = true;
  #asked = '';
  #stop: { readonly words: string; readonly until: () => Promise<void> } | undefined;

  private constructor(port: number) {
    this.#server = createServer((socket) => {
      if (!this.#isOpen) {
        socket.destroy();
        return;
      }
      const other = connectSocket(port, '127.0.0.1');
      for (const [one, another] of [[socket, other] as const, [other, socket] as const]) {
        this.#sockets.add(one);
        one
          .on('error', () => {})
          .on('close', () => {
            this.#sockets.delete(one);
            this.#far.delete(one);
            another.destroy();
          });
        if (one === other) one.pipe(another);
      }
      socket.on('data', (bytes) => {
        const stop = this.#stop;
        if (!stop || !bytes.includes(stop.words)) {
          other.write(bytes);
          return;
        }
        this.#stop = undefined;
        socket.pause();
        void stop.until().then(() => {
          other.write(bytes);
          socket.resume();
        });
      });
      this.#far.add(other);
      socket.on('data', (bytes) => {
        this.#asked += bytes.toString('latin1').replaceAll(/[^\n]{300,}/g, '');
      });
    });
  }

  static async to(port: number): Promise<Way> {
    const way = new Way(port);
    way.#server.listen(0, '127.0.0.1');
    await once(way.#server, 'listening');
    return way;
  }

  get url(): string {
    const address = this.#server.address();
    return `nats://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** Cuts what goes over it. @param isOpen whether it can be gone anew */
  cut(isOpen = true): void {
    this.#isOpen = isOpen;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What went to the server, without long lines. */
  get asked(): string {
    return this.#asked;
  }

  /** What has these words goes to the server only when something else was done, once. */
  before(words: string, until: () => Promise<void>): void {
    this.#stop = { words, until };
  }

  /** Nothing comes from the server until it goes on. */
  hold(): void {
    for (const socket of this.#far) socket.pause();
  }

  goOn(): void {
    for (const socket of this.#far) socket.resume();
  }

  open(): void {
    this.#isOpen = true;
  }

  close(): void {
    this.cut(false);
    this.#server.close();
  }
}
