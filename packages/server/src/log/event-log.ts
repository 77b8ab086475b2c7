import type { EventFields } from '@tidings/wire';
import type { Position } from './position.ts';

/** An event as it is given to a log. */
export interface NewEvent {
  /** One or more; the first is the canonical one. Each 1 to 1,024 bytes of UTF-8 without control characters. */
  readonly topics: readonly string[];
  /** `event`, `data`, `retry`, and `id` where the publisher names the event itself (PROTOCOL §4.4). */
  readonly fields: EventFields;
  /** Only for listeners with a right to its topics. @default false */
  readonly private?: boolean;
  /**
   * What it is the newest value of: a log that keeps the latest by key keeps no older event with the same one. Other logs keep all.
   * @default the event's type
   */
  readonly latestKey?: string;
}

/** An event as a log keeps it. */
export interface LogEntry {
  readonly seq: number;
  /** What the `id:` field holds: the publisher's own id, else the cursor. */
  readonly id: string;
  readonly topics: readonly string[];
  /** When it was appended, milliseconds since 1970. */
  readonly time: number;
  readonly private: boolean;
  /** The encoded event, `id:` included. Shared by all who get it: never written to. */
  readonly frame: Uint8Array;
}

/** Which events of a log somebody wants: those of the topics, and those of each topic that `test` accepts. */
export interface Selection {
  readonly topics: readonly string[];
  readonly test?: (topic: string) => boolean;
  /** Whether private events are among them. */
  readonly private: boolean;
}

export interface AppendOptions {
  /**
   * Makes the append safe to repeat: for 24 hours the same key appends nothing and gives the first receipt again.
   * 1 to 1,536 bytes of UTF-8.
   */
  readonly key?: string;
}

export interface AppendReceipt {
  /** The sequence number of the batch's last event; the batch's numbers follow each other without holes. */
  readonly seq: number;
  /** The id of the batch's last event. */
  readonly id: string;
}

export interface ReadRequest {
  readonly selection: Selection;
  /** Read the events behind this sequence number … */
  readonly after: number;
  /** … up to this one, which is at most the head's. */
  readonly through: number;
  /** A page ends with the event that reaches this many bytes of frames; at least one event is given. */
  readonly maxBytes: number;
}

export interface LogPage {
  /** In the order of the log, each once. */
  readonly entries: readonly LogEntry[];
  /** How far the page reaches: everything kept and selected up to here is in it. At least `after`, at most `through`. */
  readonly through: number;
  /**
   * The highest sequence number of a selected event that has been trimmed, as of this page; 0 where none was. Where it is higher than
   * `after`, events are missing from the page.
   */
  readonly trimmedThrough: number;
}

export interface TopicSummary {
  readonly topic: string;
  /** Events kept. */
  readonly events: number;
  /** Bytes of frames kept. */
  readonly bytes: number;
  /** When the newest kept event was appended, milliseconds since 1970. */
  readonly last: number;
}

export interface LogTail {
  /** The batches that the listener gets start behind this sequence number. */
  readonly after: number;
  stop(): void;
}

/**
 * The ordered, append-only record of events: the one contract that every store meets. `@tidings/server/log/testing` holds
 * the suite that checks it.
 *
 * A log may have writers in other processes: what was appended is known from the tail and from reads, not from one's own appends.
 */
export interface EventLog {
  /**
   * Appends a batch, whole or not at all, with the sequence numbers that follow the head. Calls that overlap are
   * stored in the order in which they were made. Resolves when the batch is as durable as this log makes it, after
   * the tails have had it.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_EVENT` where an event may not be published, `ERR_NOT_STORED`
   * where the batch could not be stored, `ERR_CLOSED` after close()
   */
  append(events: readonly NewEvent[], options?: AppendOptions): Promise<AppendReceipt>;
  /** One page of what was selected. Sees every batch that was committed before the call. */
  read(request: ReadRequest): Promise<LogPage>;
  /**
   * Calls the listener with every batch that is committed from now on, in order and without holes, once each. The
   * listener may not throw and may not block.
   */
  tail(listener: (batch: readonly LogEntry[]) => void): LogTail;
  /** The position of the newest durable event; sequence number 0 in an empty log. */
  head(): Position;
  /** The sequence number of the earliest kept event with this publisher's id, or undefined. */
  find(id: string): Promise<number | undefined>;
  /** The sequence number behind which the last `count` (or fewer) kept and selected events follow. */
  beforeLast(selection: Selection, count: number): Promise<number>;
  /** The topics of which events are kept. */
  topics(): Iterable<TopicSummary>;
  /** Applies the retention now. Logs also do it by themselves. */
  trim(): Promise<void>;
  /** Finishes the appends under way and lets go of everything. Later appends are refused. Idempotent. */
  close(): Promise<void>;
}
