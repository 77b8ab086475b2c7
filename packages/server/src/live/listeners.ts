import type { Clock } from '../clock.ts';
import type { EventLog, FollowStart, LogPage } from '../log/event-log.ts';
import type { Turns } from '../log/keeping/turns.ts';
import { toldGap } from '../log/page-gap.ts';
import { formatCursor, type Position } from '../log/position.ts';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import { ApartListeners } from './apart.ts';
import { CatchUp, type CatchUpHost } from './catch-up.ts';
import type { Cohort } from './cohort.ts';
import { gap, heartbeat } from './control-events.ts';
import { Endings } from './endings.ts';
import { gapBefore, transition, type ListenerInput, type ListenerStep } from './listener-state.ts';
import type { EndReason, Listener } from './listener.ts';
import type { CohortPage } from './page-cache.ts';
import { RecentEvents } from './recent-events.ts';
import type { FanOutCounts, FanOutObserver } from './stats.ts';
import { Ticker } from './ticker.ts';
import { watchDrain } from './watch.ts';

export interface ListenersOptions {
  readonly maxBacklogBytes: number;
  readonly maxTickBytes: number;
  /** Whether a listener whose backlog passes the cap is broken off, not caught up. */
  readonly evicts: boolean;
  readonly clock: Clock;
  readonly schedule: (run: () => void) => void;
  readonly counts: FanOutCounts;
  /** Those in which new topics are matched, and those in which events are looked for. */
  readonly turns: Turns;
  readonly scans: Turns;
  readonly observer: FanOutObserver;
  /** The position of a sequence number in the present epoch. */
  readonly position: (seq: number) => Position;
  /** All events that there will be have been written to the cohorts. */
  readonly onFinished: () => void;
}

/**
 * The listeners there are. {@link Ticker} writes to the live ones, {@link CatchUp} reads the log for the others, and this class moves each
 * from one to the other as `transition` says.
 */
export class Listeners implements Iterable<Listener> {
  readonly ticker: Ticker;
  readonly catchUp: CatchUp;
  /** The same for what was just handed over and is too much to be given out at once. */
  readonly #inSteps: CatchUp;
  readonly #recent: RecentEvents;
  readonly #endings: Endings;
  readonly #options: ListenersOptions;
  readonly #all = new Set<Listener>();
  /** The listeners in the phase `waiting`. */
  readonly #waiting = new Set<Listener>();
  /** Those that are not live. */
  readonly apart: ApartListeners = new ApartListeners(this);
  /** Listeners that have got everything up to here are done. */
  #finalSeq = Number.POSITIVE_INFINITY;

  constructor(log: EventLog, options: ListenersOptions) {
    this.#options = options;
    this.#recent = new RecentEvents(log, options.scans);
    this.ticker = new Ticker(
      {
        onOverflow: (member) => this.#overflow(member),
        onLargeTick: (cohort) => this.#giveInSteps(cohort),
        onFilterError: (cohort, error) => this.#fail(this.#of(cohort), error),
        onTick: () => this.#afterTick(),
        onBehind: (cohorts) => this.#leaveBehind(cohorts),
        onFinal: (entry) => this.#endings.close(entry),
        onDelete: (entry) => {
          // What was read has events that are gone.
          this.catchUp.forget();
          this.#endings.delete(entry);
        },
      },
      { ...options, recent: this.#recent },
    );
    const host: CatchUpHost = {
      flushed: () => this.ticker.flushed,
      onPage: (listener, page) => this.#page(listener, page),
      onAhead: (listener, trimmedThrough) => this.input(listener, { type: 'ahead', trimmedThrough }),
      onReadError: (listeners, error) => this.#fail(listeners, error),
    };
    this.catchUp = new CatchUp(host, log, options, options.counts);
    this.#endings = new Endings(this.ticker, this, {
      of: (cohort) => this.#of(cohort),
      readers: () => this.#recent.readers,
      ask: (listener) => this.#skip(listener),
    });
    this.#inSteps = new CatchUp(host, this.#recent, options);
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<Listener> {
    return this.#all.values();
  }

