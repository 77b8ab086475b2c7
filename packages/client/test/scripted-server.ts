import { once } from 'node:events';
import * as net from 'node:net';
import type { ServerScript } from './server-script.ts';

export { head, type ServerScript, STREAM_HEAD } from './server-script.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. Values hold one character per byte. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A server on a raw socket that answers its n-th request with its n-th script, rightly or wrongly. */
export class ScriptedServer implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly #scripts: readonly ServerScript[];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #waiting: (() => void)[] = [];

  private constructor(scripts: readonly ServerScript[]) {
    this.#scripts = scripts;
    this.#server = net.createServer((socket) => this.#serve(socket));
  }

  static async listen(scripts: readonly ServerScript[]): Promise<ScriptedServer> {
    const server = new ScriptedServer(scripts);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get #port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The same server by its other name, which is another origin. */
  get other(): string {
    return `http://localhost:${this.#port}`;
  }

  fill(text: string): string {
    return text.replaceAll('{origin}', this.origin).replaceAll('{other}', this.other);
  }

  /** Settles when that many requests have arrived. */
  async received(count: number): Promise<void> {
    while (this.requests.length < count) await this.#change();
  }

  /** Settles when every client has gone. */
  async deserted(): Promise<void> {
    while (this.#sockets.size > 0) await this.#change();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #change(): Promise<void> {
    return new Promise((wake) => this.#waiting.push(wake));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // a client that goes is what many scripts wait for
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#wake();
    });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const request = parseRequest(text);
      if (request === undefined) return;
      text = '';
      this.requests.push(request);
      this.#play(socket, this.#scripts[this.requests.length - 1] ?? [{ do: 'reset' }]);
      this.#wake();
    });
  }

  #play(socket: net.Socket, script: ServerScript): void {
    for (const step of script) {
      if (typeof step === 'string') socket.write(this.fill(step));
      else if (!('do' in step)) socket.write(Uint8Array.from(step));
      else if (step.do === 'end') socket.end();
      else if (step.do === 'reset') socket.resetAndDestroy();
    }
  }
}

/** The request that a text of one character per byte holds, `undefined` while it is incomplete. */
export function parseRequest(text: string): ReceivedRequest | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first, ...lines] = text.slice(0, end).split('\r\n');
  const [method, path] = first!.split(' ');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  if (body.length < Number(headers['content-length'] ?? 0)) return undefined;
  return { method: method!, path: path!, headers, body };
}
