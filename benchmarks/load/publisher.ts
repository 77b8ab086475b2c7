import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * Publishes over one keep-alive connection. It writes requests that were made beforehand and reads no more of an answer than it has to,
 * so that it takes little of the processor that the hub needs.
 */
export class Publisher {
  readonly #socket: Socket;
  #answer = '';
  #settle: { resolve: (id: string) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').setNoDelay(true);
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(closed()));
  }

  static async connect(port: number): Promise<Publisher> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Publisher(socket);
  }

  /** Sends a request and gives the id that it is answered with. One at a time. */
  publish(request: Buffer): Promise<string> {
    if (this.#socket.destroyed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#answer += text;
    const head = this.#answer.indexOf('\r\n\r\n');
    if (head === -1) return;
    const length = Number(/^content-length: (\d+)/im.exec(this.#answer)?.[1]);
    const body = this.#answer.slice(head + 4);
    if (body.length < length) return;
    const status = this.#answer.slice(9, 12);
    this.#answer = '';
    if (status === '200') this.#settle?.resolve(body);
    else this.#settle?.reject(new Error(`A publish was answered ${status}: ${body}`));
  }
}

function closed(): Error {
  return new Error('The hub closed the connection of a publisher');
}

/** A request that publishes a body, as the bytes that are sent. */
export function publishRequest(topic: string, body: string, contentType = 'text/plain'): Buffer {
  const length = Buffer.byteLength(body);
  return Buffer.from(
    `POST /topics/${topic} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\n\r\n${body}`,
  );
}
