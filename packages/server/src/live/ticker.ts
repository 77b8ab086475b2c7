import type { Clock } from '../clock.ts';
import type { LogEntry } from '../log/entry.ts';
import { newestFor } from '../log/epochs.ts';
import type { FollowStart } from '../log/event-log.ts';
import type { Turn, Turns } from '../log/keeping/turns.ts';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import type { Cohort, View } from './cohort.ts';
import { CohortIndex } from './cohort-index.ts';
import type { Listener } from './listener.ts';
import { Presence } from './presence.ts';
import type { RecentEvents } from './recent-events.ts';
import type { FanOutCounts } from './stats.ts';

/** What a ticker reports to its fan-out. */
export interface TickerHost {
  /** A member's backlog has passed the cap; it is not given what the tick holds. */
  onOverflow(member: Listener): void;
  /** The tick holds too much for one chunk: the cohort's members are given it in steps, at the pace of each. */
  onLargeTick(cohort: Cohort<Listener>): void;
  /** A view's filter threw. */
  onFilterError(cohort: Cohort<Listener>, error: unknown): void;
  /** Everything received has been written; runs at the end of each tick. */
  onTick(): void;
  /** There is no time to find out whether these cohorts select the next events: their live listeners have to read it. */
  onBehind(cohorts: Iterable<Cohort<Listener>>): void;
  /** This entry, which has been written, has closed its topics. */
  onFinal(entry: LogEntry): void;
  /** A topic was deleted. Everything before that has been written. */
  onDelete(entry: LogEntry): void;
}

export interface TickerOptions {
  readonly maxBacklogBytes: number;
  /** What a cohort is given as one chunk, unless it is a single event. */
  readonly maxTickBytes: number;
  readonly clock: Clock;
  readonly schedule: (run: () => void) => void;
  readonly counts: FanOutCounts;
  readonly turns: Turns;
  /** Those in which listeners of topics are looked for. */
  readonly scans: Turns;
  readonly recent: RecentEvents;
}

/**
 * The hot path, from commit to socket:
 *
 * 1. The log hands over a committed batch: each entry is offered to the cohorts of its topics (one look-up a topic). If patterns make it
 *    costly to match a new topic, cohorts that cannot be asked in time are left behind, and read the log.
 * 2. At the end of the tick each cohort that was offered something puts it together, once. If that is too much, its members read {@link RecentEvents} instead.
 * 3. Each member's socket is given those bytes: one write for each listener and tick.
 */
export class Ticker {
  readonly cohorts: CohortIndex<Listener> = new CohortIndex();
  readonly presence: Presence;
  readonly #host: TickerHost;
  readonly #maxBacklogBytes: number;
  readonly #maxTickBytes: number;
  readonly #clock: Clock;
  readonly #schedule: (run: () => void) => void;
  readonly #counts: FanOutCounts;
  /** The cohorts that the tick holds something for. */
  #dirty: Cohort<Listener>[] = [];
  /** All entries that the tick holds, in whatever cohorts. */
  #entries: LogEntry[] = [];
  /** Those of them that close their topics. */
  readonly #finals: LogEntry[] = [];
  readonly #recent: RecentEvents;
  readonly #turns: Turns;
  #received = 0;
  #flushed = 0;
  /** The same, as far as public events show it. */
  #publicReceived = 0;
  #publicFlushed = 0;
  #newestId: string | undefined;
  #isScheduled = false;

  constructor(host: TickerHost, options: TickerOptions) {
    const { maxBacklogBytes, maxTickBytes, clock, schedule, counts, turns, scans, recent } = options;
    this.presence = new Presence(this.cohorts, scans);
    this.#turns = turns;
    this.#recent = recent;
    this.#host = host;
    this.#maxBacklogBytes = maxBacklogBytes;
    this.#maxTickBytes = maxTickBytes;
    this.#clock = clock;
    this.#schedule = schedule;
    this.#counts = counts;
  }

  /** The sequence number up to which the log has been handed over. */
  get received(): number {
    return this.#received;
  }

  /** The sequence number of the newest public event up to there. */
  get publicReceived(): number {
    return this.#publicReceived;
  }

  /** The sequence number up to which the cohorts have been written to. */
  get flushed(): number {
    return this.#flushed;
  }

