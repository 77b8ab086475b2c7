import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';

/** How often the store says that it is there while nothing comes, in milliseconds. */
export const HEARTBEAT_MS = 1000;

const MISSED_MS = 3 * HEARTBEAT_MS;

export interface Delivered {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/**
 * The messages of a stream in their order, each once. It ends when one is missing, when the store has not been heard of for three seconds, or when it is stopped. The
 * store sends no more than is taken.
 */
export class Delivery implements AsyncIterable<Delivered> {
  readonly #connection: NatsConnection;
  readonly #subscription: Subscription;
  readonly #queue: Msg[] = [];
  #wake: () => void = () => {};
  /** The number in this delivery of the last message that came. */
  #count = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(connection: NatsConnection, inbox: string) {
    this.#connection = connection;
    this.#subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error) this.stop();
        else this.#receive(message);
      },
    });
    this.#expect();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#subscription.unsubscribe();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Delivered, undefined, undefined> {
    try {
      for (;;) {
        if (this.#isOver) return;
        const message = this.#queue.shift();
        if (!message) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        if (message.headers?.code === 100) {
          // The store asks whether all before this has been taken.
          message.respond();
          continue;
        }
        yield { seq: placeOf(message).seq, bytes: message.data };
      }
    } finally {
      this.stop();
    }
  }

  #receive(message: Msg): void {
    this.#expect();
    const { headers } = message;
    if (headers?.code === 100) {
      const last = headers.get('Nats-Last-Consumer');
      if (last !== '' && Number(last) !== this.#count) this.stop();
      // What the store asked was lost on the way.
      const stalled = headers.get('Nats-Consumer-Stalled');
      if (stalled !== '' && this.#queue.length === 0) this.#connection.publish(stalled);
      if (message.reply === undefined || message.reply === '') return;
    } else if (headers && headers.code >= 400) {
      this.stop();
      return;
    } else {
      const { count } = placeOf(message);
      if (count !== this.#count + 1) {
        this.stop();
        return;
      }
      this.#count = count;
    }
    this.#queue.push(message);
    this.#wake();
  }

  /** Ends it unless something comes in time. */
  #expect(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    this.#timer = setTimeout(() => this.stop(), MISSED_MS);
  }
}

/** The numbers of a message in its stream and in the delivery, which are in its reply subject. */
function placeOf({ reply = '' }: Msg): { readonly seq: number; readonly count: number } {
  const names = reply.split('.');
  // With the names of a domain and an account there are more.
  const at = names.length > 9 ? 7 : 5;
  return { seq: Number(names[at]), count: Number(names[at + 1]) };
}