  add(listener: Listener, first: ListenerStep): void {
    this.#all.add(listener);
    this.#apply(listener, first);
  }

  /** Writes what the tick under way holds. */
  flush(): void {
    this.ticker.flush();
    this.#endFinished();
  }

  /** Forgets what was read: the log's numbering began anew. */
  forget(): void {
    this.catchUp.forget();
    this.#inSteps.forget();
    this.#recent.clear();
  }

  /** Goes on behind a position. What lies before it was not handed over: the live listeners have to read it, as the others do. */
  skipTo(start: FollowStart): void {
    this.flush();
    for (const listener of this.#all) this.#skip(listener);
    this.ticker.startBehind(start);
    this.ticker.soon();
  }

  /** Ends every listener as soon as it has got everything up to this sequence number. */
  finish(seq: number): void {
    this.#finalSeq = seq;
    this.ticker.soon();
  }

  write({ sink }: Listener, chunk: SharedChunk): void {
    this.#options.counts.bytes += chunk.bytes.length;
    sink.write(chunk);
  }

  /** Ends a listener's stream: it looks finished. */
  end(listener: Listener, reason: EndReason): void {
    listener.reason = reason;
    this.input(listener, { type: 'finish' });
    listener.sink.end();
  }

  /** Breaks a listener off: its stream does not look finished, so that it comes back. */
  breakOff(listener: Listener, reason: EndReason): void {
    if (listener.state.phase === 'ended') return;
    listener.reason = reason;
    listener.sink.destroy();
    // Its place is free now, not when its socket has closed.
    this.input(listener, { type: 'end' });
  }

  input(listener: Listener, input: ListenerInput): void {
    this.#apply(listener, transition(listener.state, input));
  }

  /** Tells a listener a position, as it may know it. */
  tell(listener: Listener, seq: number): void {
    const { view } = listener.cohort;
    listener.told = this.ticker.knownTo(view, seq);
    this.write(listener, heartbeat(this.#options.position(listener.told), view.heartbeat));
  }

  /** All listeners of a cohort, those that catch up too: they would join behind what the live ones were not given. */
  #of(cohort: Cohort<Listener>): Listener[] {
    return [...this.#all].filter((listener) => listener.cohort === cohort);
  }

  #afterTick(): void {
    this.#endFinished();
    const { flushed } = this.ticker;
    for (const listener of this.#waiting) {
      this.input(listener, { type: 'advance', flushed, needsDrain: listener.sink.needsDrain });
    }
    for (const source of [this.#inSteps, this.catchUp]) {
      source.run();
      if (source.isWaiting) this.ticker.soon();
    }
  }

  #leaveBehind(cohorts: Iterable<Cohort<Listener>>): void {
    const live = [...cohorts].flatMap(({ members }) => members);
    if (live.length === 0) return;
    // They have got what the tick holds by now.
    this.ticker.flush();
    for (const listener of live) this.#giveRecent(listener);
  }

  /** The members read what the tick holds, each at the pace of its socket: copies for many cohorts would take too much memory. */
  #giveInSteps({ members, sent }: Cohort<Listener>): void {
    for (const member of members.slice()) {
      // What the member is too slow for, and is trimmed before it is read, was dropped.
      member.owed = -sent;
      this.#giveRecent(member);
    }
  }

  #giveRecent(listener: Listener): void {
    this.#recent.join(listener);
    this.#skip(listener);
  }

