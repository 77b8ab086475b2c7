import { parseCursor } from '../log/position.ts';
import type { RunStore, StopWatch } from './store/run-store.ts';

/** A producer that can be stopped. */
export interface Stoppable {
  /** The place of its run's beginning, if it is known: what was asked for before it does not concern this run. */
  readonly begunAt: string | undefined;
  /** Called with each request. */
  stop(): void;
}

/** The producers here, and the watch for requests to stop them, which lasts as long as there are any. */
export class RunStops {
  readonly #store: RunStore;
  readonly #onError: (error: unknown) => void;
  readonly #byId = new Map<string, Set<Stoppable>>();
  /** How many producers are here, or are about to be. */
  #users = 0;
  #watch: StopWatch | undefined;

  /** @param onError is told why requests cannot be watched for */
  constructor(store: RunStore, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  /** Watches from now on, so that no request is missed once there is a lease. Returns a function that ends it, which is called once. */
  open(): () => void {
    this.#users += 1;
    this.#watch ??= this.#store.watchStops(({ id, at }) => this.stop(id, at), this.#onError);
    return () => {
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#watch?.end();
      this.#watch = undefined;
    };
  }

  /** Takes a producer in. Returns a function that takes it out. */
  add(id: string, producer: Stoppable): () => void {
    let producers = this.#byId.get(id);
    if (!producers) this.#byId.set(id, (producers = new Set()));
    producers.add(producer);
    return () => {
      producers.delete(producer);
      if (producers.size === 0 && this.#byId.get(id) === producers) this.#byId.delete(id);
    };
  }

  /** @param at the place of the request, if it was asked for in the store: one from before a run is that of an earlier run of this id */
  stop(id: string, at?: string): void {
    for (const producer of this.#byId.get(id) ?? []) {
      if (at === undefined || !isBefore(at, producer.begunAt)) producer.stop();
    }
  }
}

/** Whether a place is known to be before another one. */
function isBefore(at: string, other: string | undefined): boolean {
  const [one, two] = [parseCursor(at), parseCursor(other ?? '')];
  return one !== undefined && one.epoch === two?.epoch && one.seq < two.seq;
}
