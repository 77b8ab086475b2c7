import { parseCursor } from '../log/position.ts';
import type { Production } from './production.ts';
import type { RunStore, StopWatch } from './store/run-store.ts';

/** The runs that are produced here, and the watch for requests to stop them, which lasts as long as there are any. */
export class Productions {
  readonly #store: RunStore;
  readonly #byId = new Map<string, Set<Production>>();
  /** How many runs are about to be produced here, or are. */
  #users = 0;
  #watch: StopWatch | undefined;

  constructor(store: RunStore) {
    this.#store = store;
  }

  /** Watches from now on, so that no request is missed once there is a lease. Returns a function that ends it. */
  open(): () => void {
    this.#users += 1;
    this.#watch ??= this.#store.watchStops(({ id, at }) => this.stop(id, at));
    return () => {
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#watch?.end();
      this.#watch = undefined;
    };
  }

  add(id: string, production: Production): void {
    let productions = this.#byId.get(id);
    if (!productions) this.#byId.set(id, (productions = new Set()));
    productions.add(production);
    void production.over.then(() => {
      productions.delete(production);
      if (productions.size === 0 && this.#byId.get(id) === productions) this.#byId.delete(id);
    });
  }

  /** @param at the place of the request, if it was asked for in the store: one from before a run is that of an earlier run of this id */
  stop(id: string, at?: string): void {
    for (const production of this.#byId.get(id) ?? []) {
      if (at === undefined || !isBefore(at, production.begunAt)) production.end({ state: 'stopped' });
    }
  }
}

/** Whether a place is known to be before another one. */
function isBefore(at: string, other: string | undefined): boolean {
  const [one, two] = [parseCursor(at), parseCursor(other ?? '')];
  return one !== undefined && one.epoch === two?.epoch && one.seq < two.seq;
}