  #skip(listener: Listener): void {
    const { flushed } = this.ticker;
    this.input(listener, { type: 'skip', flushed, needsDrain: listener.sink.needsDrain });
  }

  #endFinished(): void {
    if (this.ticker.flushed < this.#finalSeq) return;
    for (const listener of this.#all) if (listener.state.phase === 'live') this.end(listener, 'finished');
    this.#options.onFinished();
  }

  #overflow(member: Listener): void {
    const { backlog, needsDrain } = member.sink;
    const { counts, observer, evicts } = this.#options;
    if (evicts) {
      counts.evictions += 1;
      observer.onEvict?.(backlog);
      this.breakOff(member, 'evicted');
      return;
    }
    counts.overflows += 1;
    observer.onOverflow?.(backlog);
    member.owed = -member.cohort.sent;
    this.input(member, { type: 'overflow', flushed: this.ticker.flushed, needsDrain });
  }

  #page(listener: Listener, { page, seen }: CohortPage): void {
    const { counts, observer, position } = this.#options;
    const missing = gapBefore(listener.state, page);
    if (missing) {
      const told = toldGap(missing, (seq) => formatCursor(position(seq)));
      counts.gaps += 1;
      observer.onGap?.(told);
      this.write(listener, gap(told));
      listener.told = missing.resumedAt;
    }
    if (seen.chunk) {
      listener.told = seen.last;
      counts.delivered += seen.events;
      if (listener.owed !== undefined) listener.owed -= seen.events;
      this.write(listener, seen.chunk);
    }
    const { finalSeq } = page;
    if (finalSeq !== undefined && page.through >= finalSeq) return this.#endings.finish(listener, finalSeq);
    if (missing || seen.chunk) listener.isUnplaced = false;
    else if (listener.isUnplaced) this.#place(listener, page);
    this.input(listener, { type: 'page', page, flushed: this.ticker.flushed, needsDrain: listener.sink.needsDrain });
  }

  /**
   * Sends a listener its position after a page that has nothing for it, so that it can come back with it. Before events that had been trimmed when it
   * asked for the earliest, it would be told of them.
   */
  #place(listener: Listener, page: LogPage): void {
    const seq = this.ticker.knownTo(listener.cohort.view, page.through);
    if (seq < page.trimmedThrough) return;
    listener.isUnplaced = false;
    this.tell(listener, seq);
  }

  /** What was to come cannot be given: the listeners see a broken stream and come back with their cursors. */
  #fail(listeners: readonly Listener[], error: unknown): void {
    this.#options.observer.onError?.(error);
    for (const listener of listeners) this.breakOff(listener, 'failed');
  }

  #apply(listener: Listener, { state, actions }: ListenerStep): void {
    const from = listener.state;
    listener.state = state;
    // A page that it waits for is no longer wanted. Every other change from `reading` is made by the page itself.
    const isUnwanted = state.phase === 'ending' || state.phase === 'ended' || state.phase === 'held';
    if (from.phase === 'reading' && isUnwanted) {
      for (const source of [this.#inSteps, this.catchUp]) source.leave(listener, from.position);
    }
    if (state.phase === 'draining') watchDrain(this, listener);
    if (state.phase === 'waiting') this.#waiting.add(listener);
    else if (from.phase === 'waiting') this.#waiting.delete(listener);
    this.apart.note(listener, this.#options.clock.now());
    if (!('position' in state)) this.#recent.leave(listener);
    for (const action of actions) {
      if (action.type === 'read') {
        (this.#recent.has(listener) ? this.#inSteps : this.catchUp).want(listener);
        this.ticker.soon();
      } else if (action.type === 'join') this.#join(listener);
      else listener.cohort.leave(listener);
    }
    if (state.phase !== 'ended' || !this.#all.delete(listener)) return;
    this.ticker.presence.leave(listener.cohort, listener.present);
    listener.onEnd?.(listener.reason, listener.present);
  }

  #join(listener: Listener): void {
    const { cohort, owed } = listener;
    cohort.join(listener);
    if (owed !== undefined) {
      this.#options.counts.dropped += Math.max(0, owed + cohort.sent);
      listener.owed = undefined;
    }
    if (this.ticker.flushed >= this.#finalSeq) this.end(listener, 'finished');
    else if (listener.mustAsk) {
      listener.mustAsk = false;
      this.#skip(listener);
    }
  }
}
