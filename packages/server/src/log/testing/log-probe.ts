import assert from 'node:assert/strict';
import { EventStreamDecoder, type EventFields, type EventMessage } from '@tidings/wire';
import type { Clock } from '../../clock.ts';
import { ServerError, type ServerErrorCode, shown } from '../../errors.ts';
import type { LogEntry, NewEvent } from '../entry.ts';
import type { AppendReceipt, EventLog, FollowStart, Place } from '../event-log.ts';
import type { TopicPattern } from '../pattern.ts';
import { EARLIEST } from '../position.ts';
import type { LogRetention } from '../keeping/retention.ts';
import type { Selection } from '../selection.ts';
import type { TopicStates } from '../topic-states.ts';
import { ManualClock } from './manual-clock.ts';
import { Recorder } from './recorder.ts';

/** A log under test. A function that is left out is a capability that the log lacks. */
export interface LogHarness {
  readonly log: EventLog;
  /** Lets time pass in a store that has a clock of its own. The clock of the options has been moved before. */
  advance?(ms: number): Promise<void>;
  /** Closes the log and opens it again on the same data. */
  reopen?(): Promise<EventLog>;
  /** Begins a new epoch after the newest event, as a log that was copied or restored does. The events may be lost. */
  beginEpoch?(): Promise<EventLog>;
  /** Cuts the connection to the store. The log makes it again by itself. */
  cut?(): Promise<void>;
  /** Closes the log and removes its data. */
  dispose(): Promise<void>;
}

export interface LogHarnessOptions {
  /** @default everything is kept */
  readonly retention?: LogRetention | undefined;
  readonly clock: Clock;
}

/** Opens an empty log. */
export type LogFactory = (options: LogHarnessOptions) => Promise<LogHarness>;

export const HOUR_MS: number = 60 * 60 * 1000;
const START_MS = 1_700_000_000_000;

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkFactory(make: LogFactory): LogFactory {
  if (typeof make === 'function') return make;
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `The factory of logs is ${shown(make)}, but must be a function that returns { log, dispose }`,
  );
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkHarness(harness: LogHarness): LogHarness {
  const { log, dispose, append } = (harness ?? {}) as Partial<LogHarness & EventLog>;
  if (typeof log === 'object' && typeof dispose === 'function') return harness;
  const found = typeof append === 'function' ? 'a log' : shown(harness);
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `The factory of logs returned ${found}, but must return { log, dispose }, such as { log, dispose: () => log.close() }`,
  );
}

/** A log in a case's hands, with a clock that only the case moves. */
export class LogProbe {
  log: EventLog;
  readonly #harness: LogHarness;
  readonly #clock: ManualClock;

  private constructor(harness: LogHarness, clock: ManualClock) {
    this.#harness = harness;
    this.#clock = clock;
    this.log = harness.log;
  }

  /** Makes a log, runs the case and disposes of the log whatever comes of it. */
  static async use(
    make: LogFactory,
    retention: LogRetention | undefined,
    run: (probe: LogProbe) => Promise<void>,
  ): Promise<void> {
    const clock = new ManualClock(START_MS);
    const harness = checkHarness(await checkFactory(make)(retention ? { retention, clock } : { clock }));
    try {
      await run(new LogProbe(harness, clock));
    } finally {
      await harness.dispose();
    }
  }

  /** Milliseconds since 1970. */
  get time(): number {
    return this.#clock.time();
  }

  async advance(ms: number): Promise<void> {
    this.#clock.advance(ms);
    await this.#harness.advance?.(ms);
  }

  /** Sets the system's clock ahead or back, by a number of milliseconds. No time passes. */
  setClock(ms: number): void {
    this.#clock.set(ms);
  }

