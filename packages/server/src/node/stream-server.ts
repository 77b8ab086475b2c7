import { Server, type RequestListener, type ServerOptions } from 'node:http';
import { Socket } from 'node:net';
import { checkChoice, checkInteger, ServerError, suggestion } from '../errors.ts';
import { Connection } from './connection.ts';
import { DEFAULT_MAX_LARGE_HEADS, LargeHeads } from './large-heads.ts';

export interface StreamServerOptions extends ServerOptions {
  /**
   * Whether events may be written to a plain socket past its stream, by one system call. Turn it off if other code has to see every write, such as
   * a tracing agent or a reader of `socket.bytesWritten`. @default true
   */
  readonly directWrites?: boolean | undefined;
  /**
   * How many connections may be in the middle of a request's head that is larger than 16 KiB, which Node holds until it is whole. The next one is
   * answered 503. It only matters if `maxHeaderSize` is larger than that. @default 256
   */
  readonly maxLargeHeads?: number | undefined;
}

/**
 * A server of node:http, for servers that hold many streams open: `eventStream`, `respond` and `startResponse` keep nothing of a connection but its
 * socket, which is a quarter of the memory. The head of such a stream has `Connection: close`, bytes that the client sends after its request are not
 * read, and its end is up to the source or channel alone: the response that http gave has ended by then. Where
 * anyone else listens to the response, its request or their socket, or has put a method in place of the response's own, http keeps them, as
 * it does for every other response. On runtimes whose node:http has no connections to speak of (Bun, Deno) it is an ordinary server.
 * @param options those of node:http's `createServer`, and two of its own
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function createServer(listener: RequestListener, options: StreamServerOptions = {}): Server {
  const { directWrites = true, maxLargeHeads = DEFAULT_MAX_LARGE_HEADS, ...others } = options;
  for (const name of Object.keys(others)) {
    // Every version of Node has options of its own, so only a misspelled one of ours can be told.
    const nearest = suggestion(name, ['directWrites', 'maxLargeHeads']);
    if (nearest !== '')
      throw new ServerError('ERR_INVALID_OPTION', `There is no option ${JSON.stringify(name)}${nearest}`);
  }
  checkChoice('directWrites', directWrites, [true, false]);
  checkInteger('maxLargeHeads', maxLargeHeads, 1, 2 ** 31 - 1);
  return new StreamServer(others, listener, { directWrites, maxLargeHeads });
}

interface OwnOptions {
  readonly directWrites: boolean;
  readonly maxLargeHeads: number;
}

class StreamServer extends Server {
  readonly #taken = new Set<Socket>();

  constructor(options: ServerOptions, listener: RequestListener, own: OwnOptions) {
    super(options, listener);
    const [accept, ...others] = this.listeners('connection');
    if (!accept || others.length > 0) return;
    const shared = {
      taken: this.#taken,
      directWrites: own.directWrites,
      largeHeads: new LargeHeads(own.maxLargeHeads),
    };
    // Other handlers of connections get the sockets themselves.
    this.off('connection', accept as () => void);
    this.prependListener('connection', (socket) => {
      Reflect.apply(accept, this, [socket instanceof Socket ? new Connection(socket, shared) : socket]);
    });
    const begin: RequestListener = (request, response) => Connection.begin(request, response);
    this.prependListener('request', begin);
    // http asks for a body by itself, and refuses other expectations, only while nobody listens for these.
    this.on('newListener', (name: unknown, added: unknown) => {
      if (name !== 'checkContinue' && name !== 'checkExpectation') return;
      if (added !== begin && this.listenerCount(name) === 0) this.on(name, begin);
    });
  }

  override closeAllConnections(): void {
    super.closeAllConnections();
    // http no longer knows these sockets.
    for (const socket of this.#taken) socket.destroy();
  }
}
