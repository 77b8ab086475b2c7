import { Server, type RequestListener, type ServerOptions } from 'node:http';
import { Socket } from 'node:net';
import { checkChoice } from '../errors.ts';
import { Connection } from './connection.ts';

export interface StreamServerOptions extends ServerOptions {
  /**
   * Whether events may be written to a plain socket past its stream, by one system call. Turn it off if other code has to see every write, such as
   * a tracing agent or a reader of `socket.bytesWritten`. @default true
   */
  readonly directWrites?: boolean;
}

/**
 * A server of node:http, for servers that hold many streams open: `eventStream`, `respond` and `startResponse` keep nothing of a connection but its
 * socket, which is a quarter of the memory. The head of such a stream has `Connection: close`, bytes that the client sends after its request are not
 * read, and its end is up to the source or channel alone: the response that http gave has ended by then. Where
 * anyone else listens to the response, its request or their socket, or has put a method in place of the response's own, http keeps them, as
 * it does for every other response. On runtimes whose node:http has no connections to speak of (Bun, Deno) it is an ordinary server.
 * @param options those of node:http's `createServer`, and one of its own
 */
export function createServer(listener: RequestListener, options: StreamServerOptions = {}): Server {
  const { directWrites = true, ...others } = options;
  checkChoice('directWrites', directWrites, [true, false]);
  return new StreamServer(others, listener, directWrites);
}

class StreamServer extends Server {
  readonly #taken = new Set<Socket>();

  constructor(options: ServerOptions, listener: RequestListener, directWrites: boolean) {
    super(options, listener);
    const [accept, ...others] = this.listeners('connection');
    if (!accept || others.length > 0) return;
    const shared = { taken: this.#taken, directWrites };
    // Other handlers of connections get the sockets themselves.
    this.off('connection', accept as () => void);
    this.prependListener('connection', (socket) => {
      Reflect.apply(accept, this, [socket instanceof Socket ? new Connection(socket, shared) : socket]);
    });
    this.prependListener('request', (request, response) => Connection.begin(request, response));
  }

  override closeAllConnections(): void {
    super.closeAllConnections();
    // http no longer knows these sockets.
    for (const socket of this.#taken) socket.destroy();
  }
}
