import type { Cohort, PageSeen, View } from './cohort.ts';
import { CohortIndex } from './cohort-index.ts';
import { gap, heartbeat, reconnectAfter } from './control-events.ts';
import { codedFor } from '../coding/coded-sink.ts';
import { checkFanOutOptions, type FanOutOptions } from './fan-out-options.ts';
import { noCounts, type FanOutObserver, type FanOutStats } from './fan-out-stats.ts';
import type { EventLog, LogEntry, LogPage, LogTail } from '../log/event-log.ts';
import { formatCursor, type Position } from '../log/position.ts';
import { ReadQueue, type PageWanted } from './read-queue.ts';
import type { Start } from '../log/start.ts';
import { COMMENT } from '../sink/keep-alive.ts';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';
import {
  catchingUp,
  gapBefore,
  isAhead,
  joining,
  transition,
  type ListenerInput,
  type ListenerState,
  type ListenerStep,
} from './listener-state.ts';
import type { EndReason, Listener } from './listener.ts';

// A page is read, written and forgotten: large enough to make a replay fast, small enough that thousands can be under way.
const PAGE_BYTES = 64 * 1024;

// Where the cap of the backlog is smaller, so is a page, but not so small that a replay takes for ever.
const MIN_PAGE_BYTES = 4 * 1024;

/**
 * Carries a log's events to its listeners. The hot path, from commit to socket:
 *
 * 1. The log's tail hands over a committed batch: each entry is offered to the cohorts of its topics (a hash look-up
 *    a topic, a call a pattern).
 * 2. At the end of the tick each cohort that was offered something puts it together, once.
 * 3. Each member's socket is given those bytes: one write per listener and tick.
 *
 * A listener that catches up reads the log a page at a time, at the pace of its socket, up to where the cohorts have been
 * written to, and joins at that point. Those that want the same page in the same tick share it.
 */
export class FanOut {
  readonly #log: EventLog;
  readonly #tail: LogTail;
  readonly #maxBacklogBytes: number;
  readonly #pageBytes: number;
  readonly #evicts: boolean;
  readonly #keepAliveMs: number;
  readonly #now: () => number;
  readonly #schedule: (run: () => void) => void;
  readonly #observer: FanOutObserver;
  readonly #cohorts = new CohortIndex();
  readonly #listeners = new Set<Listener>();
  /** The cohorts that the tick holds something for. */
  #dirty: Cohort[] = [];
  readonly #readers = new ReadQueue();
  /** How far the log has been handed over. */
  #received: number;
  #newestId: string | undefined;
  /** How far the cohorts have been written to. */
  #flushed: number;
  #ticking = false;
  /** Listeners that have got everything up to here are done. */
  #finalSeq = Number.POSITIVE_INFINITY;
  /** The last word to listeners, once they are sent away. */
  #farewell: (() => SharedChunk) | undefined;

  readonly #counts = noCounts();

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(log: EventLog, options: FanOutOptions = {}, observer: FanOutObserver = {}) {
    this.#log = log;
    const { maxBacklogBytes, overflow, keepAliveMs, now, schedule } = checkFanOutOptions(options);
    this.#maxBacklogBytes = maxBacklogBytes;
    this.#pageBytes = Math.min(PAGE_BYTES, Math.max(MIN_PAGE_BYTES, maxBacklogBytes));
    this.#evicts = overflow === 'evict';
    this.#keepAliveMs = keepAliveMs;
    this.#now = now;
    this.#schedule = schedule;
    this.#observer = observer;
    this.#tail = log.tail((batch) => this.#receive(batch));
    this.#received = this.#tail.after;
    this.#flushed = this.#tail.after;
  }

  /** Listeners now, those that catch up included. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** The id of the newest event, or the cursor of the log's head where there has been none since this was made. */
  get lastEventId(): string {
    return this.#newestId ?? formatCursor(this.#log.head());
  }

