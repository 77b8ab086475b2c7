import { request, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { EventStreamDecoder, type EventMessage } from '@tidings/wire';
import { onTestFinished } from 'vitest';

/** A listener on a socket of its own that keeps everything it is sent. */
export class Listener {
  /** All events, the hub's own among them. */
  readonly events: EventMessage[] = [];
  readonly comments: string[] = [];
  readonly retries: number[] = [];
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  #text = '';
  #closed = false;
  #waiting: (() => void)[] = [];

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
    const decoder = new EventStreamDecoder({
      onEvent: (event) => this.events.push(event),
      onComment: (comment) => this.comments.push(comment),
      onRetry: (retry) => this.retries.push(retry),
    });
    response.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      decoder.write(chunk);
      this.#wake();
    });
    response.on('error', () => {});
    response.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Resolves when the head of the answer has come. */
  static open(port: number, path: string, headers: OutgoingHttpHeaders = {}): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
        const listener = new Listener(sent, response);
        onTestFinished(() => listener.close());
        resolve(listener);
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  /** The same with `QUERY` and a body. */
  static query(port: number, path: string, body: string, headers: OutgoingHttpHeaders): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const method = 'QUERY';
      const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        const listener = new Listener(sent, response);
        onTestFinished(() => listener.close());
        resolve(listener);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** What has come, its bytes as Latin-1. */
  get text(): string {
    return this.#text;
  }

  /** Whether the answer has ended, and whether as a whole one. */
  get ended(): 'no' | 'complete' | 'broken' {
    if (!this.#closed) return 'no';
    return this.response.complete ? 'complete' : 'broken';
  }

  /** The published events among all. */
  get published(): EventMessage[] {
    return this.events.filter(({ type }) => type !== 'tidings-heartbeat');
  }

  get data(): string[] {
    return this.published.map(({ data }) => data);
  }

  /** Waits until something holds. The time limit is the test's. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#closed) throw new Error(`The stream ended before what was waited for: ${JSON.stringify(this.#text)}`);
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }

  /** The data of the published events, once there are so many. */
  async take(count: number): Promise<string[]> {
    await this.until(() => this.published.length >= count);
    return this.data;
  }

  async end(): Promise<'complete' | 'broken'> {
    while (!this.#closed) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    return this.response.complete ? 'complete' : 'broken';
  }

  close(): void {
    this.#request.destroy();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
