import type { Clock } from '../clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { readPage } from '../log/page-gap.ts';
import type { Cohort } from './cohort.ts';
import { isAhead, type ListenerState } from './listener-state.ts';
import type { Listener } from './listener.ts';
import { type CohortPage, PageCache } from './page-cache.ts';
import type { FanOutCounts } from './stats.ts';

// A page is read, written and forgotten: large enough to make a replay fast, small enough that thousands can be under way.
const PAGE_BYTES = 64 * 1024;

// Where the cap of the backlog is smaller, so is a page, but not so small that a replay takes for ever.
const MIN_PAGE_BYTES = 4 * 1024;

// Bound how long the live listeners wait in each tick for those that catch up.
const PAGES_PER_TICK = 32;
const READERS_PER_TICK = 512;

/** What catching up reports to its fan-out. */
export interface CatchUpHost {
  /** The sequence number up to which the cohorts have been written to. */
  flushed(): number;
  /** A page for a listener that still wants it. */
  onPage(listener: Listener, page: CohortPage): void;
  /** A page that says that this process is behind the log. */
  onAhead(listener: Listener, trimmedThrough: number): void;
  /** The page could not be read, or a view's filter threw. */
  onReadError(listeners: readonly Listener[], error: unknown): void;
}

/** The listeners that wait for a page that is being read. */
interface Reading {
  readonly readers: Reader[];
  /** Aborted when all of them have left. */
  readonly left: AbortController;
}

/** A listener that waits for a page, with its state at that time: where the state has changed, it no longer wants the page. */
interface Reader {
  readonly listener: Listener;
  readonly state: ListenerState;
}

/**
 * Reads the log for listeners that catch up: a page at a time, at the pace of each one's socket. Listeners that want the same page share it,
 * whether they ask in the same tick, while it is being read, or a moment later.
 */
export class CatchUp {
  readonly #host: CatchUpHost;
  readonly #log: Pick<EventLog, 'read'>;
  readonly #pageBytes: number;
  readonly #cache: PageCache;
  readonly #counts: Pick<FanOutCounts, 'pages'> | undefined;
  /** Whether a listener is being given a page, and may want the next one. */
  #isGiving = false;
  #waiting: Listener[] = [];
  /** The listeners that wait for pages that are being read, by cohort and by the sequence number after which a page begins. */
  readonly #reading = new Map<Cohort<Listener>, Map<number, Reading>>();

  /** @param counts where the pages are counted that are read; undefined if they are not */
  constructor(
    host: CatchUpHost,
    log: Pick<EventLog, 'read'>,
    { maxBacklogBytes, clock }: { readonly maxBacklogBytes: number; readonly clock: Clock },
    counts?: Pick<FanOutCounts, 'pages'>,
  ) {
    this.#host = host;
    this.#log = log;
    this.#pageBytes = Math.min(PAGE_BYTES, Math.max(MIN_PAGE_BYTES, maxBacklogBytes));
    this.#cache = new PageCache(clock);
    this.#counts = counts;
  }

  /** Whether a listener waits for the next tick. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether the page that a listener in this state wants was read a moment ago, and has events. */
  hasEvents(cohort: Cohort<Listener>, state: ListenerState): boolean {
    return state.phase === 'reading' && this.#cache.get(cohort, state.position)?.seen.chunk !== undefined;
  }

  /**
   * A listener in the phase `reading` wants the page after its position. It gets the page at once if that was read a moment ago, unless the
   * listener has just been given another one, or may not have one that is older than its place.
   */
  want(listener: Listener): void {
    const { state, cohort } = listener;
    const isReading = state.phase === 'reading';
    // A read that is under way began before.
    if (isReading && wantsNew(state)) this.#reading.get(cohort)?.delete(state.position);
    const mayBeKnown = isReading && !this.#isGiving && !wantsNew(state);
    const known = mayBeKnown ? this.#known(cohort, state.position) : undefined;
    if (known) this.#give({ listener, state }, known);
    else this.#waiting.push(listener);
  }

