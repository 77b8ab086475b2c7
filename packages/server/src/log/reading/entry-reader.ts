import type { LogEntry } from '../entry.ts';
import type { EventLog } from '../event-log.ts';
import { gapInPage, knownAfter, readPage, type ReadingPlace, toldGap, type ToldGap } from '../page-gap.ts';
import { type Selection, Selector } from '../selection.ts';
import { canEnd, findStart, type Start, type StartRequest } from '../start.ts';
import { Tail, type TailReader } from './tail.ts';

/** Entries that should have come here, and that the log no longer holds. */
export interface EntryGap {
  readonly gap: ToldGap;
}

// Guards the memory against a slow consumer: no more is held for it than this, or one entry. It is also what a page is read by.
const MAX_HELD_BYTES = 64 * 1024;

/**
 * Where a reader is:
 * - `starting`: it is not known yet where it begins;
 * - `reading`: behind the end of the log, which it reads by pages;
 * - `live`: it has everything that was handed over, and is offered what comes next;
 * - `ended`: it gives nothing more than what it holds.
 */
type Phase = 'starting' | 'reading' | 'live' | 'ended';

/**
 * Reads a log from a place to its end, and goes on with what is appended. It holds a bounded number of entries, and beyond that only its place, so a slow consumer costs
 * no more than a fast one. The seam is a page that reaches as far as the log has been handed over: from there on the tail offers every entry.
 */
export class EntryReader implements TailReader {
  readonly selector: Selector;
  readonly #log: EventLog;
  readonly #selection: Selection;
  readonly #tail: Tail;
  /** Whether it ends when its only topic is closed or deleted. */
  readonly #endsWithTopic: boolean;
  /** How far the log had been handed over when its place was asked for. A deletion behind that, and behind its place, ends it. */
  #begunAt: number | undefined;
  /** Aborted at the end: what is being read is no longer wanted. */
  readonly #gone = new AbortController();
  #phase: Phase = 'starting';
  #request: StartRequest;
  /** Where it begins. It is asked at the call, so that a consumer that comes later misses nothing that was published in between. */
  #asked: Promise<Start> | undefined;
  #place: ReadingPlace = { position: 0, told: 0, trims: 0 };
  #held: (LogEntry | EntryGap)[] = [];
  #heldBytes = 0;
  #error: { readonly reason: unknown } | undefined;
  /** There is nothing to give after this sequence number. */
  #finalSeq = Number.POSITIVE_INFINITY;
  /** Called when something has changed. */
  #wake: (() => void) | undefined;

