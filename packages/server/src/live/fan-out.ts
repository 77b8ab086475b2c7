import type { Clock } from '../clock.ts';
import { codedFor } from '../coding/coded-sink.ts';
import type { EventLog, FollowStart, LogFollowing } from '../log/event-log.ts';
import { DEFAULT_SCAN_MS, Turns } from '../log/keeping/turns.ts';
import { checkLog } from '../log/log-check.ts';
import { formatCursor, type Position } from '../log/position.ts';
import type { Start } from '../log/start.ts';
import { COMMENT } from '../sink/keep-alive.ts';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';
import { countListeners, type View } from './cohort.ts';
import { EXPIRED, reconnectAfter } from './control-events.ts';
import { KeepAlives } from './keep-alives.ts';
import { catchingUp, holding, joining } from './listener-state.ts';
import type { EndReason, Listener, OnEnd } from './listener.ts';
import { Listeners } from './listeners.ts';
import { orAborted } from '../log/or-aborted.ts';
import { checkFanOutOptions, type FanOutOptions } from './options.ts';
import type { Presence } from './presence.ts';
import type { Present } from './present-list.ts';
import { noCounts, type FanOutObserver, type FanOutStats } from './stats.ts';
import type { Ticker } from './ticker.ts';
import { watchEnd } from './watch.ts';

// Listeners that are sent away together come back after this long and a random part of the window.
const COME_BACK_AFTER_MS = 1000;
const COME_BACK_SPREAD_MS = 5000;

// Less than every sequence number, 0 included, which is the place before the first event.
const NOT_TOLD = -1;