  /** Those of them who would get an event of the topic. */
  listenersOf(topic: string): number {
    let count = 0;
    for (const cohort of this.#cohorts.of(topic)) count += cohort.listeners;
    return count;
  }

  /** How it stands. Costs a look at every listener. */
  stats(): FanOutStats {
    let live = 0;
    for (const cohort of this.#cohorts) live += cohort.members.length;
    let total = 0;
    let max = 0;
    for (const { sink } of this.#listeners) {
      const { backlog } = sink;
      total += backlog;
      if (backlog > max) max = backlog;
    }
    return {
      listeners: this.#listeners.size,
      live,
      backlog: { total, max },
      ...this.#counts,
    };
  }

  /**
   * Starts a listener. The response's head must have been written. `onEnd` is told once, when it has ended, not before this returns.
   */
  subscribe(to: Sink, view: View, start: Start, onEnd?: (reason: EndReason) => void): Listener | undefined {
    const sink = codedFor(to, view.coding);
    if (this.#farewell) {
      sink.onClose = () => onEnd?.('drained');
      sink.write(this.#farewell());
      sink.end();
      return undefined;
    }
    // A listener from now on begins where the tick under way ends, so that nothing of it is sent twice or missed.
    if (start.type === 'now') this.#flush();
    const cohort = this.#cohorts.join(view, this.#now());
    const first = start.type === 'now' ? joining() : catchingUp(start);
    const listener: Listener = { sink, onEnd, cohort, state: first.state, index: -1, reason: 'left' };
    this.#listeners.add(listener);
    sink.onDrain = () => this.#input(listener, { type: 'drain' });
    sink.onClose = () => this.#input(listener, { type: 'end' });
    // A first byte at once: some proxies hold the head until one comes.
    const hello =
      start.type === 'now'
        ? heartbeat(this.#position(this.#flushed))
        : start.announce
          ? heartbeat(this.#position(start.after))
          : COMMENT;
    this.#write(listener, hello);
    this.#apply(listener, first);
    return listener;
  }

  /** Gives a listener nothing that comes from now on, until {@link release}. */
  hold(listener: Listener): void {
    this.#flush();
    this.#input(listener, { type: 'hold', flushed: this.#flushed });
  }

  /** Lets a listener that is held go on from where it was, with a view that may be another one. Nothing is lost or sent twice. */
  release(listener: Listener, view: View): void {
    if (listener.state.phase !== 'held') return;
    const before = listener.cohort;
    listener.cohort = this.#cohorts.join(view, this.#now());
    this.#cohorts.leave(before);
    this.#input(listener, { type: 'release', flushed: this.#flushed, needsDrain: listener.sink.needsDrain });
  }

  /** Breaks a listener off: its stream does not look finished, so that it comes back. */
  breakOff(listener: Listener, reason: EndReason): void {
    if (listener.state.phase === 'ended') return;
    listener.reason = reason;
    listener.sink.destroy();
    // Its place is free now, not when its socket has closed.
    this.#input(listener, { type: 'end' });
  }

  /**
   * Sends a keep-alive to each cohort that it is time for. Call it a few times in every `keepAliveMs`; one sweep
   * serves all listeners.
   */
  sweep(): void {
    if (this.#keepAliveMs === 0) return;
    const now = this.#now();
    for (const cohort of this.#cohorts) {
      if (cohort.members.length === 0 || now - cohort.lastWrite < this.#keepAliveMs) continue;
      const tells = cohort.view.visibleHeartbeat === true || this.#flushed > cohort.told;
      this.#writeTo(cohort, tells ? heartbeat(this.#position(this.#flushed)) : COMMENT, 0);
      cohort.lastWrite = now;
      cohort.told = Math.max(cohort.told, this.#flushed);
    }
  }

  /** Ends every listener as soon as it has got everything up to this sequence number, those to come included. */
  finish(seq: number): void {
    this.#finalSeq = seq;
    this.#tickSoon();
  }

  /** Sends every listener away, those to come included, each with a time of its own to come back, from 1 s to 1 s + `windowMs`. */
  drain(windowMs: number, random: () => number = Math.random): void {
    this.#flush();
    const farewell = (): SharedChunk => reconnectAfter(1000 + random() * windowMs);
    this.#farewell = farewell;
    for (const listener of this.#listeners) {
      this.#write(listener, farewell());
      // Who still catches up must not take the end for a complete stream; the retry is the same for both.
      if (listener.state.phase === 'live') this.#end(listener, 'drained');
      else this.breakOff(listener, 'drained');
    }
    this.#tail.stop();
  }

  /** Stops listening to the log and breaks off who is left. */
  close(): void {
    this.#tail.stop();
    for (const listener of this.#listeners) this.breakOff(listener, 'drained');
  }

  #receive(batch: readonly LogEntry[]): void {
    this.#counts.published += batch.length;
    for (const entry of batch) {
      this.#received = entry.seq;
      this.#newestId = entry.id;
      for (const topic of entry.topics) {
        for (const cohort of this.#cohorts.of(topic)) this.#offer(cohort, entry);
      }
    }
    this.#tickSoon();
  }

  #offer(cohort: Cohort, entry: LogEntry): void {
    try {
      if (cohort.offer(entry)) this.#dirty.push(cohort);
    } catch (error) {
      this.#observer.onError?.(error);
      // Those that catch up too: they will join behind this entry.
      for (const listener of this.#listeners) if (listener.cohort === cohort) this.breakOff(listener, 'failed');
    }
  }

  #tickSoon(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#schedule(() => {
      this.#ticking = false;
      this.#flush();
      for (const wanted of this.#readers.take()) void this.#readPage(wanted);
      if (this.#readers.length > 0) this.#tickSoon();
    });
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    const now = this.#now();
    for (const cohort of dirty) {
      const events = cohort.pending;
      this.#writeTo(cohort, cohort.take(), events);
      if (!cohort.view.visibleHeartbeat) cohort.lastWrite = now;
    }
    this.#flushed = this.#received;
    if (this.#flushed < this.#finalSeq) return;
    for (const listener of this.#listeners) {
      if (listener.state.phase === 'live') this.#end(listener, 'finished');
    }
    // Nothing more is wanted of the log but pages, and it may outlive this.
    this.#tail.stop();
  }

  #writeTo(cohort: Cohort, chunk: SharedChunk, events: number): void {
    const { members } = cohort;
    let written = 0;
    cohort.coder?.begin(chunk);
    // From the last to the first: a member that leaves gives its index to one that has had its turn.
    for (let index = members.length - 1; index >= 0; index -= 1) {
      const member = members[index];
      if (!member) continue;
      const { sink } = member;
      // Measured before the write: a listener that keeps up is given a tick of any size.
      if (sink.backlog > this.#maxBacklogBytes) this.#overflow(member);
      else {
        sink.write(chunk);
        written += 1;
      }
    }
    cohort.coder?.end();
    this.#counts.delivered += written * events;
    this.#counts.bytes += written * chunk.bytes.length;
  }

  #overflow(member: Listener): void {
    const { backlog, needsDrain } = member.sink;
    if (this.#evicts) {
      this.#counts.evictions += 1;
      this.#observer.onEvict?.(backlog);
      this.breakOff(member, 'evicted');
      return;
    }
    this.#counts.overflows += 1;
    this.#observer.onOverflow?.(backlog);
    this.#input(member, { type: 'overflow', flushed: this.#flushed, needsDrain });
  }

  async #readPage({ cohort, after, readers }: PageWanted): Promise<void> {
    try {
      const page = await this.#log.read({
        selection: cohort.view.selection,
        after,
        through: Math.max(after, this.#flushed),
        maxBytes: this.#pageBytes,
      });
      const ahead = isAhead(page, this.#flushed);
      const seen = ahead ? undefined : cohort.page(page.entries);
      for (const { listener, state } of readers) {
        // The listener may have gone, or be held, since the page was asked for.
        if (listener.state !== state) continue;
        if (seen) this.#writePage(listener, state, page, seen);
        this.#input(listener, { type: 'page', page, flushed: this.#flushed, needsDrain: listener.sink.needsDrain });
      }
    } catch (error) {
      // What was to come cannot be read: the listeners see a broken stream and come back with their cursors.
      this.#observer.onError?.(error);
      for (const { listener, state } of readers) if (listener.state === state) this.breakOff(listener, 'failed');
    }
  }

  #writePage(listener: Listener, state: ListenerState, page: LogPage, { chunk, events }: PageSeen): void {
    const missing = gapBefore(state, page);
    if (missing) {
      const after = missing.after ?? formatCursor(this.#position(missing.from));
      const resumedAt = this.#position(missing.resumedAt);
      this.#counts.gaps += 1;
      this.#observer.onGap?.({ after, resumedAt: formatCursor(resumedAt), reason: missing.reason });
      this.#write(listener, gap(after, resumedAt, missing.reason));
    }
    if (state.phase === 'reading' && state.slow)
      this.#counts.dropped += page.through - state.position - page.entries.length;
    if (!chunk) return;
    this.#counts.delivered += events;
    this.#write(listener, chunk);
  }

  #write({ sink }: Listener, chunk: SharedChunk): void {
    this.#counts.bytes += chunk.bytes.length;
    sink.write(chunk);
  }

  #end(listener: Listener, reason: EndReason): void {
    listener.reason = reason;
    listener.sink.end();
  }

  #input(listener: Listener, input: ListenerInput): void {
    this.#apply(listener, transition(listener.state, input));
  }

  #apply(listener: Listener, step: ListenerStep): void {
    const { cohort, state: before } = listener;
    listener.state = step.state;
    for (const action of step.actions) {
      if (action.type === 'read') {
        this.#readers.push(listener);
        this.#tickSoon();
      } else if (action.type === 'join') {
        cohort.join(listener);
        // Who comes from the log may have been told less than the members: the next keep-alive moves its cursor too.
        if (before.phase !== 'live') cohort.told = 0;
        if (this.#flushed >= this.#finalSeq) this.#end(listener, 'finished');
      } else cohort.leave(listener);
    }
    if (step.state.phase !== 'ended' || !this.#listeners.delete(listener)) return;
    this.#cohorts.leave(cohort);
    listener.onEnd?.(listener.reason);
  }

  #position(seq: number): Position {
    return { epoch: this.#log.head().epoch, seq };
  }
}