  /** A listener no longer wants the page after a position. If no other listener wants it, reading it ends. */
  leave({ cohort }: Listener, after: number): void {
    const reading = this.#reading.get(cohort)?.get(after);
    if (!reading || reading.readers.some(({ listener, state }) => listener.state === state)) return;
    this.#done(cohort, after, reading);
    reading.left.abort();
  }

  /** Forgets what was read: the log's numbering began anew. */
  forget(): void {
    this.#cache.clear();
  }

  /** Gives out and reads the pages of one tick. */
  run(): void {
    const waiting = this.#waiting;
    // A listener that wants another page during this loop gets it in the next tick.
    this.#waiting = [];
    let taken = 0;
    let pages = 0;
    for (const listener of waiting) {
      if (taken === READERS_PER_TICK || pages === PAGES_PER_TICK) break;
      taken += 1;
      const { state, cohort } = listener;
      if (state.phase !== 'reading') continue;
      const known = wantsNew(state) ? undefined : this.#known(cohort, state.position);
      if (known) this.#give({ listener, state }, known);
      else if (this.#ask(cohort, state.position, { listener, state })) pages += 1;
    }
    this.#waiting = waiting.slice(taken).concat(this.#waiting);
  }

  /** A page that was read a moment ago. It reaches as far as the cohorts have been written to, if no event for this cohort follows it. */
  #known(cohort: Cohort<Listener>, after: number): CohortPage | undefined {
    const known = this.#cache.get(cohort, after);
    if (!known) return undefined;
    const flushed = this.#host.flushed();
    const { page } = known;
    if (page.through < flushed && cohort.isQuietSince(page.through)) known.page = { ...page, through: flushed };
    return known;
  }

  /** Adds a listener to those that wait for a page. Returns whether the page has to be read first. */
  #ask(cohort: Cohort<Listener>, after: number, reader: Reader): boolean {
    let pages = this.#reading.get(cohort);
    if (!pages) this.#reading.set(cohort, (pages = new Map<number, Reading>()));
    const known = pages.get(after);
    if (known) {
      known.readers.push(reader);
      return false;
    }
    const reading: Reading = { readers: [reader], left: new AbortController() };
    pages.set(after, reading);
    void this.#read(cohort, after, reading);
    return true;
  }

  async #read(cohort: Cohort<Listener>, after: number, reading: Reading): Promise<void> {
    const { readers, left } = reading;
    const { signal } = left;
    try {
      const { selection } = cohort.view;
      const request = { selection, after, maxBytes: this.#pageBytes };
      const page = await readPage(this.#log, request, () => this.#host.flushed(), { signal });
      if (this.#counts) this.#counts.pages += 1;
      if (signal.aborted) return;
      this.#done(cohort, after, reading);
      if (isAhead(page, this.#host.flushed())) {
        for (const { listener, state } of readers) {
          if (listener.state === state) this.#host.onAhead(listener, page.trimmedThrough);
        }
        return;
      }
      const read = { page, seen: cohort.page(page.entries) };
      // A listener without company has no use for it a second time, and one that is at the end of it gets no further by it.
      if (cohort.listeners > 1 && page.through > after) this.#cache.keep(cohort, after, read);
      for (const reader of readers) this.#give(reader, read);
    } catch (error) {
      if (signal.aborted) return;
      this.#done(cohort, after, reading);
      const waiting = readers.filter(({ listener, state }) => listener.state === state);
      this.#host.onReadError(
        waiting.map(({ listener }) => listener),
        error,
      );
    }
  }

  #done(cohort: Cohort<Listener>, after: number, reading: Reading): void {
    const pages = this.#reading.get(cohort);
    if (pages?.get(after) === reading) pages.delete(after);
    if (pages?.size === 0) this.#reading.delete(cohort);
  }

  /** The listener may have gone, or be held, since it asked for the page. */
  #give({ listener, state }: Reader, page: CohortPage): void {
    if (listener.state !== state) return;
    this.#isGiving = true;
    this.#host.onPage(listener, page);
    this.#isGiving = false;
  }
}

/** Whether a page has to be as new as the place of a listener. Its last event was trimmed, so that an older page may lead to that event, which it has had. */
function wantsNew(state: Extract<ListenerState, { readonly phase: 'reading' }>): boolean {
  return state.misplaced === 'unknown';
}
