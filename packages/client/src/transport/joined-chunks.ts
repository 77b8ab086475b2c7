import type { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ChunkReader } from './chunk-reader.ts';

const CR = 0x0d;
const LF = 0x0a;

type DataListener = (this: Socket, bytes: Buffer) => void;

/**
 * Makes a response that comes in many small chunks cheap to read. A server that flushes each event sends a chunk for each,
 * and the parser of `node:http` makes a call and a copy for each chunk, which costs several times what an event costs.
 *
 * The parser gets the head of the response, line by line, so that it has nothing of the body when it gives out the response.
 * Then the data of plain chunks goes around the parser into the response, as one piece for each read of the socket. The
 * parser gets back what is not a plain chunk and all that follows it: the last chunk, trailers, extensions, malformed
 * chunks. So limits, errors, backpressure and the reuse of sockets stay those of `node:http`.
 *
 * A socket that is not one of Node's own, such as that of a mock, is left alone. So is one that somebody else reads too.
 */
export function joinChunks(request: ClientRequest): void {
  request.once('socket', (socket) => {
    const [parse, ...others] = socket.listeners('data') as DataListener[];
    if (parse && others.length === 0 && isOfNode(socket)) new ResponseReader(request, socket, parse).begin();
  });
}

function isOfNode(socket: Socket): boolean {
  const prototype: unknown = Object.getPrototypeOf(socket);
  return prototype === Socket.prototype || prototype === TLSSocket.prototype;
}

/** Reads a socket in place of the listener that `node:http` has put on it, and feeds that listener. */
class ResponseReader {
  readonly #request: ClientRequest;
  readonly #socket: Socket;
  /** The listener of `node:http`, which removes it from the socket once it wants no more. */
  readonly #parse: DataListener;
  readonly #chunks = new ChunkReader();
  #message: IncomingMessage | undefined;

  constructor(request: ClientRequest, socket: Socket, parse: DataListener) {
    this.#request = request;
    this.#socket = socket;
    this.#parse = parse;
  }

  begin(): void {
    this.#request.once('response', (message) => {
      this.#message = message;
    });
    this.#replace(this.#parse, this.#readHead);
  }

  readonly #readHead = (bytes: Buffer): void => {
    this.#replace(this.#readHead, this.#parse);
    let at = 0;
    while (at < bytes.length && this.#message === undefined && this.#isParsing) {
      let end = bytes.indexOf(LF, at) + 1 || bytes.length;
      // Line ends without a line do not cost a call each. None of them can be the first byte of a chunk.
      while (bytes[end] === CR || bytes[end] === LF) end++;
      this.#parse.call(this.#socket, bytes.subarray(at, end));
      at = end;
    }
    if (!this.#isParsing) return;
    if (this.#message === undefined) return this.#replace(this.#parse, this.#readHead);

    const isChunked = this.#request.method !== 'HEAD' && isPlainlyChunked(this.#message);
    if (isChunked) this.#replace(this.#parse, this.#readBody);
    if (at === bytes.length) return;
    if (isChunked) this.#readBody(bytes.subarray(at));
    else this.#parse.call(this.#socket, bytes.subarray(at));
  };

  readonly #readBody = (bytes: Buffer): void => {
    const { data, rest, isBroken } = this.#chunks.read(bytes);
    // The parser does the same. Reading the message resumes the socket.
    if (data.length > 0 && this.#message?.push(data) === false) this.#socket.pause();
    if (isBroken) this.#socket.destroy(new Error('found a chunk that does not end where its size says'));
    if (rest === undefined) return;
    this.#replace(this.#readBody, this.#parse);
    if (this.#isParsing) this.#parse.call(this.#socket, rest);
  };

  get #isParsing(): boolean {
    return !this.#socket.destroyed && this.#socket.listeners('data').includes(this.#parse);
  }

  /** Puts a listener in place of another. The socket always has one, so that it goes on. */
  #replace(listener: DataListener, next: DataListener): void {
    this.#socket.on('data', next).off('data', listener);
  }
}

function isPlainlyChunked({ statusCode, httpVersion, headers }: IncomingMessage): boolean {
  return (
    statusCode === 200 &&
    httpVersion === '1.1' &&
    headers['transfer-encoding']?.toLowerCase() === 'chunked' &&
    headers['content-length'] === undefined
  );
}
