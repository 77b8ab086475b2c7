import { systemClock, type Clock } from '../../clock.ts';
import type { Since } from '../event-log.ts';

/** From an event on, by how many milliseconds the log's own time is ahead of the system's clock. */
interface Shift {
  readonly from: number;
  readonly ms: number;
}

/** The time of a log as a store keeps it. */
export interface LogTimeRecord {
  /** The log's own time. */
  readonly time: number;
  /** What the system's clock said then, milliseconds since 1970. */
  readonly clock: number;
  /** In the order of the events; before the first one the log's own time is the system's. */
  readonly shifts: readonly Shift[];
}

// The system's clock is slewed, and runs a little faster or slower than the one that never goes back. A greater step means that it was set.
const TOLERANCE_MS = 1000;

/** Events follow each other in time, but for this much: the clock may have been slewed back. In milliseconds. */
export const DISORDER_MS: number = TOLERANCE_MS;

// Guards against a clock that is set again and again. Beyond that the oldest events may be taken for newer than they are.
const MAX_SHIFTS = 1000;

/**
 * The own time of a log, which runs only forward, so that events are kept for the right time even if the system's clock is set. It
 * follows that clock while the clock runs steadily. If the clock is set, ahead or back, the log's time goes on as if it had not been. While the
 * log is closed, as much time passes as the system's clock says, and none if the clock went back.
 */
export class LogTime {
  readonly #clock: Clock;
  readonly #steadyClock: () => number;
  readonly #shifts: Shift[];
  #changes = 0;
  #time: number;
  /** The clock that never goes back, as of that time. */
  #steady: number;
  /** By how much the log's time is ahead of the system's clock. */
  #ahead: number;

  /**
   * @param known what a store has kept @default a new log
   * @param newest its newest event; the log's time is not before that of this event
   */
  constructor(clock: Clock, known?: LogTimeRecord, newest?: { readonly seq: number; readonly time: number }) {
    const told = clock.time();
    this.#clock = clock;
    this.#shifts = [...(known?.shifts ?? [])];
    this.#steadyClock = steadyClock(clock);
    this.#steady = this.#steadyClock();
    this.#time = known ? known.time + Math.max(0, told - known.clock) : told;
    if (newest) this.#time = Math.max(this.#time, this.of(newest));
    this.#ahead = this.#time - told;
    if (!known || known.time - known.clock !== this.#ahead) this.#changes = 1;
  }

  /** How often what a store has to keep has changed, from 0 for what it has kept. */
  get changes(): number {
    return this.#changes;
  }

  /** The time now, in milliseconds. */
  now(): number {
    const steady = this.#steadyClock();
    const told = this.#clock.time();
    const expected = this.#time + Math.max(0, steady - this.#steady);
    if (Math.abs(told + this.#ahead - expected) > TOLERANCE_MS) {
      this.#ahead = Math.round(expected) - told;
      this.#changes += 1;
    }
    this.#time = Math.max(this.#time, told + this.#ahead);
    this.#steady = steady;
    return this.#time;
  }

  /** A time as the log's own. */
  since(since: Since): number {
    const now = this.now();
    return 'ago' in since ? now - since.ago : since.at + this.#ahead;
  }

  /** Takes note that events from a number on are appended now. */
  append(from: number): void {
    // Those that were appended at these numbers before have not been stored.
    for (; (this.#shifts.at(-1)?.from ?? 0) >= from; this.#changes += 1) this.#shifts.pop();
    if ((this.#shifts.at(-1)?.ms ?? 0) === this.#ahead) return;
    this.#shifts.push({ from, ms: this.#ahead });
    this.#changes += 1;
    const [first, second] = this.#shifts;
    if (first && second && this.#shifts.length > MAX_SHIFTS) {
      this.#shifts.splice(0, 2, { from: first.from, ms: Math.max(first.ms, second.ms) });
    }
  }

  /** When an event was appended, by the log's own time. */
  of({ seq, time }: { readonly seq: number; readonly time: number }): number {
    return this.#shifts.length === 0 ? time : time + this.#aheadAt(seq);
  }

  /** Events before that number are no longer kept. */
  forget(before: number): void {
    while ((this.#shifts[1]?.from ?? Infinity) <= before) {
      this.#shifts.shift();
      this.#changes += 1;
    }
  }

  /** What a store has to keep of the present time. */
  record(): LogTimeRecord {
    return { time: this.#time, clock: this.#time - this.#ahead, shifts: this.#shifts };
  }

  #aheadAt(seq: number): number {
    const shifts = this.#shifts;
    let low = 0;
    let high = shifts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((shifts[middle]?.from ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return shifts[low - 1]?.ms ?? 0;
  }
}

/**
 * The clock that never goes back. If a clock has a `time` of its own beside the system's `now`, as clocks of tests do, this is the way
 * that this time has gone forward.
 */
function steadyClock(clock: Clock): () => number {
  if (clock.now !== systemClock.now || clock.time === systemClock.time) return () => clock.now();
  let before = clock.time();
  let passed = 0;
  return () => {
    const told = clock.time();
    passed += Math.max(0, told - before);
    before = told;
    return passed;
  };
}
