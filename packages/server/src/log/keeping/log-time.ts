import type { Clock } from '../../clock.ts';

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
  /** Events up to that number are not taken for newer than that time. @default none */
  readonly ceiling?: { readonly through: number; readonly time: number };
}

// The system's clock is slewed, and runs a little faster or slower than the one that never goes back. A greater step means that it was set.
const TOLERANCE_MS = 1000;

// Guards against a clock that is set again and again. Beyond that the oldest events may be taken for newer than they are.
const MAX_SHIFTS = 1000;

/**
 * The own time of a log, which runs only forward: what is kept for a while is kept for that while, whatever becomes of the system's clock. It
 * follows that clock as long as it runs as clocks do. Where it is set, ahead or back, the log's time goes on as if it had not been. While the
 * log is closed the time that passes is what the system's clock says, and none where that went back.
 */
export class LogTime {
  readonly #clock: Clock;
  readonly #ceiling: LogTimeRecord['ceiling'];
  readonly #shifts: Shift[];
  #time: number;
  /** The clock that never goes back, as of that time. */
  #steady: number;
  /** By how much the log's time is ahead of the system's clock. */
  #ahead: number;

  constructor(clock: Clock, known?: LogTimeRecord) {
    const told = clock.time();
    this.#clock = clock;
    this.#ceiling = known?.ceiling;
    this.#shifts = [...(known?.shifts ?? [])];
    this.#steady = clock.now();
    this.#time = known ? known.time + Math.max(0, told - known.clock) : told;
    this.#ahead = this.#time - told;
  }

  /** The time now, in milliseconds. */
  now(): number {
    const steady = this.#clock.now();
    const told = this.#clock.time();
    const expected = this.#time + Math.max(0, steady - this.#steady);
    if (Math.abs(told + this.#ahead - expected) > TOLERANCE_MS) this.#ahead = Math.round(expected) - told;
    this.#time = Math.max(this.#time, told + this.#ahead);
    this.#steady = steady;
    return this.#time;
  }

  /** Takes note that events from a number on are appended now. Says whether that changes the record. */
  append(from: number): boolean {
    const before = this.#shifts.length;
    // Those that were appended at these numbers before have not been stored.
    while ((this.#shifts.at(-1)?.from ?? 0) >= from) this.#shifts.pop();
    if ((this.#shifts.at(-1)?.ms ?? 0) === this.#ahead) return this.#shifts.length !== before;
    this.#shifts.push({ from, ms: this.#ahead });
    const [first, second] = this.#shifts;
    if (first && second && this.#shifts.length > MAX_SHIFTS) {
      this.#shifts.splice(0, 2, { from: first.from, ms: Math.max(first.ms, second.ms) });
    }
    return true;
  }

  /** When an event was appended, by the log's own time. */
  of({ seq, time }: { readonly seq: number; readonly time: number }): number {
    const own = this.#shifts.length === 0 ? time : time + this.#aheadAt(seq);
    return this.#ceiling && seq <= this.#ceiling.through ? Math.min(own, this.#ceiling.time) : own;
  }

  /** Events before that number are no longer kept. */
  forget(before: number): void {
    while ((this.#shifts[1]?.from ?? Infinity) <= before) this.#shifts.shift();
  }

  /** What a store has to keep of the present time. */
  record(): LogTimeRecord {
    const record = { time: this.#time, clock: this.#time - this.#ahead, shifts: this.#shifts };
    return this.#ceiling ? { ...record, ceiling: this.#ceiling } : record;
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