/** Sends the events of a log to its listeners. It follows the log, takes listeners in and sends them away. */
export class FanOut {
  readonly #ticker: Ticker;
  readonly #listeners: Listeners;
  readonly #keepAlives: KeepAlives;
  readonly #following: LogFollowing;
  readonly #clock: Clock;
  readonly #counts = noCounts();
  readonly #turns: Turns;
  readonly #ready: Promise<void>;
  #epoch: string | undefined;
  #isFollowing = false;
  /** Makes what listeners are sent last, once they are sent away. */
  #farewell: (() => SharedChunk) | undefined;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(log: EventLog, options: FanOutOptions = {}, observer: FanOutObserver = {}) {
    checkLog('log', log);
    const { overflow, keepAliveMs, maxTickBytes, ...checked } = checkFanOutOptions(options);
    const { clock } = checked;
    this.#clock = clock;
    this.#turns = Turns.of({ clock });
    this.#listeners = new Listeners(log, {
      ...checked,
      evicts: overflow === 'evict',
      maxTickBytes: overflow === 'evict' ? Number.MAX_SAFE_INTEGER : maxTickBytes,
      counts: this.#counts,
      // These are not the turns of scans: events come first, however many scans there are.
      turns: new Turns(DEFAULT_SCAN_MS, clock),
      scans: this.#turns,
      observer,
      position: (seq) => this.#position(seq),
      // Only pages are read from the log from here on, and the log may outlive this fan-out.
      onFinished: () => this.#following.stop(),
    });
    this.#ticker = this.#listeners.ticker;
    this.#keepAlives = new KeepAlives(this.#listeners, {
      keepAliveMs,
      clock,
      position: (seq) => this.#position(seq),
    });
    let ready = (): void => {};
    this.#ready = new Promise((resolve) => {
      ready = resolve;
    });
    this.#following = log.follow({
      onStart: (start) => {
        this.#start(start);
        ready();
      },
      // Bound, so that the path of an event does not lead through this class.
      onBatch: this.#ticker.receive.bind(this.#ticker),
      onLost: (reason) => {
        this.#isFollowing = false;
        observer.onError?.(reason);
      },
    });
  }

  /** Whether the log has reported where following begins. No listener may be taken in before. */
  get isReady(): boolean {
    return this.#epoch !== undefined;
  }

  /** Resolves when that is so. Rejects with the reason of the signal if that is aborted before. */
  async ready(signal?: AbortSignal): Promise<void> {
    if (!this.isReady) await orAborted(this.#ready, signal);
  }

  /** Whether the log hands over what is published: not before it has begun to, and not while its store is out of reach. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** How far the log has been handed over to this process. The epoch is empty before {@link ready}. */
  get position(): Position {
    return this.#position(this.#ticker.received);
  }

  /** The same, as far as public events show it: the place of the newest one. */
  get publicPosition(): Position {
    return this.#position(this.#ticker.publicReceived);
  }

  /** Who listens to which topic. */
  get presence(): Presence {
    return this.#ticker.presence;
  }

  /** Listeners now, those that catch up included. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** The id of the newest event, or the cursor of where following began; an empty string before {@link ready}. */
  get lastEventId(): string {
    return this.#ticker.newestId ?? (this.#epoch === undefined ? '' : formatCursor(this.position));
  }

  /** How many listeners would get a public event of the topic. */
  listenersOf(topic: string): number {
    return countListeners(this.#ticker.cohorts.of(topic));
  }

  /**
   * The same for many topics. Those that had no event are matched, in turns with all scans. Listeners whose patterns take too long are left out until
   * their patterns have been asked.
   */
  listenersOfEach(topics: readonly string[]): Promise<readonly number[]> {
    return this.presence.counts(topics);
  }

  /** Returns counts of what it has done and of its present state. The cost grows with the number of listeners. */
  stats(): FanOutStats {
    let live = 0;
    for (const cohort of this.#ticker.cohorts) live += cohort.members.length;
    let total = 0;
    let max = 0;
    for (const { sink } of this.#listeners) {
      const { backlog } = sink;
      total += backlog;
      if (backlog > max) max = backlog;
    }
    return { listeners: this.listeners, live, backlog: { total, max }, ...this.#counts };
  }

  /**
   * Takes a listener in. The response's head must have been written. `onEnd` is called once, when its stream has ended, not before this
   * returns. Returns undefined if all listeners have been sent away: this one is, too.
   * @param isHeld whether the listener is given nothing until {@link release}
   * @param present what others may be told of it by {@link presence}
   */
  listen(
    to: Sink,
    view: View,
    start: Start,
    onEnd?: OnEnd,
    isHeld: boolean = false,
    present?: Present,
  ): Listener | undefined {
    const sink = codedFor(to, view.coding);
    if (this.#farewell) {
      sendAway(sink, this.#farewell(), () => onEnd?.('drained', present));
      return undefined;
    }
    const isNew = start.type === 'now';
    // A listener that joins now begins where the tick under way ends, so that nothing of it is sent twice or missed.
    if (isNew || start.after >= this.#ticker.flushed) this.#listeners.flush();
    const { flushed, received } = this.#ticker;
    const cohort = this.presence.join(view, this.#clock.now(), received, present);
    let first = isNew ? joining() : catchingUp(start, flushed, cohort.isQuietSince(start.after));
    if (isHeld) first = holding(start, flushed);
    const isUnplaced = !isNew && !start.announce && start.sent === undefined;
    // If there is nothing to read before, it begins where the others are.
    const beginsHere = isNew || (isUnplaced && first.state.phase === 'live');
    const listener: Listener = {
      sink,
      onEnd,
      present,
      cohort,
      state: first.state,
      index: -1,
      isUnplaced: isUnplaced && !beginsHere,
      told: 0,
      tellings: 0,
      // Otherwise a final event that comes later is handed over while it is live, or read.
      mustAsk: isNew && start.openAt !== undefined && start.openAt < flushed,
      reason: 'left',
      owed: undefined,
    };
    watchEnd(this.#listeners, listener);
    // Some proxies hold the head back until the first byte of the body.
    const told = beginsHere ? flushed : start.after;
    if (beginsHere || start.announce) this.#listeners.tell(listener, told);
    else {
      // If its place is not known, it is soon told a place.
      listener.told = isUnplaced || start.misplaced !== undefined ? NOT_TOLD : told;
      if (!this.#listeners.catchUp.hasEvents(cohort, first.state)) this.#listeners.write(listener, COMMENT);
    }
    this.#listeners.add(listener, first);
    this.#keepAlives.start();
    return listener;
  }

  /** The same view, or the one with its key that listeners have already: what is known of its selection is known once, and takes memory once. */
  shared(view: View): View {
    return this.#ticker.cohorts.viewOf(view);
  }

  /** Sends a listener no further events until {@link release}. */
  hold(listener: Listener): void {
    this.#listeners.flush();
    this.#listeners.input(listener, { type: 'hold', flushed: this.#ticker.flushed });
  }

  /** Lets a listener that is held go on from where it was, with a view that may be another one. Nothing is lost or sent twice. */
  release(listener: Listener, view: View): void {
    if (listener.state.phase !== 'held') return;
    this.#listeners.flush();
    const { cohort: before, present } = listener;
    listener.cohort = this.presence.join(view, this.#clock.now(), this.#ticker.received, present);
    listener.owed = undefined;
    // It may be the same one.
    this.presence.leave(before, listener.cohort === before ? undefined : present);
    const { needsDrain } = listener.sink;
    this.#listeners.input(listener, { type: 'release', flushed: this.#ticker.flushed, needsDrain });
  }

  /** Ends the stream of a listener whose rights have expired, and tells it so. One that does not read is broken off. */
  expire(listener: Listener): void {
    if (listener.sink.needsDrain) return this.breakOff(listener, 'expired');
    this.#listeners.write(listener, EXPIRED);
    this.#listeners.end(listener, 'expired');
  }

  /** Breaks a listener off: its stream does not look finished, so that it comes back. */
  breakOff(listener: Listener, reason: EndReason): void {
    this.#listeners.breakOff(listener, reason);
  }

  /** Ends every listener as soon as it has got everything up to this sequence number, those to come included. */
  finish(seq: number): void {
    this.#listeners.finish(seq);
  }

  /**
   * Sends every listener away, those to come included, each with a time of its own to come back, from `awayMs` to `awayMs + windowMs`
   * milliseconds.
   */
  drain(windowMs: number, random: () => number = Math.random, awayMs: number = COME_BACK_AFTER_MS): void {
    this.#listeners.flush();
    const farewell = (): SharedChunk => reconnectAfter(awayMs + random() * windowMs);
    this.#farewell = farewell;
    for (const listener of this.#listeners) {
      this.#listeners.write(listener, farewell());
      // A listener that still catches up must not take the end for a complete stream; the retry is the same for both.
      if (listener.state.phase === 'live') this.#listeners.end(listener, 'drained');
      else this.breakOff(listener, 'drained');
    }
    this.#stop();
  }

  /** Stops following the log and breaks off the remaining listeners. */
  close(): void {
    this.#stop();
    for (const listener of this.#listeners) this.breakOff(listener, 'drained');
  }

  #stop(): void {
    this.#following.stop();
    this.#keepAlives.stop();
  }

  /** Following begins, for the first time or anew. */
  #start(start: FollowStart): void {
    const { epoch, seq } = start;
    const before = this.#epoch;
    this.#isFollowing = true;
    this.#epoch = epoch;
    if (before === epoch && seq === this.#ticker.received) return;
    if (before === epoch) {
      this.#listeners.skipTo(start);
      return;
    }
    this.#listeners.flush();
    if (before !== undefined) this.#startAnew();
    this.#ticker.startBehind(start);
    this.#ticker.soon();
  }

  /** The numbering began anew: where the listeners are in it, the log finds when they come back. */
  #startAnew(): void {
    this.#listeners.forget();
    for (const listener of this.#listeners) {
      this.#listeners.write(listener, reconnectAfter(COME_BACK_AFTER_MS + Math.random() * COME_BACK_SPREAD_MS));
      this.breakOff(listener, 'renumbered');
    }
  }

  #position(seq: number): Position {
    return { epoch: this.#epoch ?? '', seq };
  }
}

/** Ends the stream of a listener that comes too late. */
function sendAway(sink: Sink, farewell: SharedChunk, onEnd: () => void): void {
  sink.onClose = onEnd;
  sink.write(farewell);
  sink.end();
}
