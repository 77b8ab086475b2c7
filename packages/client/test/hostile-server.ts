import { once } from 'node:events';
import * as net from 'node:net';
import * as zlib from 'node:zlib';

/** What a hostile server sends once it is asked, and then without end. */
export interface Flood {
  readonly head: string | Uint8Array;
  readonly endless: string | Uint8Array;
}

/** A server that answers every request with a flood, as fast as it is taken. */
export class HostileServer implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(poured: Flood) {
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      socket.once('data', () => {
        socket.write(poured.head);
        const pour = (): void => {
          while (!socket.destroyed && socket.write(poured.endless));
        };
        socket.on('drain', pour);
        pour();
      });
    });
  }

  static async listen(poured: Flood): Promise<HostileServer> {
    const server = new HostileServer(poured);
    await once(server.#server.listen(0, '127.0.0.1'), 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server.close(), 'close');
  }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n';

/** A body of text that goes on for ever, as it is. */
export function flood(begin: string, endless: string): Flood {
  return { head: `${OK}\r\n${begin}`, endless };
}

/** The same as gzip, a thousandth in size: a part after a full flush can be sent again and again. */
export function gzipFlood(begin: string, endless: string): Flood {
  const whole = { finishFlush: zlib.constants.Z_FULL_FLUSH };
  const gzipHead = zlib.gzipSync('').subarray(0, 10);
  const first = Buffer.concat([
    Buffer.from(`${OK}Content-Encoding: gzip\r\n\r\n`),
    gzipHead,
    zlib.deflateRawSync(begin, whole),
  ]);
  return { head: first, endless: zlib.deflateRawSync(endless, whole) };
}
