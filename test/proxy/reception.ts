import { EventStreamDecoder } from '@tidings/wire';

/** How a listener saw its response end: finished, or broken off. */
export type Ending = 'complete' | 'cut';

/** What a listener knows of a response when its first byte has come. */
export interface Opening {
  /** That of HTTP, such as `2`. */
  readonly version: string;
  /** The content coding, where it has one. */
  readonly coding: string | undefined;
}

/** Someone who listens through a proxy. */
export interface Listener {
  /** Fulfils when the head and a first byte of the body have come. */
  readonly opened: Promise<Opening>;
  /** The data of the events so far. */
  received(): Promise<readonly string[]>;
  /** Fulfils when this many events have come, and this many comments if the listener can see them. */
  reach(events: number, comments?: number): Promise<void>;
  /** Fulfils when the response has ended, for those that can tell. */
  readonly ended?: Promise<Ending>;
  /** Goes away. */
  leave(): Promise<void> | void;
}

/** Counts what comes in. */
export class Reception {
  /** Fulfils when the response has been opened, and rejects when it never will be. */
  readonly opened: Promise<Opening>;
  readonly events: string[] = [];
  comments = 0;
  readonly #decoder: EventStreamDecoder;
  #settle: { resolve(opening: Opening): void; reject(error: unknown): void } | undefined;
  #changed: (() => void)[] = [];

  constructor() {
    this.opened = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Not everybody asks.
    this.opened.catch(() => {});
    this.#decoder = new EventStreamDecoder({
      onEvent: ({ type, data }) => {
        if (type === 'message') this.add(data);
      },
      onComment: () => {
        this.comments += 1;
        this.#wake();
      },
    });
  }

  open(opening: Opening): void {
    this.#settle?.resolve(opening);
  }

  fail(error: unknown): void {
    this.#settle?.reject(error);
  }

  write(chunk: Uint8Array): void {
    this.#decoder.write(chunk);
  }

  add(data: string): void {
    this.events.push(data);
    this.#wake();
  }

  /** Fulfils when there are this many events and comments. */
  async reach(events: number, comments = 0): Promise<void> {
    while (this.events.length < events || this.comments < comments) {
      await new Promise<void>((resolve) => void this.#changed.push(resolve));
    }
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const wake of changed) wake();
  }
}
