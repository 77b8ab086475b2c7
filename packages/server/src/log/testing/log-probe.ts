import assert from 'node:assert/strict';
import { EventStreamDecoder, type EventFields, type EventMessage } from '@tidings/wire';
import { ServerError, type ServerErrorCode } from '../../errors.ts';
import type { AppendReceipt, EventLog, LogEntry, NewEvent, Selection } from '../event-log.ts';
import type { LogRetention } from '../retention.ts';

/** A log under test. */
export interface LogHarness {
  readonly log: EventLog;
  /** Closes the log and opens it again on the same data. A log that forgets has none: the durable cases are not for it. */
  reopen?(): Promise<EventLog>;
  /** Closes the log and removes its data. */
  dispose(): Promise<void>;
}

/** Makes an empty log that keeps what `retention` says (everything without one) and takes its time from `now`. */
export type LogFactory = (options: { retention?: LogRetention; now: () => number }) => Promise<LogHarness>;

export const HOUR_MS: number = 60 * 60 * 1000;
const START_MS = 1_700_000_000_000;

/** A log in a case's hands, with a clock that only the case moves. */
export class LogProbe {
  log: EventLog;
  readonly #harness: LogHarness;
  readonly #clock: { time: number };

  private constructor(harness: LogHarness, clock: { time: number }) {
    this.#harness = harness;
    this.#clock = clock;
    this.log = harness.log;
  }

  /** Milliseconds since 1970. */
  get time(): number {
    return this.#clock.time;
  }

  set time(time: number) {
    this.#clock.time = time;
  }

  /** Makes a log, runs the case and disposes of the log whatever comes of it. */
  static async use(
    make: LogFactory,
    retention: LogRetention | undefined,
    run: (probe: LogProbe) => Promise<void>,
  ): Promise<void> {
    const clock = { time: START_MS };
    const now = (): number => clock.time;
    const harness = await make(retention ? { retention, now } : { now });
    try {
      await run(new LogProbe(harness, clock));
    } finally {
      await harness.dispose();
    }
  }

  async reopen(): Promise<void> {
    const log = await this.#harness.reopen?.();
    assert.ok(log, 'this case is for durable logs: the harness has no reopen()');
    this.log = log;
  }

  /** Publishes each of the data as an event of its own batch. */
  async publish(topic: string, ...data: readonly string[]): Promise<void> {
    for (const text of data) await this.append({ topics: [topic], fields: { data: text } });
  }

  append(...events: readonly NewEvent[]): Promise<AppendReceipt> {
    return this.log.append(events);
  }

  /** Everything selected behind `after`, read in pages. */
  async read(selection: Selection, after = 0, maxBytes: number = 64 * 1024): Promise<LogEntry[]> {
    const through = this.log.head().seq;
    const entries: LogEntry[] = [];
    let reached = after;
    for (;;) {
      const page = await this.log.read({ selection, after: reached, through, maxBytes });
      entries.push(...page.entries);
      assert.ok(page.through <= through, `a page reaches ${page.through}, past the ${through} that was asked for`);
      if (page.through === through) return entries;
      assert.ok(page.through > reached, `a page behind ${reached} reaches ${page.through}: reading makes no progress`);
      reached = page.through;
    }
  }

  /** The data of everything selected behind `after`. */
  async data(selection: Selection, after = 0): Promise<string[]> {
    const entries = await this.read(selection, after);
    return entries.map((entry) => message(entry).data);
  }

  async trimmedThrough(selection: Selection): Promise<number> {
    const { seq } = this.log.head();
    const page = await this.log.read({ selection, after: seq, through: seq, maxBytes: 1 });
    return page.trimmedThrough;
  }
}

/** Selects topics, public events only. */
export function select(...topics: readonly string[]): Selection {
  return { topics, private: false };
}

export const EVERYTHING: Selection = { topics: [], test: () => true, private: true };

export function event(topic: string, fields: EventFields = { data: topic }): NewEvent {
  return { topics: [topic], fields };
}

export function privately(topic: string): NewEvent {
  return { topics: [topic], fields: { data: topic }, private: true };
}

/** What a listener reads from an entry's frame, which must be one whole event. */
export function message(entry: LogEntry): EventMessage {
  const events: EventMessage[] = [];
  new EventStreamDecoder({ onEvent: (read) => events.push(read) }).write(entry.frame);
  assert.equal(events.length, 1, 'a frame is one event');
  const [only] = events;
  assert.ok(only);
  return only;
}

/** What the contract says of entries, their frames as text; a log may keep more in them. */
export function plain(entries: readonly LogEntry[]): unknown[] {
  return entries.map(({ seq, id, topics, time, private: isPrivate, frame }) => {
    return { seq, id, topics, time, private: isPrivate, frame: Buffer.from(frame).toString() };
  });
}

export function seqs(entries: readonly LogEntry[]): number[] {
  return entries.map((entry) => entry.seq);
}

/** The numbers from one to the other, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

export async function refused(promise: Promise<unknown>, code: ServerErrorCode, what: string): Promise<void> {
  await assert.rejects(
    promise,
    (error) => error instanceof ServerError && error.code === code,
    `${what} must be refused with ${code}`,
  );
}
