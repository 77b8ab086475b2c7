import { NatsError } from '../errors.ts';
import { isTooSmall, refusalIn } from '../store/problem.ts';

// How long the servers of a cluster that was just started may take to find each other, in milliseconds.
const CLUSTER_MS = 10_000;

/** Why a log that is being opened cannot be followed yet. */
export class Opening {
  readonly #until = performance.now() + CLUSTER_MS;
  #failure: unknown = new Error('It takes too long to read what is stored');
  #isFinal = false;

  get failure(): unknown {
    return this.#failure;
  }

  /** Whether it makes no sense to try again. */
  get isFinal(): boolean {
    return this.#isFinal;
  }

  note(error: unknown): void {
    this.#failure = error;
    const isWaiting = isTooSmall(error) && performance.now() < this.#until;
    this.#isFinal = !isWaiting && (error instanceof NatsError || refusalIn(error) !== undefined);
  }
}
