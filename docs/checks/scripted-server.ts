import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. Values hold one character per byte. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** On a clock that never goes back, in milliseconds. */
  readonly at: number;
}

/** What a server does with one request: it has the bare socket, so it answers rightly or wrongly. */
export type Answer = (socket: Socket, request: ReceivedRequest) => void;

/** Answers its n-th request with its n-th answer, and later ones with the last. */
export class ScriptedServer {
  readonly requests: ReceivedRequest[] = [];
  readonly #answers: readonly Answer[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(answers: readonly Answer[]) {
    this.#answers = answers;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async listen(...answers: readonly Answer[]): Promise<ScriptedServer> {
    const server = new ScriptedServer(answers);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Connections now. */
  get connections(): number {
    return this.#sockets.size;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // a client that goes is what many checks wait for
    socket.on('close', () => this.#sockets.delete(socket));
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const request = parseRequest(text);
      if (request === undefined) return;
      text = '';
      this.requests.push(request);
      this.#answers[Math.min(this.requests.length, this.#answers.length) - 1]?.(socket, request);
    });
  }
}

const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

/** How long a piece of a stream is given to arrive alone, in milliseconds. */
const PIECE_MS = 20;

/** How long the last piece is given to be read before the connection is reset, which may drop it, in milliseconds. */
const RESET_MS = 100;

/** A stream in pieces that arrive one by one. Then the connection stays open, ends or is reset. */
export function stream(pieces: readonly (string | Uint8Array)[], then: 'stay' | 'end' | 'reset' = 'stay'): Answer {
  return (socket) => {
    socket.setNoDelay(true);
    socket.write(STREAM_HEAD);
    const rest = [...pieces];
    const next = (): void => {
      const piece = rest.shift();
      if (piece !== undefined) {
        socket.write(chunk(piece));
        setTimeout(next, PIECE_MS);
      } else if (then === 'end') socket.end('0\r\n\r\n');
      else if (then === 'reset') setTimeout(() => socket.resetAndDestroy(), RESET_MS);
    };
    setTimeout(next, PIECE_MS);
  };
}

/** A piece as a chunk of HTTP/1.1. With chunks a connection that breaks can be told from a stream that ends. */
export function chunk(piece: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(piece);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** A response that is no event stream, or only claims to be one. */
export function response(status: string, headers: readonly string[] = [], body = ''): Answer {
  return (socket) => {
    const head = [`HTTP/1.1 ${status}`, ...headers, `content-length: ${body.length}`, 'connection: close'];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  };
}

/** Breaks the connection before a response. */
export const refuse: Answer = (socket) => {
  socket.resetAndDestroy();
};

function parseRequest(text: string): ReceivedRequest | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const [method = '', path = ''] = first.split(' ');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const raw = text.slice(end + 4);
  const body = headers['transfer-encoding'] === 'chunked' ? readChunked(raw) : raw;
  if (body === undefined || body.length < Number(headers['content-length'] ?? 0)) return undefined;
  return { method, path, headers, body, at: performance.now() };
}

/** The content of a chunked body, `undefined` while it is incomplete. */
function readChunked(raw: string): string | undefined {
  if (!raw.includes('0\r\n\r\n')) return undefined;
  return raw.replaceAll(/(?:^|\r\n)[\da-f]+\r\n/gi, '');
}
