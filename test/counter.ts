import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { EventStreamDecoder } from '@tidings/wire';
import { onTestFinished } from 'vitest';

export interface CounterOptions {
  /** What the data of the n-th event begins with, up to its first space. */
  readonly expected: (index: number) => string;
  /** Where a name is in that order, so that the count goes on behind a gap. Without it, a gap is wrong. */
  readonly indexOf?: (name: string) => number;
}

/** A listener that counts, and knows what has to come next, so that it needs no memory for what it gets. */
export class Counter {
  readonly #response: IncomingMessage;
  readonly #options: CounterOptions;
  count = 0;
  gaps = 0;
  /** What first came in place of what was expected. */
  wrong: string | undefined;
  #waiting: (() => void)[] = [];

  private constructor(response: IncomingMessage, options: CounterOptions) {
    this.#response = response;
    this.#options = options;
  }

  /** Connects. Until it reads, whatever the sockets cannot hold stays with the server. */
  static async open(where: RequestOptions, options: CounterOptions): Promise<Counter> {
    const sent = request({ ...where, agent: false }).end();
    onTestFinished(() => void sent.destroy());
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    sent.on('error', () => {});
    response.on('error', () => {});
    return new Counter(response, options);
  }

  /** Starts to read. */
  read(): this {
    const decoder = new EventStreamDecoder({ onEvent: ({ type, data }) => this.#take(type, data) });
    this.#response.on('data', (chunk: Buffer) => {
      decoder.write(chunk);
      this.#wake();
    });
    this.#response.on('close', () => {
      this.wrong ??= this.#response.complete ? 'the end of the stream' : 'a break of the stream';
      this.#wake();
    });
    return this;
  }

  /** Waits until this many events have come, or something else. */
  async reach(count: number): Promise<void> {
    while (!(this.count >= count) && this.wrong === undefined) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }

  #take(type: string, data: string): void {
    if (type === 'tidings-heartbeat') return;
    const { expected, indexOf } = this.#options;
    if (type === 'tidings-gap' && indexOf) {
      this.gaps += 1;
      // Behind it the stream goes on with what is still kept.
      this.count = Number.NaN;
      return;
    }
    const name = data.slice(0, data.indexOf(' '));
    if (Number.isNaN(this.count) && indexOf) this.count = indexOf(name);
    if (name !== expected(this.count)) this.wrong ??= `${name} in place of ${expected(this.count)}`;
    this.count += 1;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
