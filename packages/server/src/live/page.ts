import type { LogEntry } from '../log/entry.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Start, StartAfter } from '../log/start.ts';
import type { View } from './cohort.ts';
import { markOf } from '../log/mark.ts';
import { knownAfter, type PageGap } from '../log/page-gap.ts';
import { gapBefore, type ListenerState } from './listener-state.ts';

// The log is read in steps: the first one has about as many events as are wanted, each next one has more.
const EVENT_BYTES = 192;
const MIN_STEP_BYTES = 1024;
const MAX_STEP_BYTES = 64 * 1024;

/** What the pages hold that are being read. All pages of a server share one. */
export interface PageMemory {
  /** The bytes of the events that they hold. */
  held: number;
  /** When they hold as much, those that have an event end before the next one. */
  readonly maxBytes: number;
}

export interface PageRequest {
  readonly view: View;
  readonly start: Start;
  /** The most events, from 1. */
  readonly limit: number;
  /** The most bytes of events, if there are several. */
  readonly maxBytes: number;
  readonly memory: PageMemory;
  readonly signal: AbortSignal;
}

/** Some of the events that a view includes, as they follow each other in the log. */
export interface EventPage {
  readonly entries: readonly LogEntry[];
  /** What is missing before the first of them. */
  readonly gap: PageGap | undefined;
  /** Where the next page starts. */
  readonly next: StartAfter;
  /** A mark of what is known to be missing behind it, for where the next page begins; undefined if there is nothing, or more than is known. */
  readonly mark: string | undefined;
  /** Whether it has as much as was asked for, so that events which are published later do not change it. */
  readonly isFull: boolean;
  /** Whether the view is of one topic, which is closed, and nothing follows the page. */
  readonly isLast: boolean;
}

/**
 * Reads a page of events. It is read from the log as that is now, whatever this process has come to. A gap is only at its beginning: what is found to
 * be missing later begins the next page. Rejects with the reason of the signal.
 * @param use is given the page, whose memory counts until its promise settles
 */
export async function readPage<T>(
  log: Pick<EventLog, 'read' | 'locateLast'>,
  request: PageRequest,
  use: (page: EventPage) => Promise<T>,
): Promise<T> {
  const page = new Page(log, request);
  try {
    return await use(await page.read());
  } finally {
    page.release();
  }
}

class Page {
  readonly #log: Pick<EventLog, 'read' | 'locateLast'>;
  readonly #request: PageRequest;
  readonly #entries: LogEntry[] = [];
  #bytes = 0;
  #gap: PageGap | undefined;
  /** Up to where selected events have been trimmed, as of the last step. */
  #trimmedThrough = 0;
  /** Where the topic was closed, as of the last step. */
  #finalSeq = Number.POSITIVE_INFINITY;

  constructor(log: Pick<EventLog, 'read' | 'locateLast'>, request: PageRequest) {
    this.#log = log;
    this.#request = request;
  }

  async read(): Promise<EventPage> {
    const { view, start, limit, signal, memory } = this.#request;
    const { selection } = view;
    let end = await this.#end();
    let state: Reading =
      start.type === 'now'
        ? { phase: 'reading', position: end, told: end, trims: 0 }
        : { ...start, phase: 'reading', position: start.after };
    let isEndNew = false;
    let stepBytes = Math.max(MIN_STEP_BYTES, limit * EVENT_BYTES);
    for (;;) {
      const through = Math.max(state.position, end);
      const read = { selection, after: state.position, through, maxBytes: Math.min(stepBytes, MAX_STEP_BYTES) };
      stepBytes *= 2;
      const step = await this.#log.read(read, { signal });
      if (step.trimmedThrough > through && !isEndNew) {
        // Events behind the end have come and gone meanwhile. They are no gap before it.
        end = await this.#end();
        isEndNew = true;
        continue;
      }
      this.#trimmedThrough = step.trimmedThrough;
      this.#finalSeq = step.finalSeq ?? Number.POSITIVE_INFINITY;
      const missing = gapBefore(state, step);
      if (missing && (this.#entries.length > 0 || this.#gap)) return await this.#done(state, true);
      this.#gap ??= missing;
      const known = knownAfter(state, step);
      const full = this.#take(step.entries, state.position);
      if (full !== undefined) return await this.#done({ ...known, position: full }, true);
      state = { ...known, phase: 'reading', position: step.through };
      if (state.position >= through) return await this.#done(state, false);
      if (this.#entries.length > 0 && memory.held >= memory.maxBytes) return await this.#done(state, true);
    }
  }

  release(): void {
    this.#request.memory.held -= this.#bytes;
  }

  /** The place of the newest event, as far as the view may know it. */
  async #end(): Promise<number> {
    const { view, signal } = this.#request;
    return (await this.#log.locateLast(view.selection, 0, { signal })).after;
  }

  /** Takes events until the page is full. Returns how far it reaches then. */
  #take(entries: readonly LogEntry[], position: number): number | undefined {
    const { view, limit, maxBytes, memory } = this.#request;
    let reached = position;
    for (const entry of entries) {
      if (view.accepts?.(entry) !== false) {
        const { length } = entry.frame;
        if (this.#entries.length > 0 && this.#bytes + length > maxBytes) return reached;
        this.#entries.push(entry);
        this.#bytes += length;
        memory.held += length;
        if (this.#entries.length === limit) return entry.seq;
      }
      reached = entry.seq;
    }
    return undefined;
  }

  async #done(
    { position, told, trims }: Pick<StartAfter, 'told' | 'trims'> & { position: number },
    isFull: boolean,
  ): Promise<EventPage> {
    const { view, signal } = this.#request;
    const isMissing = this.#trimmedThrough > position && told > position;
    const mark = isMissing ? await markOf(this.#log, view.selection, { position, told, trims }, { signal }) : undefined;
    const next: StartAfter = { type: 'after', after: position, told, trims, announce: false };
    return { entries: this.#entries, gap: this.#gap, next, mark, isFull, isLast: position >= this.#finalSeq };
  }
}

type Reading = Extract<ListenerState, { readonly phase: 'reading' }>;
