/** The other processes that use the same log, such as those that serve the same hub on one machine. */
export interface Peers {
  /** The number of this process among all that have connected to the log, from 1. */
  readonly number: number;
  /** 32 random bytes that all of them have, and nobody else. */
  readonly secret: Uint8Array;
  /**
   * Asks each of the others something, as plain data. Resolves to their answers, in no order. One that does not answer within a second, or that does not answer such a
   * question, has none. Never rejects: without a connection there are no answers.
   */
  ask(question: unknown): Promise<readonly unknown[]>;
  /** Says what the others are answered, if they ask: plain data, or undefined for no answer. There is one such function. */
  onAsk(answer: (question: unknown) => unknown): void;
}
