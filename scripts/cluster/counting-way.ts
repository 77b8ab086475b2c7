import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What has been counted, by names. */
export type Counts = Readonly<Record<string, number>>;

/** Counts the messages in one direction of a connection. It is given the bytes as they come. */
export type Counter = (bytes: Buffer, count: (name: string, by?: number) => void) => void;

interface Counters {
  /** Makes the counter of what clients send. One for each connection. */
  readonly sent: () => Counter;
  /** Makes the counter of what the server sends. */
  readonly received: () => Counter;
}

/** Stands between nodes and the server of their store, passes on every byte, and counts. */
export class CountingWay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #counts: Record<string, number> = {};

  private constructor(port: number, { sent, received }: Counters) {
    const count = (name: string, by = 1): void => {
      this.#counts[name] = (this.#counts[name] ?? 0) + by;
    };
    this.#server = createServer((client) => {
      count('connections');
      const server = connect(port, '127.0.0.1');
      const ways = [[client, server, sent()] as const, [server, client, received()] as const];
      for (const [from, to, counter] of ways) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on('data', (bytes: Buffer) => {
          to.write(bytes);
          counter(bytes, count);
        });
        from
          .on('error', () => {})
          .on('close', () => {
            this.#sockets.delete(from);
            to.destroy();
          });
      }
    });
  }

  static async to(port: number, counters: Counters): Promise<CountingWay> {
    const way = new CountingWay(port, counters);
    await once(way.#server.listen(0, '127.0.0.1'), 'listening');
    return way;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What was counted since the last call. */
  take(): Counts {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/**
 * Counts frames that begin with their length.
 * @param head how many bytes a frame has at least, which tell its size
 * @param size the size of a frame in all, by its head
 * @param names what a frame is counted as
 */
export function framed(
  head: number,
  size: (head: Buffer) => number,
  names: (frame: Buffer) => readonly string[],
): Counter {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes, count) => {
    count('bytes', bytes.length);
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= head && rest.length >= size(rest)) {
      const frame = rest.subarray(0, size(rest));
      rest = rest.subarray(frame.length);
      for (const name of names(frame)) count(name);
    }
  };
}

/** What a message of PostgreSQL is counted as: it has one letter, and the length of what follows, itself included. */
function messageNames(frame: Buffer): readonly string[] {
  switch (frame.toString('latin1', 0, 1)) {
    case 'C':
      // CommandComplete says what it was.
      return ['statements', ...(frame.toString('latin1', 5).startsWith('BEGIN') ? ['transactions'] : [])];
    case 'Z':
      return ['round trips'];
    case 'D':
      return ['rows'];
    case 'A':
      return ['notifications'];
    default:
      return [];
  }
}

/** Counts what a server of PostgreSQL answers. Of what is sent to it only the size counts. */
export const POSTGRES_COUNTERS: Counters = {
  sent: () => (bytes, count) => count('bytes', bytes.length),
  received: () => framed(5, (head) => 1 + head.readUInt32BE(1), messageNames),
};
