import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * An HTTP/1.1 server with a stream that resumes: its n-th event has the id n. It also serves a page with a script, whatever
 * the query, and one without, and knows which page each stream belongs to.
 */
export class ReplayingServer implements AsyncDisposable {
  readonly #server: http.Server;
  readonly #streams = new Map<http.ServerResponse, string>();
  readonly #waiting: (() => void)[] = [];
  #published = 0;
  /** How many streams have been asked for in all. */
  asked = 0;

  private constructor(script: string) {
    this.#server = http.createServer((request, response) => {
      if (request.url?.startsWith('/stream')) this.#stream(request, response);
      else if (request.url === '/script.js') response.setHeader('content-type', 'text/javascript').end(script);
      else if (request.url === '/elsewhere') response.setHeader('content-type', 'text/html').end('<!doctype html>');
      else
        response
          .setHeader('content-type', 'text/html')
          .end('<!doctype html><script type="module" src="/script.js"></script>');
    });
  }

  static async listen(script: string): Promise<ReplayingServer> {
    const server = new ReplayingServer(script);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The pages of the streams that are open, by their query. */
  get listeners(): string[] {
    return [...this.#streams.values()];
  }

  get published(): number {
    return this.#published;
  }

  publish(count: number): void {
    for (let event = 0; event < count; event++) {
      this.#published++;
      for (const stream of this.#streams.keys()) stream.write(block(this.#published));
    }
  }

  /** Settles when so many streams are open. */
  async listened(count: number): Promise<void> {
    while (this.#streams.size !== count) await new Promise<void>((wake) => this.#waiting.push(wake));
  }

  /** Settles when there is a stream, of another page than this one. */
  async relayed(page: string): Promise<void> {
    while (this.#streams.size === 0 || this.listeners.includes(page)) {
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  /** Breaks all streams. */
  breakOff(): void {
    for (const stream of this.#streams.keys()) stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #stream(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.asked++;
    const { 'last-event-id': id, referer = '' } = request.headers;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    // As a hub does it: who comes without an id is told where it is.
    response.write(
      id === undefined ? `retry: 100\nevent: tidings-heartbeat\nid: ${this.#published}\ndata:\n\n` : ':\n\n',
    );
    for (let event = Number(id ?? this.#published) + 1; event <= this.#published; event++) response.write(block(event));
    this.#streams.set(response, new URL(referer || this.origin).searchParams.get('tab') ?? '');
    response.on('close', () => {
      this.#streams.delete(response);
      this.#wake();
    });
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function block(event: number): string {
  return `id: ${event}\ndata: ${event}\n\n`;
}
