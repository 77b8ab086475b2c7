import type { Cohort, View } from './cohort.ts';
import { COMMENT, gap, heartbeat, reconnectAfter } from './control-events.ts';
import { CohortIndex } from './cohort-index.ts';
import { checkInteger } from './errors.ts';
import type { EventLog, LogEntry, LogPage, LogTail } from './log.ts';
import { formatCursor, type Position } from './position.ts';
import type { Start } from './start.ts';
import { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import {
  catchingUp,
  gapBefore,
  isAhead,
  joining,
  transition,
  type SubscriberInput,
  type SubscriberState,
  type SubscriberStep,
} from './subscriber-state.ts';
import type { Subscriber } from './subscriber.ts';

export interface FanOutOptions {
  /**
   * Bytes that may wait for one listener's socket. With more waiting when the next tick is written, the listener leaves its cohort
   * and is caught up from the log. @default 262144
   */
  readonly maxBacklogBytes?: number;
  /** A stream that has been silent for about this long, in milliseconds, is sent a keep-alive; 0 for none. @default 15000 */
  readonly keepAliveMs?: number;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** Runs a function soon, after what is under way; how often it does is how long a tick is. @default setImmediate */
  readonly schedule?: (run: () => void) => void;
}

// A page is read, written and forgotten: large enough to make a replay fast, small enough that thousands can be under way.
const PAGE_BYTES = 64 * 1024;

// How many pages a tick asks for: bounds how long the live subscribers wait for those that catch up.
const PAGES_PER_TICK = 32;

/**
 * Carries a log's events to its listeners. The hot path, from commit to socket:
 *
 * 1. The log's tail hands over a committed batch: each entry is offered to the cohorts of its topics (a hash look-up
 *    a topic, a call a pattern).
 * 2. At the end of the tick each cohort that was offered something puts it together, once.
 * 3. Each member's socket is given those bytes: one write per subscriber and tick.
 *
 * A subscriber that catches up reads the log a page at a time, at the pace of its socket, up to where the cohorts have been
 * written to, and joins at that point.
 */
export class FanOut {
  readonly #log: EventLog;
  readonly #tail: LogTail;
  readonly #maxBacklogBytes: number;
  readonly #keepAliveMs: number;
  readonly #now: () => number;
  readonly #schedule: (run: () => void) => void;
  readonly #cohorts = new CohortIndex();
  readonly #subscribers = new Set<Subscriber>();
  /** The cohorts that the tick holds something for. */
  #dirty: Cohort[] = [];
  /** Who waits for a page of the log. */
  readonly #readers: Subscriber[] = [];
  /** How far the log has been handed over. */
  #received: number;
  /** How far the cohorts have been written to. */
  #flushed: number;
  #ticking = false;
  /** Subscribers that have got everything up to here are done. */
  #finalSeq = Number.POSITIVE_INFINITY;
  /** The last word to listeners, once they are sent away. */
  #farewell: (() => SharedChunk) | undefined;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(log: EventLog, options: FanOutOptions = {}) {
    this.#log = log;
    this.#maxBacklogBytes = checkInteger('maxBacklogBytes', options.maxBacklogBytes ?? 256 * 1024, 0, 2 ** 31);
    this.#keepAliveMs = checkInteger('keepAliveMs', options.keepAliveMs ?? 15_000, 0, 2 ** 31 - 1);
    this.#now = options.now ?? Date.now;
    this.#schedule = options.schedule ?? ((run) => setImmediate(run));
    this.#tail = log.tail((batch) => this.#receive(batch));
    this.#received = this.#tail.after;
    this.#flushed = this.#tail.after;
  }

  /** Listeners now, those that catch up included. */
  get listeners(): number {
    return this.#subscribers.size;
  }

  /** Those of them who would get an event of the topic. */
  listenersOf(topic: string): number {
    let count = 0;
    for (const cohort of this.#cohorts.of(topic)) count += cohort.subscribers;
    return count;
  }

  /** Starts a listener. The response's head must have been written. Its end is told by the sink. */
  subscribe(sink: Sink, view: View, start: Start): void {
    if (this.#farewell) {
      sink.write(this.#farewell());
      sink.end();
      return;
    }
    // A listener from now on begins where the tick under way ends, so that nothing of it is sent twice or missed.
    if (start.type === 'now') this.#flush();
    const cohort = this.#cohorts.join(view, this.#now());
    const first = start.type === 'now' ? joining() : catchingUp(start);
    const subscriber: Subscriber = { sink, cohort, state: first.state };
    this.#subscribers.add(subscriber);
    sink.onDrain = () => this.#input(subscriber, { type: 'drain' });
    sink.onClose = () => this.#input(subscriber, { type: 'end' });
    // A first byte at once: some proxies hold the head until one comes.
    if (start.type === 'now') sink.write(heartbeat(this.#position(this.#flushed)));
    else sink.write(start.announce ? heartbeat(this.#position(start.after)) : COMMENT);
    this.#apply(subscriber, first);
  }

  /**
   * Sends a keep-alive to each cohort that has been silent for long enough. Call it a few times in every `keepAliveMs`; one sweep
   * serves all subscribers.
   */
  sweep(): void {
    if (this.#keepAliveMs === 0) return;
    const now = this.#now();
    for (const cohort of this.#cohorts) {
      if (cohort.members.size === 0 || now - cohort.lastWrite < this.#keepAliveMs) continue;
      const moved = this.#flushed > cohort.told;
      this.#writeTo(cohort, moved ? heartbeat(this.#position(this.#flushed)) : COMMENT, now);
      cohort.told = Math.max(cohort.told, this.#flushed);
    }
  }

  /** Ends every subscriber as soon as it has got everything up to this sequence number, those to come included. */
  finish(seq: number): void {
    this.#finalSeq = seq;
    this.#tickSoon();
  }

  /** Sends every subscriber away, those to come included, each with a time of its own to come back, from 1 s to 1 s + `windowMs`. */
  drain(windowMs: number, random: () => number = Math.random): void {
    this.#flush();
    const farewell = (): SharedChunk => reconnectAfter(1000 + random() * windowMs);
    this.#farewell = farewell;
    for (const { sink, state } of this.#subscribers) {
      // Who still catches up must not take the end for a complete stream; the retry is the same for both.
      sink.write(farewell());
      if (state.phase === 'live') sink.end();
      else sink.destroy();
    }
  }

  /** Stops listening to the log and breaks off who is left. */
  close(): void {
    this.#tail.stop();
    for (const { sink } of this.#subscribers) sink.destroy();
  }

  #receive(batch: readonly LogEntry[]): void {
    for (const entry of batch) {
      this.#received = entry.seq;
      for (const topic of entry.topics) {
        for (const cohort of this.#cohorts.of(topic)) if (cohort.offer(entry)) this.#dirty.push(cohort);
      }
    }
    this.#tickSoon();
  }

  #tickSoon(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#schedule(() => {
      this.#ticking = false;
      this.#flush();
      this.#readPages();
    });
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    const now = this.#now();
    for (const cohort of dirty) this.#writeTo(cohort, cohort.take(), now);
    this.#flushed = this.#received;
    if (this.#flushed < this.#finalSeq) return;
    for (const { sink, state } of this.#subscribers) if (state.phase === 'live') sink.end();
  }

  #writeTo(cohort: Cohort, chunk: SharedChunk, now: number): void {
    cohort.lastWrite = now;
    for (const member of cohort.members) {
      // Measured before the write: a listener that keeps up is given a tick of any size.
      if (member.sink.backlog > this.#maxBacklogBytes) {
        this.#input(member, { type: 'overflow', flushed: this.#flushed, needsDrain: member.sink.needsDrain });
      } else member.sink.write(chunk);
    }
  }

  #readPages(): void {
    const readers = this.#readers.splice(0, PAGES_PER_TICK);
    for (const reader of readers) void this.#readPage(reader);
    if (this.#readers.length > 0) this.#tickSoon();
  }

  async #readPage(subscriber: Subscriber): Promise<void> {
    const { cohort, sink, state } = subscriber;
    if (state.phase !== 'reading') return;
    try {
      const page = await this.#log.read({
        selection: cohort.view.selection,
        after: state.position,
        through: Math.max(state.position, this.#flushed),
        maxBytes: PAGE_BYTES,
      });
      // The listener may have gone while the log was read.
      if (subscriber.state !== state) return;
      if (!isAhead(page, this.#flushed)) this.#writePage(subscriber, state, page);
      this.#input(subscriber, { type: 'page', page, flushed: this.#flushed, needsDrain: sink.needsDrain });
    } catch {
      // What was to come cannot be read: the listener sees a broken stream and comes back with its cursor.
      sink.destroy();
    }
  }

  #writePage({ cohort, sink }: Subscriber, state: SubscriberState, page: LogPage): void {
    const missing = gapBefore(state, page);
    if (missing) {
      const after = missing.after ?? formatCursor(this.#position(missing.from));
      sink.write(gap(after, this.#position(missing.resumedAt), missing.reason));
    }
    if (page.entries.length === 0) return;
    sink.write(SharedChunk.fromFrames(page.entries.map((entry) => cohort.view.render?.(entry) ?? entry.frame)));
  }

  #input(subscriber: Subscriber, input: SubscriberInput): void {
    this.#apply(subscriber, transition(subscriber.state, input));
  }

  #apply(subscriber: Subscriber, step: SubscriberStep): void {
    const { cohort, sink, state: before } = subscriber;
    subscriber.state = step.state;
    for (const action of step.actions) {
      if (action.type === 'read') {
        this.#readers.push(subscriber);
        this.#tickSoon();
      } else if (action.type === 'join') {
        cohort.members.add(subscriber);
        // Who comes from the log may have been told less than the members: the next keep-alive moves its cursor too.
        if (before.phase === 'reading') cohort.told = 0;
        if (this.#flushed >= this.#finalSeq) sink.end();
      } else cohort.members.delete(subscriber);
    }
    if (step.state.phase === 'ended' && this.#subscribers.delete(subscriber)) this.#cohorts.leave(cohort);
  }

  #position(seq: number): Position {
    return { epoch: this.#log.head().epoch, seq };
  }
}
