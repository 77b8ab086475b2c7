import type { EventMessage, GapMessage } from '@tidings/client';
import { type Entitlement, indexAfter, type Truth } from './truth.ts';

/** In which way the promise was broken. */
export type Breach = 'lost' | 'doubled' | 'false gap' | 'wrong';

/** Where a listener begins: behind the newest event, at the earliest that is kept, or with what comes once it is let in. */
export type Beginning = 'here' | 'earliest' | 'now';

/** What one listener has got, compared with the log at every event: each that it is entitled to, once and in order, or a gap that is true. */
export class Record {
  readonly #truth: Truth;
  readonly #entitlement: Entitlement;
  readonly #onBreach: (breach: Breach, what: string) => void;
  /** The index of the event that has to come next; undefined while it is not known where the listener begins. */
  #next: number | undefined;
  /** Up to here it may be that events were removed before it was let in, of which it is told nothing. */
  #untoldThrough: number | undefined;
  /** Up to here a gap has told that events may be missing, between others that are not. */
  #toldThrough = 0;
  /** Those that it has told. One of them at least may never come. */
  #told = new Set<number>();
  #lastId = '';

  constructor(truth: Truth, entitlement: Entitlement, onBreach: (breach: Breach, what: string) => void) {
    this.#truth = truth;
    this.#entitlement = entitlement;
    this.#onBreach = onBreach;
  }

  /** The listener begins. Returns the last event ID with which it does. */
  begin(beginning: Beginning): string {
    const { trimmedThrough, head, cursor } = this.#truth;
    if (beginning === 'now') return '';
    const isEarliest = beginning === 'earliest';
    this.#next = indexAfter(this.#entitlement.events, isEarliest ? trimmedThrough : head);
    if (isEarliest) this.#untoldThrough = Infinity;
    return isEarliest ? 'earliest' : cursor;
  }

  /** Whether it has got everything that is in the log. */
  get isComplete(): boolean {
    return this.missing === 0;
  }

  /** How many events have to come. */
  get missing(): number {
    if (this.#next === undefined) return 0;
    const { events } = this.#entitlement;
    // Those that were removed, and are told as missing or need not be.
    const excused = Math.min(this.#truth.trimmedThrough, Math.max(this.#toldThrough, this.#untoldThrough ?? 0));
    return events.length - Math.max(this.#next, indexAfter(events, excused));
  }

  /** The listener was told a position before it got an event, so that it begins there. */
  place(lastEventId: string): void {
    if (this.#next !== undefined) return;
    const seq = this.#truth.seqOf(lastEventId);
    if (seq !== undefined) this.#next = indexAfter(this.#entitlement.events, seq);
  }

  event({ data, lastEventId }: EventMessage): void {
    const event = this.#truth.eventOf(Number.parseInt(data, 10));
    if (!event || event.id !== lastEventId) {
      return this.#onBreach('wrong', `an event ${lastEventId} with the data ${data.slice(0, 20)} is not in the log`);
    }
    const { events } = this.#entitlement;
    const index = indexAfter(events, event.seq) - 1;
    if (events[index] !== event.seq) return this.#onBreach('wrong', `the event ${lastEventId} is of another topic`);
    const expected = this.#next ?? index;
    this.#next = index + 1;
    this.#lastId = lastEventId;
    if (index < expected) this.#onBreach('doubled', `the event ${lastEventId} came again`);
    for (let lost = expected; lost < index; lost += 1) {
      const seq = events[lost] ?? 0;
      // Told as missing in a gap that reaches past events which are kept.
      if (seq <= Math.max(this.#toldThrough, this.#untoldThrough ?? 0) && this.#isGone(seq)) continue;
      this.#onBreach('lost', `the event ${seq} did not come before ${event.seq}`);
      break;
    }
    this.#untoldThrough = undefined;
    if (this.#told.delete(event.seq) && this.#told.size === 0) {
      this.#onBreach('false gap', `everything up to ${event.seq} that was told as missing has come then`);
    }
  }

  gap({ after, resumedAt, reason, through = resumedAt }: GapMessage): void {
    const { events } = this.#entitlement;
    const to = this.#truth.seqOf(resumedAt);
    const told = this.#truth.seqOf(through);
    if (to === undefined || told === undefined) {
      return this.#onBreach('wrong', `a gap reaches to ${through}, which is no position`);
    }
    const from = this.#next ?? 0;
    const end = indexAfter(events, told);
    const missing = events.slice(from, end).filter((seq) => this.#isGone(seq));
    if (missing.length === 0 && !this.#isUnknown(reason)) {
      this.#onBreach('false gap', `a gap from ${after} to ${through} (${reason}), and nothing is missing there`);
    }
    const next = Math.max(from, indexAfter(events, to));
    const skipped = events.slice(from, next).find((seq) => !this.#isGone(seq));
    if (skipped !== undefined) this.#onBreach('lost', `the event ${skipped} is kept, and was told as missing`);
    this.#next = next;
    this.#untoldThrough = undefined;
    this.#toldThrough = Math.max(this.#toldThrough, told);
    this.#told = new Set(missing);
    this.#lastId = resumedAt;
  }

  #isGone(seq: number): boolean {
    return seq <= this.#truth.trimmedThrough;
  }

  /** The id of a publisher means nothing once its event was removed: then it cannot be known what is missing. */
  #isUnknown(reason: string): boolean {
    const seq = this.#truth.seqOf(this.#lastId);
    return reason === 'unknown' && !this.#lastId.startsWith('e') && seq !== undefined && this.#isGone(seq);
  }
}
