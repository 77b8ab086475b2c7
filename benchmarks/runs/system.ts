/** Makes the tokens of an answer, until the signal aborts. */
export type Source = (signal: AbortSignal) => AsyncGenerator<string, void, undefined>;

/** One way to make answers resumable, as an instance of an application has it. */
export interface System {
  /** Makes this call the producer of an answer. Resolves to false if it knows that another one is. */
  produce(id: string, source: Source): Promise<boolean>;
  /** Reads an answer from its start to its end, in pieces of whatever size. It throws where the system tells that the answer is not all there. */
  read(id: string): AsyncIterable<string>;
  /** Stops an answer from whatever instance. Undefined if the system has no way. */
  readonly stop?: ((id: string) => Promise<unknown>) | undefined;
}
