import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * Publishes over one keep-alive connection. It writes requests that were made beforehand and reads no more of an answer than it has to,
 * so that it takes little of the processor that the hub needs.
 */
export class Publisher {
  readonly #socket: Socket;
  #answers = '';
  /** How many answers are still to come. */
  #missing = 0;
  #settle: { resolve: (id: string) => void; reject: (error: Error) => void } | undefined;

  /** @param socket connected */
  constructor(socket: Socket) {
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

  /** Sends a request, or several at once, and resolves to the body of the last answer. One call at a time. */
  publish(request: Buffer, answers = 1): Promise<string> {
    if (this.#socket.destroyed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#missing = answers;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#answers += text;
    for (;;) {
      const head = this.#answers.indexOf('\r\n\r\n');
      if (head === -1) return;
      const [, length] = /^content-length: (\d+)/im.exec(this.#answers.slice(0, head)) ?? [];
      if (length === undefined) {
        this.#settle?.reject(new Error(`A publish got an answer without a length: ${this.#answers}`));
        this.#socket.destroy();
        return;
      }
      const end = head + 4 + Number(length);
      if (this.#answers.length < end) return;
      const status = this.#answers.slice(9, 12);
      const body = this.#answers.slice(head + 4, end);
      this.#answers = this.#answers.slice(end);
      this.#missing -= 1;
      if (!status.startsWith('2')) this.#settle?.reject(new Error(`A publish was answered ${status}: ${body}`));
      else if (this.#missing === 0) this.#settle?.resolve(body);
    }
  }
}

function closed(): Error {
  return new Error('The server closed the connection of a publisher');
}

/** A request that publishes a body to a topic of a hub, as the bytes that are sent. */
export function publishRequest(topic: string, body: string, contentType = 'text/plain'): Buffer {
  return postRequest(`/topics/${topic}`, body, contentType);
}

/** A request with a body, as the bytes that are sent. */
export function postRequest(target: string, body: string, contentType = 'text/plain'): Buffer {
  const length = Buffer.byteLength(body);
  return Buffer.from(
    `POST ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\n\r\n${body}`,
  );
}
