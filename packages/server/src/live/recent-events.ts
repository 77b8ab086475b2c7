import type { LogEntry } from '../log/entry.ts';
import type { AskOptions, EventLog, LogPage, ReadRequest } from '../log/event-log.ts';
import { EntryList } from '../log/keeping/entry-list.ts';
import { takePage } from '../log/keeping/scan.ts';
import type { Turn, Turns } from '../log/keeping/turns.ts';
import { Selector } from '../log/selection.ts';
import type { Listener } from './listener.ts';

/** Guards the memory: what the events may take together, in bytes. It is as much as the bodies that a hub holds at once. */
const MAX_RECENT_BYTES = 64 * 1024 * 1024;

// What an event takes beside its frame and the names of its topics.
const ENTRY_BYTES = 512;

/**
 * The newest events that were handed over, from a tick on that was too large to be given out at once. They are kept while a listener that was live
 * then still has to read them: it gets all of them, at its own pace, whatever the log keeps. A listener that is too slow for that reads the log.
 */
export class RecentEvents implements Pick<EventLog, 'read'> {
  readonly #log: Pick<EventLog, 'read'>;
  readonly #turns: Turns;
  readonly #maxBytes: number;
  readonly #readers = new Set<Listener>();
  #entries = new EntryList();
  #bytes = 0;
  /** All events behind this sequence number are here. */
  #since = 0;

  constructor(log: Pick<EventLog, 'read'>, turns: Turns, maxBytes: number = MAX_RECENT_BYTES) {
    this.#log = log;
    this.#turns = turns;
    this.#maxBytes = maxBytes;
  }

  /** Whether a listener still reads here. */
  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  /** Whether the listener is one of those for which the events are kept. */
  has(listener: Listener): boolean {
    return this.#readers.has(listener);
  }

  /** The listeners that still read here. */
  get readers(): Iterable<Listener> {
    return this.#readers;
  }

  /** Keeps events for a listener until it leaves. */
  join(listener: Listener): void {
    this.#readers.add(listener);
  }

  leave(listener: Listener): void {
    if (this.#readers.delete(listener) && this.#readers.size === 0) this.clear();
  }

  /** Adds what one tick holds. @param after the sequence number behind which the tick begins */
  add(entries: readonly LogEntry[], after: number): void {
    if (this.#entries.length === 0) this.#since = after;
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += bytesOf(entry);
    }
    if (this.#bytes > this.#maxBytes) this.#dropOldest();
  }

  /** Forgets everything: the events that follow are not those that come next. */
  clear(): void {
    this.#readers.clear();
    this.#entries = new EntryList();
    this.#bytes = 0;
  }

  async read(request: ReadRequest, options: AskOptions = {}): Promise<LogPage> {
    const isShort = Selector.of(request.selection).topics.isExact;
    const page = await this.#turns.run((turn) => this.#page(request, turn), { ...options, isShort });
    return page === 'not here' ? await this.#log.read(request, options) : page;
  }

  #page(request: ReadRequest, turn: Turn): LogPage | 'not here' | undefined {
    const { after } = request;
    if (this.#entries.length === 0 || after < this.#since) return 'not here';
    const page = takePage(this.#entries.rising(after), request, turn);
    // Nothing is missing between these events.
    return page && { ...page, trimmedThrough: 0, trims: 0 };
  }

  #dropOldest(): void {
    for (let { first } = this.#entries; first && this.#bytes > this.#maxBytes; { first } = this.#entries) {
      this.#entries.remove(first.seq);
      this.#bytes -= bytesOf(first);
      this.#since = first.seq;
    }
    for (const listener of this.#readers) {
      const { state } = listener;
      // Those that are too slow.
      if ('position' in state && state.position < this.#since) this.leave(listener);
    }
  }
}

function bytesOf({ frame, topics }: LogEntry): number {
  return topics.reduce((sum, topic) => sum + 2 * topic.length, ENTRY_BYTES + frame.length);
}
