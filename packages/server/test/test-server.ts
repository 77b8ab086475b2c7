import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server on a port of the system's choice; on a Unix socket where a test needs small kernel buffers. */
export class TestServer {
  readonly server: Server;
  readonly #folder: string | undefined;

  private constructor(server: Server, folder: string | undefined) {
    this.server = server;
    this.#folder = folder;
  }

  static async listen(
    handler: Handler,
    where: 'tcp' | 'unix' = 'tcp',
    make: (handler: Handler) => Server = createServer,
  ): Promise<TestServer> {
    const server = make(handler);
    const folder = where === 'unix' ? await mkdtemp(join(tmpdir(), 'tidings-server-')) : undefined;
    if (folder === undefined) server.listen(0, '127.0.0.1');
    else server.listen(join(folder, 'http'));
    await once(server, 'listening');
    return new TestServer(server, folder);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  connect(): RawClient {
    const address = this.server.address() as AddressInfo | string;
    return new RawClient(typeof address === 'string' ? connect(address) : connect(address.port, '127.0.0.1'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true });
  }
}

// How much of the end of what has come can be waited for, in characters.
const END = 100;

/** A client that sees every byte. */
export class RawClient {
  readonly socket: Socket;
  /** Fulfils when the connection is closed, however that comes. */
  readonly closed: Promise<void>;
  readonly #parts: string[] = [];
  #end = '';
  #changed: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve());
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#changed());
    socket.on('data', (chunk) => {
      const part = chunk.toString('latin1');
      this.#parts.push(part);
      this.#end = (this.#end + part).slice(-END);
      this.#changed();
    });
  }

  /** What has come so far, a character for each byte. */
  get received(): string {
    return this.#parts.join('');
  }

  get(path = '/', { version = '1.1', headers = '' } = {}): void {
    this.socket.write(`GET ${path} HTTP/${version}\r\nHost: test\r\n${headers}\r\n`);
  }

  /** Waits until the text has come, and gives everything up to its end. */
  async until(text: string): Promise<string> {
    for (;;) {
      const { received } = this;
      const index = received.indexOf(text);
      if (index !== -1) return received.slice(0, index + text.length);
      await this.#change(text);
    }
  }

  /** Waits until what has come ends with a short text: cheap, however much has come. */
  async untilEnd(text: string): Promise<void> {
    while (!this.#end.endsWith(text)) await this.#change(text);
  }

  /** Waits until a condition on all that has come holds. */
  async untilTrue(condition: (received: string) => boolean, text: string): Promise<void> {
    while (!condition(this.received)) await this.#change(text);
  }

  /** Waits until what has come ends with a short text, or the connection is closed. */
  async untilEndOrClosed(text: string): Promise<void> {
    while (!this.#end.endsWith(text) && !this.socket.closed) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async #change(text: string): Promise<void> {
    if (this.socket.closed) throw new Error(`The connection was closed before ${JSON.stringify(text)} came`);
    await new Promise<void>((resolve) => {
      this.#changed = resolve;
    });
  }
}

export interface ParsedResponse {
  readonly status: number;
  readonly headers: Headers;
  /** What the chunks held, a character for each byte. */
  readonly body: string;
  readonly chunks: number;
  /** Whether the last chunk has come. */
  readonly complete: boolean;
  /** What follows the response. */
  readonly rest: string;
}

/** Takes a chunked HTTP/1.1 response apart, and throws at the first byte that RFC 9112 does not allow. */
export function parseChunked(received: string): ParsedResponse {
  const [head = '', ...after] = received.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) .*$/.exec(line)?.[1];
  if (status === undefined) throw new Error(`Not a status line: ${line}`);
  const headers = new Headers(fields.map((field) => field.split(/: ?/, 2) as [string, string]));
  let rest = after.join('\r\n\r\n');
  let body = '';
  let chunks = 0;
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/i.exec(rest);
    if (!size) {
      if (rest !== '' && !/^[0-9a-f]+\r?$/i.test(rest))
        throw new Error(`Not a chunk: ${JSON.stringify(rest.slice(0, 40))}`);
      return { status: Number(status), headers, body, chunks, complete: false, rest };
    }
    const start = size[0].length;
    const end = start + Number.parseInt(size[1]!, 16);
    if (rest.length < end + 2) return { status: Number(status), headers, body, chunks, complete: false, rest };
    if (rest.slice(end, end + 2) !== '\r\n')
      throw new Error(`A chunk does not end: ${JSON.stringify(rest.slice(end - 5, end + 9))}`);
    body += rest.slice(start, end);
    rest = rest.slice(end + 2);
    if (end === start) return { status: Number(status), headers, body, chunks, complete: true, rest };
    chunks += 1;
  }
}

/** Waits until a condition holds, looking again after each turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits until a number has stopped changing: what is under way has come to a halt. */
export async function halted(count: () => number): Promise<number> {
  for (let before = -1, same = 0; ;) {
    const now = count();
    same = now === before ? same + 1 : 0;
    if (same > 500) return now;
    before = now;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
