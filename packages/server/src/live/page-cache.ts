import type { Clock } from '../clock.ts';
import type { LogPage } from '../log/event-log.ts';
import type { Cohort, PageSeen } from './cohort.ts';
import type { Listener } from './listener.ts';

/** A page of the log as a cohort's listeners are sent it. */
export interface CohortPage {
  /** Reaches further once it is known that no event for the cohort follows it. */
  page: LogPage;
  readonly seen: PageSeen;
}

interface Kept {
  readonly cohort: Cohort<Listener>;
  readonly after: number;
  readonly bytes: number;
  /** When it is forgotten, by the clock's `now`. */
  readonly until: number;
}

// Long enough that a crowd which comes back within seconds shares its pages, short enough that what was trimmed is soon gone here, too.
const LIFETIME_MS = 1000;

// Guards the memory: pages of many cohorts may be wanted at once.
const MAX_BYTES = 8 * 1024 * 1024;

/** Pages that were read a moment ago, for listeners that want the same: when thousands come back at once, most of them do. */
export class PageCache {
  readonly #pages = new Map<Cohort<Listener>, Map<number, CohortPage>>();
  /** In the order in which they were kept. */
  #kept: Kept[] = [];
  #bytes = 0;
  readonly #clock: Clock;
  /** Whether a timer runs, as it does while something is kept. */
  #isTimed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(cohort: Cohort<Listener>, after: number): CohortPage | undefined {
    if (this.#kept.length === 0) return undefined;
    this.#forget();
    return this.#pages.get(cohort)?.get(after);
  }

  keep(cohort: Cohort<Listener>, after: number, page: CohortPage): void {
    const bytes = page.seen.chunk?.bytes.length ?? 0;
    let pages = this.#pages.get(cohort);
    if (!pages) this.#pages.set(cohort, (pages = new Map<number, CohortPage>()));
    if (pages.has(after)) return;
    pages.set(after, page);
    this.#kept.push({ cohort, after, bytes, until: this.#clock.now() + LIFETIME_MS });
    this.#bytes += bytes;
    this.#forget();
    this.#expireLater();
  }

  clear(): void {
    this.#pages.clear();
    this.#kept = [];
    this.#bytes = 0;
  }

  #expireLater(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#clock.setTimeout(() => this.#expire(), LIFETIME_MS);
  }

  #expire(): void {
    this.#isTimed = false;
    this.#forget();
    if (this.#kept.length > 0) this.#expireLater();
  }

  #forget(): void {
    const now = this.#clock.now();
    let count = 0;
    for (const { cohort, after, bytes, until } of this.#kept) {
      if (until > now && this.#bytes <= MAX_BYTES) break;
      count += 1;
      this.#bytes -= bytes;
      const pages = this.#pages.get(cohort);
      pages?.delete(after);
      if (pages?.size === 0) this.#pages.delete(cohort);
    }
    if (count > 0) this.#kept.splice(0, count);
  }
}
