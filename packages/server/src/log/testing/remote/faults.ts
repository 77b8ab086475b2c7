/** The faults between a log and its store. */
export interface FaultOptions {
  /** The share of messages that are lost, 0 to 1. @default 0 */
  readonly loss?: number;
  /** The share of messages that arrive twice, 0 to 1. @default 0 */
  readonly doubling?: number;
  /** The longest time that a message takes, in milliseconds. @default 0 */
  readonly delayMs?: number;
  /** The share of events that are followed by a hole in the numbers, 0 to 1. @default 0 */
  readonly holes?: number;
  /** How often, for each message, another process trims some of the events that are kept, 0 to 1. @default 0 */
  readonly trims?: number;
}

/** The chance behind the faults. The same seed gives the same faults for the same messages. */
export class Faults {
  readonly #options: Required<FaultOptions>;
  #state: number;

  constructor(seed: number, options: FaultOptions = {}) {
    this.#options = { loss: 0, doubling: 0, delayMs: 0, holes: 0, trims: 0, ...options };
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1 (mulberry32). */
  random(): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Delivers a message: not at all, once or twice, now or later. */
  deliver(message: () => void): void {
    const { loss, doubling, delayMs } = this.#options;
    const copies = this.random() < loss ? 0 : this.random() < doubling ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delay = Math.floor(this.random() * (delayMs + 1));
      if (delay === 0) message();
      else setTimeout(message, delay);
    }
  }

  nextSeq(seq: number): number {
    return this.random() < this.#options.holes ? seq + 2 + Math.floor(this.random() * 3) : seq + 1;
  }

  /** The sequence number up to which another process trims now, or undefined if it does not. */
  trim(head: number): number | undefined {
    return this.random() < this.#options.trims ? Math.floor(this.random() * head) : undefined;
  }
}