  async reopen(): Promise<void> {
    this.log = needed(await this.#harness.reopen?.(), 'durable');
  }

  /** Lets time pass while the log is closed, and opens it again. */
  async passWhileClosed(ms: number): Promise<void> {
    await this.log.close();
    await this.advance(ms);
    await this.reopen();
  }

  async beginEpoch(): Promise<void> {
    this.log = needed(await this.#harness.beginEpoch?.(), 'epochs');
  }

  async cut(): Promise<void> {
    needed(this.#harness.cut?.bind(this.#harness), 'cut');
    await this.#harness.cut?.();
  }

  async trim(): Promise<void> {
    needed(this.log.trim?.bind(this.log), 'trim');
    await this.log.trim?.();
  }

  /** Publishes each of the data as an event of its own batch. */
  async publish(topic: string, ...data: readonly string[]): Promise<void> {
    for (const text of data) await this.append({ topics: [topic], fields: { data: text } });
  }

  /** Publishes an event to each of the topics, `a b` standing for an event of both. The data are 1, 2 … Gives the sequence numbers. */
  async publishTo(...topics: readonly string[]): Promise<number[]> {
    const numbers: number[] = [];
    for (const [index, names] of topics.entries()) {
      const { seq } = await this.append({ topics: names.split(' '), fields: { data: String(index + 1) } });
      numbers.push(seq);
    }
    return numbers;
  }

  append(...events: readonly NewEvent[]): Promise<AppendReceipt> {
    return this.log.append(events);
  }

  /** The sequence number of the newest event, as the store has it. */
  async head(): Promise<number> {
    return (await this.log.locate(EARLIEST)).head;
  }

  async position(): Promise<FollowStart> {
    const recorder = new Recorder();
    const following = this.log.follow(recorder);
    const position = await recorder.started();
    following.stop();
    return position;
  }

  /** Follows the log, and gives the follower once it has been started. */
  async follow(onBatch?: (batch: readonly LogEntry[]) => void): Promise<Recorder> {
    const recorder = new Recorder(onBatch);
    this.log.follow(recorder);
    await recorder.started();
    return recorder;
  }

  /** Everything selected behind `after`, read in pages. */
  async read(selection: Selection, after = 0, maxBytes: number = 64 * 1024): Promise<LogEntry[]> {
    const through = Math.max(after, await this.head());
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
    return dataOf(await this.read(selection, after));
  }

  async trimmedThrough(selection: Selection): Promise<number> {
    const head = await this.head();
    const page = await this.log.read({ selection, after: head, through: head, maxBytes: 1 });
    return page.trimmedThrough;
  }
}

function needed<T>(capability: T | undefined, name: string): T {
  assert.ok(capability !== undefined, `this case needs the capability ${name}, which the harness does not have`);
  return capability;
}

/** Selects public events of topics. */
export function select(...topics: readonly string[]): Selection {
  return { topics };
}

export const EVERYTHING: Selection = { topics: 'all', private: 'all' };

export function pattern(text: string): TopicPattern {
  return { pattern: text, base: 'https://hub.example/topics/' };
}

export function event(topic: string, fields: EventFields = { data: topic }): NewEvent {
  return { topics: [topic], fields };
}

export function privately(...topics: readonly string[]): NewEvent {
  return { topics, fields: { data: topics.join(' ') }, private: true };
}

/** A final event of topics. */
export function closing(...topics: readonly string[]): NewEvent {
  return { topics, fields: { data: 'the end' }, final: true };
}

/** The states of topics of a log that has them. */
export function statesOf({ log }: LogProbe): TopicStates {
  return needed(log.topics, 'states');
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

export function dataOf(entries: readonly LogEntry[]): string[] {
  return entries.map((entry) => message(entry).data);
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

/** Asserts that numbers rise. Holes are allowed. */
export function assertRising(numbers: readonly number[]): void {
  numbers.reduce((before, number) => {
    assert.ok(Number.isSafeInteger(number) && number > before, `the sequence number ${number} follows ${before}`);
    return number;
  }, 0);
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

/** A place without its epoch and the count of trims, which every log begins in its own way. */
export async function where(answer: Promise<Place>): Promise<Omit<Place, 'trims' | 'epoch'>> {
  const { trims, epoch: _epoch, ...place } = await answer;
  assert.ok(trims >= 0, `a count of trims is ${trims}`);
  return place;
}
