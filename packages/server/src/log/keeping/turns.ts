import { type Clock, systemClock } from '../../clock.ts';
import { checkInteger } from '../../errors.ts';

/** How long scanning may take in one turn of the event loop, in milliseconds. */
export const DEFAULT_SCAN_MS = 2;
export const MAX_SCAN_MS = 1000;

// How long one scan goes on before the next one has its turn.
const GO_MS = 1;

// The work of one go. It bounds a go even if the clock stands still while code runs.
const GO_STEPS = 2 ** 20;
const GOES_STEPS = 2 * GO_STEPS;

// The clock is read after this much work. Reading it costs as much as a small part of that.
const CHECK_STEPS = 2 ** 13;

/** What looking at an entry costs, beside the patterns that are tested. */
export const ENTRY_STEPS = 256;

/** One go of a scan. A scan adds up its work in steps of about a nanosecond, and stops when the go is over. */
export class Turn {
  steps = 0;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #until: number;
  #checkAt = CHECK_STEPS;
  #isOver = false;

  constructor(clock: Pick<Clock, 'now'>, until: number, isOver: boolean = false) {
    this.#clock = clock;
    this.#until = until;
    this.#isOver = isOver;
  }

  /** A go without an end, for what has to be known at once. */
  static endless(): Turn {
    return new Turn({ now: () => 0 }, Infinity);
  }

  get isOver(): boolean {
    if (this.#isOver || this.steps < this.#checkAt) return this.#isOver;
    this.#checkAt = this.steps + CHECK_STEPS;
    this.#isOver = this.#until !== Infinity && (this.steps >= GO_STEPS || this.#clock.now() >= this.#until);
    return this.#isOver;
  }
}

export interface ScanOptions {
  /** Aborted when the scan is no longer wanted: it ends, and its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether an index leads to what is asked for, so that it is soon done: it goes before those that have to look at everything. @default false */
  readonly isShort?: boolean | undefined;
}

interface Scan {
  /** Goes on for one go. Says whether it is done. */
  readonly go: (turn: Turn) => boolean;
}

const shared = new Map<number, Turns>();

/**
 * The turns of all scans. Together they take at most `ms` milliseconds of a turn of the event loop, and then everything else goes first. Each
 * scan goes on for about a millisecond at a time, one after the other, so that none waits for another to end.
 */
export class Turns {
  readonly #ms: number;
  readonly #clock: Pick<Clock, 'now'>;
  /** Those that wait for their turn, in its order. */
  readonly #short = new Set<Scan>();
  readonly #long = new Set<Scan>();
  /** What was done in the present turn of the event loop. */
  #spentMs = 0;
  #spentSteps = 0;
  #isScheduled = false;

  constructor(ms: number = DEFAULT_SCAN_MS, clock: Pick<Clock, 'now'> = systemClock) {
    this.#ms = ms;
    this.#clock = clock;
  }

  /**
   * The turns of a log: all logs of the process with the same `scanMs` share them. A log with a clock of its own has its own.
   * @throws {ServerError} `ERR_INVALID_OPTION`
   */
  static of({
    scanMs = DEFAULT_SCAN_MS,
    clock,
  }: {
    readonly scanMs?: number | undefined;
    readonly clock?: Clock | undefined;
  }): Turns {
    checkInteger('scanMs', scanMs, 1, MAX_SCAN_MS);
    if (clock && clock !== systemClock) return new Turns(scanMs, clock);
    let turns = shared.get(scanMs);
    if (!turns) shared.set(scanMs, (turns = new Turns(scanMs)));
    return turns;
  }

  /** How many scans wait for their turn. */
  get waiting(): number {
    return this.#short.size + this.#long.size;
  }

  /**
   * Calls `work`, again and again, until it gives a result. The first go is at once if there is time left. Rejects with what it throws.
   * @param work does a small piece of work, or as much as the turn allows, and gives undefined if there is more to do
   */
  run<T>(work: (turn: Turn) => T | undefined, { signal, isShort = false }: ScanOptions = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const queue = isShort ? this.#short : this.#long;
      const leave = (): void => {
        queue.delete(scan);
        reject(signal?.reason as Error);
      };
      const scan: Scan = {
        go: (turn) => {
          try {
            const result = work(turn);
            if (result === undefined) return false;
            resolve(result);
          } catch (error) {
            // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the work throws
            reject(error);
          }
          signal?.removeEventListener('abort', leave);
          return true;
        },
      };
      if (queue.size === 0 && !this.#isSpent && this.go(scan.go)) return;
      if (signal?.aborted === true) return leave();
      queue.add(scan);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  /** A single go, at once. It is over before it begins if there is no time left. */
  go<T>(work: (turn: Turn) => T): T {
    const start = this.#clock.now();
    const turn = new Turn(this.#clock, start + GO_MS, this.#isSpent);
    const result = work(turn);
    this.#spentMs += this.#clock.now() - start;
    this.#spentSteps += turn.steps;
    this.#schedule();
    return result;
  }

  get #isSpent(): boolean {
    return this.#spentMs >= this.#ms || this.#spentSteps >= GOES_STEPS;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  /** A new turn of the event loop: what had waited for it has been dealt with. */
  #turn(): void {
    this.#isScheduled = false;
    this.#spentMs = 0;
    this.#spentSteps = 0;
    // One of each kind has a go in every turn, however long a go of the others takes.
    this.#goFirst(this.#short);
    this.#goFirst(this.#long);
    while (!this.#isSpent && (this.#goFirst(this.#short) || this.#goFirst(this.#long)));
  }

  /** Gives the first of a queue a go, and puts it behind the others if it is not done. */
  #goFirst(queue: Set<Scan>): boolean {
    const [scan] = queue;
    if (!scan) return false;
    queue.delete(scan);
    // Before its go, so that it can leave in it.
    queue.add(scan);
    if (this.go(scan.go)) queue.delete(scan);
    return true;
  }
}