  /**
   * @param endsWithTopic whether it ends as a stream does when the only topic that it selects is closed or deleted
   * @throws {ServerError} `ERR_INVALID_PATTERN`
   */
  constructor(log: EventLog, selection: Selection, request: StartRequest, endsWithTopic = false) {
    this.selector = Selector.of(selection);
    this.#log = log;
    this.#selection = selection;
    this.#request = request;
    this.#endsWithTopic = endsWithTopic && canEnd(log, selection);
    this.#tail = Tail.of(log);
    this.#tail.open(this);
    // What is published from here on is wanted, whenever the consumer comes for it.
    if (this.#tail.isReady) {
      this.#begunAt = this.#tail.received;
      this.advance();
      if (this.#endsWithTopic && isNow(request)) this.#askWhetherClosed();
    } else if (isNow(request)) {
      // It is not known yet where the log ends, because it is in another process: it is asked for the place of now.
      this.#request = { last: 0 };
      this.#begunAt = 0;
    }
    // What fails is told to the consumer, when it comes.
    if (this.#phase === 'starting') this.#start().catch(() => {});
  }

  /** Returns the next entry or gap, or undefined at the end. It may not be called again before it has answered. */
  async take(): Promise<LogEntry | EntryGap | undefined> {
    for (;;) {
      const next = this.#held.shift();
      if (next) {
        if ('frame' in next) this.#heldBytes -= next.frame.length;
        return next;
      }
      if (this.#phase !== 'ended' && this.#isFinished()) this.#stop();
      if (this.#phase === 'ended') {
        const error = this.#error;
        this.#error = undefined;
        if (error) throw error.reason;
        return undefined;
      }
      try {
        await this.#step();
      } catch (reason) {
        // A step that was given up at the end has no error of its own.
        if (!this.#gone.signal.aborted) this.fail(reason);
      }
    }
  }

  /** Ends at once. What is held is forgotten. */
  end(): void {
    this.#held = [];
    this.#stop();
  }

  /** Ends at once with an error, which `take` throws next. */
  fail(reason: unknown): void {
    if (this.#phase === 'ended' && this.#held.length === 0) return;
    this.#error = { reason };
    this.end();
  }

  /** Ends after the entry of this sequence number. */
  finish(seq: number): void {
    this.#finalSeq = Math.min(this.#finalSeq, seq);
    this.#notify();
  }

  /**
   * Ends after what is held. If the consumer would miss something by that, `take` throws this then.
   * @param reason is given the last event ID after which to go on
   */
  close(reason: (lastEventId: string) => unknown): void {
    if (this.#phase === 'ended') return;
    if (!this.#isComplete()) this.#error = { reason: reason(this.#cursor()) };
    this.#stop();
  }

  offer(entry: LogEntry): void {
    if (entry.seq <= this.#place.position) return;
    if (entry.final === true || entry.deletes === true) this.#passEnding(entry);
    if (entry.deletes === true || !this.selector.sees(entry)) return;
    if (this.#held.length > 0 && this.#heldBytes + entry.frame.length > MAX_HELD_BYTES) {
      this.skip(entry.seq - 1);
      return;
    }
    this.#hold(entry);
    this.#place = { position: entry.seq, told: entry.seq, trims: 0 };
    this.#notify();
  }

  skip(after: number): void {
    this.#tail.leave(this);
    // It has been given everything up to there that it selects.
    const position = Math.max(after, this.#place.position);
    this.#place = { position, told: position, trims: 0 };
    this.#phase = 'reading';
    this.#notify();
  }

  renumber(): void {
    if (this.#phase === 'ended') return;
    const lastEventId = this.#cursor();
    this.#tail.leave(this);
    if (lastEventId !== '') this.#request = { lastEventId };
    this.#asked = undefined;
    this.#phase = 'starting';
  }

  advance(): void {
    if (this.#phase === 'starting' && isNow(this.#request)) {
      const { received } = this.#tail;
      this.#goOn({ position: received, told: received, trims: 0 });
    }
    this.#notify();
  }

  /** Does what brings the next entry nearer. */
  async #step(): Promise<void> {
    if (this.#phase === 'live') return this.#changed();
    if (!this.#tail.isReady) return this.#handedOver();
    return this.#phase === 'starting' ? this.#start() : this.#read();
  }

  /** A topic was closed or deleted by an entry that comes next. */
  #passEnding(entry: LogEntry): void {
    if (!this.#endsWithTopic) return;
    // A private event may be the first of its topic: then nothing has been closed for who does not see those.
    if (!this.selector.knowsEnd(entry)) this.#askWhetherClosed();
    else if (entry.final === true) this.finish(entry.seq);
    else this.#stop();
  }

  #askWhetherClosed(): void {
    const { signal } = this.#gone;
    this.#log.locateLast(this.#selection, 0, { signal }).then(
      ({ finalSeq }) => this.#finishAt(finalSeq),
      (reason: unknown) => {
        if (!signal.aborted) this.fail(reason);
      },
    );
  }

  /** The only topic is closed, if this is the sequence number of its final event. */
  #finishAt(finalSeq: number | undefined): void {
    if (this.#endsWithTopic && finalSeq !== undefined) this.finish(finalSeq);
  }

  async #start(): Promise<void> {
    const asked = (this.#asked ??= findStart(this.#log, this.#selection, this.#request, { signal: this.#gone.signal }));
    const start = await asked;
    // The numbering may have begun anew meanwhile. A log in another process may not have said yet where following begins.
    if (this.#phase !== 'starting' || this.#asked !== asked || !this.#tail.isReady || start.type !== 'after') return;
    const { after: position, told, trims, sent, misplaced, finalSeq } = start;
    this.#finishAt(finalSeq);
    this.#goOn({ position, told, trims, sent, misplaced });
  }

  async #read(): Promise<void> {
    const place = this.#place;
    const request = { selection: this.#selection, after: place.position, maxBytes: MAX_HELD_BYTES };
    const page = await readPage(this.#log, request, () => this.#tail.received, { signal: this.#gone.signal });
    if (this.#phase !== 'reading' || this.#place !== place) return;
    // What was trimmed past there may have been handed over late, and is no gap before its place has come.
    if (page.trimmedThrough > this.#tail.received) return this.#handedOver();
    const missing = gapInPage(place, page);
    if (missing) this.#held.push({ gap: toldGap(missing, (seq) => this.#tail.cursorOf(seq)) });
    const { deletedThrough = 0, finalSeq } = page;
    if (this.#endsWithTopic && deletedThrough > Math.max(this.#begunAt ?? 0, place.position)) {
      this.#stop();
      return;
    }
    this.#finishAt(finalSeq);
    for (const entry of page.entries) this.#hold(entry);
    this.#goOn({ position: page.through, ...knownAfter(place, page) });
  }

  /** Goes on from a place: live, if nothing lies between it and what comes next. */
  #goOn(place: ReadingPlace): void {
    this.#place = place;
    this.#begunAt ??= this.#tail.received;
    // Another process was ahead of this one when it gave the cursor. What is on its way here is not offered again.
    const isLive = place.misplaced === undefined && place.position >= this.#tail.received;
    this.#phase = isLive ? 'live' : 'reading';
    if (isLive) this.#tail.join(this);
  }

  #hold(entry: LogEntry): void {
    this.#held.push(entry);
    this.#heldBytes += entry.frame.length;
  }

  /** How far everything has been given out or is held. */
  get #reached(): number {
    const { position } = this.#place;
    return this.#phase === 'live' ? Math.max(position, this.#tail.received) : position;
  }

  /** Whether nothing is to come that was handed over already. */
  #isComplete(): boolean {
    const { lastEventId = '', last = 0, since } = this.#request;
    const asksForNothing = lastEventId === '' && last === 0 && since === undefined;
    const isAtItsStart = this.#phase === 'starting' && (this.#begunAt ?? 0) === this.#tail.received;
    return this.#phase === 'live' || (isAtItsStart && asksForNothing);
  }

  #isFinished(): boolean {
    return this.#phase !== 'starting' && !this.#place.misplaced && this.#reached >= this.#finalSeq;
  }

  /** The last event ID after which everything is missing that is neither given out nor held; empty if it begins with what is to come. */
  #cursor(): string {
    if (this.#phase === 'starting') return this.#request.lastEventId ?? '';
    const { sent, misplaced } = this.#place;
    if (misplaced !== undefined && sent !== undefined) return sent;
    return this.#tail.cursorOf(this.#tail.knownTo(this.#selection, this.#reached));
  }

  #stop(): void {
    this.#phase = 'ended';
    this.#tail.close(this);
    this.#gone.abort();
    this.#notify();
  }

  /** Resolves when there may be something to give. */
  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Resolves when the log has handed over more. */
  #handedOver(): Promise<void> {
    this.#tail.wait(this);
    return this.#changed();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** Whether reading begins with what is appended from now on. */
function isNow({ lastEventId = '', last, since }: StartRequest): boolean {
  return lastEventId === '' && last === undefined && since === undefined;
}