  /**
   * The same, as a listener with this view may know it. One that gets no private events is not shown that there are any: up to the newest public
   * event, it has as much.
   */
  flushedFor({ selection }: View): number {
    return newestFor(selection, this.#flushed, this.#publicFlushed);
  }

  /** A sequence number as a listener with this view may know it: of those that mean the same to it, one that shows no private events. */
  knownTo(view: View, seq: number): number {
    return seq <= this.#flushed ? Math.min(seq, this.flushedFor(view)) : seq;
  }

  /** The id of the newest event that was handed over. */
  get newestId(): string | undefined {
    return this.#newestId;
  }

  /** Goes on after a position, up to which no more entries are handed over. Nothing may be pending. */
  startBehind({ seq, publicSeq }: FollowStart): void {
    this.#received = seq;
    this.#flushed = seq;
    this.#publicReceived = publicSeq;
    this.#publicFlushed = publicSeq;
    this.#newestId = undefined;
    this.#recent.clear();
    for (const cohort of this.cohorts) cohort.startBehind(seq);
  }

  receive(batch: readonly LogEntry[]): void {
    if (!batch.some(({ deletes }) => deletes === true)) return this.#take(batch);
    let from = 0;
    for (const [index, entry] of batch.entries()) {
      if (entry.deletes !== true) continue;
      if (index > from) this.#take(batch.slice(from, index));
      this.#passDeletion(entry);
      from = index + 1;
    }
    if (from < batch.length) this.#take(batch.slice(from));
  }

  #take(batch: readonly LogEntry[]): void {
    this.#counts.published += batch.length;
    if (this.cohorts.isCostly) this.#turns.go((turn) => this.#takeInTime(batch, turn));
    else {
      for (const entry of batch) {
        this.#hand(entry);
        for (const topic of entry.topics) {
          for (const cohort of this.cohorts.of(topic)) this.#offer(cohort, entry);
        }
      }
    }
    this.soon();
  }

  /** The same if new topics take long to match: cohorts for which there is no time are left behind. */
  #takeInTime(batch: readonly LogEntry[], turn: Turn): void {
    let isAnyBehind = false;
    for (const entry of batch) {
      const found = entry.topics.map((topic) => this.cohorts.ofInTime(topic, turn));
      const behind = new Set(found.flatMap(({ rest }) => rest));
      if (behind.size > 0) {
        isAnyBehind = true;
        for (const cohort of behind) cohort.startBehind(entry.seq);
        this.#host.onBehind(behind);
      }
      this.#hand(entry);
      for (const { cohorts } of found) for (const cohort of cohorts) this.#offer(cohort, entry);
    }
    // A listener that joins one of those cohorts must have read the entries that they were not offered.
    if (isAnyBehind) this.flush();
  }

  /** Passes an entry on that is no event. What lies before it is written first. */
  #passDeletion(entry: LogEntry): void {
    this.flush();
    this.#reach(entry);
    this.#flushed = this.#received;
    this.#publicFlushed = this.#publicReceived;
    this.#host.onDelete(entry);
    this.soon();
  }

  /** Notes that an entry was handed over. */
  #hand(entry: LogEntry): void {
    this.#entries.push(entry);
    if (entry.final === true) this.#finals.push(entry);
    this.#reach(entry);
  }

  #reach({ seq, id, private: isPrivate }: LogEntry): void {
    this.#received = seq;
    this.#newestId = id;
    if (!isPrivate) this.#publicReceived = seq;
  }

  /** Ends the tick soon, after what is under way. */
  soon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      this.flush();
      this.#host.onTick();
    });
  }

  /** Writes what the tick holds. */
  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    const entries = this.#entries;
    this.#entries = [];
    const now = this.#clock.now();
    for (const cohort of dirty) {
      const events = cohort.pending;
      // A single event is a frame that all cohorts share.
      if (events > 1 && cohort.pendingBytes > this.#maxTickBytes) {
        cohort.drop();
        this.#host.onLargeTick(cohort);
      } else {
        this.send(cohort, cohort.take(), events);
        // Later: a member that was not given it has left the cohort by now.
        cohort.tell();
        if (cohort.view.heartbeat !== 'event') cohort.lastWrite = now;
      }
      cohort.sent += events;
    }
    if (this.#recent.isRead) this.#recent.add(entries, this.#flushed);
    this.#flushed = this.#received;
    this.#publicFlushed = this.#publicReceived;
    if (this.#finals.length > 0) for (const entry of this.#finals.splice(0)) this.#host.onFinal(entry);
  }

  /** Gives the same bytes to every member. */
  send(cohort: Cohort<Listener>, chunk: SharedChunk, events: number): void {
    const { members } = cohort;
    let written = 0;
    cohort.coder?.begin(chunk);
    // From the last to the first: a member that leaves gives its index to one that has had its turn.
    for (let index = members.length - 1; index >= 0; index -= 1) {
      const member = members[index];
      if (!member) continue;
      const { sink } = member;
      // Measured before the write: a listener that keeps up is given the whole tick.
      if (sink.backlog > this.#maxBacklogBytes) this.#host.onOverflow(member);
      else {
        sink.write(chunk);
        written += 1;
      }
    }
    cohort.coder?.end();
    this.#counts.delivered += written * events;
    this.#counts.bytes += written * chunk.bytes.length;
  }

  #offer(cohort: Cohort<Listener>, entry: LogEntry): void {
    try {
      if (cohort.offer(entry)) this.#dirty.push(cohort);
    } catch (error) {
      this.#host.onFilterError(cohort, error);
    }
  }
}
