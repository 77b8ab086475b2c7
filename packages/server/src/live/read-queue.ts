import type { Cohort } from './cohort.ts';
import type { Listener } from './listener.ts';
import type { ListenerState } from './listener-state.ts';

/** A page of the log, and who waits for it. */
export interface PageWanted {
  readonly cohort: Cohort;
  /** The sequence number behind which it begins. */
  readonly after: number;
  /** Each with its state as it is now: where that changes, it no longer wants the page. */
  readonly readers: { readonly listener: Listener; readonly state: ListenerState }[];
}

// Bound how long the live listeners wait, each tick, for those that catch up.
const PAGES_PER_TICK = 32;
const READERS_PER_TICK = 512;

/**
 * Who waits for a page of the log. When thousands come back at once, most of them want the same one: it is read and put together once for all
 * that ask for it in the same tick.
 */
export class ReadQueue {
  #waiting: Listener[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  push(listener: Listener): void {
    this.#waiting.push(listener);
  }

  /** The pages of one tick. */
  take(): PageWanted[] {
    const wanted: PageWanted[] = [];
    const byCohort = new Map<Cohort, Map<number, PageWanted>>();
    let taken = 0;
    for (const listener of this.#waiting) {
      if (taken === READERS_PER_TICK) break;
      const { cohort, state } = listener;
      if (state.phase === 'reading') {
        let pages = byCohort.get(cohort);
        if (!pages) byCohort.set(cohort, (pages = new Map<number, PageWanted>()));
        let page = pages.get(state.position);
        if (!page) {
          if (wanted.length === PAGES_PER_TICK) break;
          page = { cohort, after: state.position, readers: [] };
          pages.set(state.position, page);
          wanted.push(page);
        }
        page.readers.push({ listener, state });
      }
      taken += 1;
    }
    this.#waiting = this.#waiting.slice(taken);
    return wanted;
  }
}
