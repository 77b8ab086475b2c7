import type { LogEntry, NewEvent } from './entry.ts';
import type { Position } from './position.ts';
import type { Selection } from './selection.ts';

export interface AppendOptions {
  /**
   * A key makes the append safe to repeat: for 24 hours the same key appends nothing and gives the first receipt again.
   * 1 to 1,536 bytes of UTF-8.
   */
  readonly key?: string;
}

export interface AppendReceipt {
  /** The sequence number of the batch's last event. */
  readonly seq: number;
  /** The id of the batch's last event. */
  readonly id: string;
  /** Whether the batch had been appended before with the same key, so that nothing was appended now. */
  readonly repeated: boolean;
}

export interface ReadRequest {
  readonly selection: Selection;
  /** The page holds events behind this sequence number. */
  readonly after: number;
  /** The page holds events up to this sequence number, which is at most the head's. */
  readonly through: number;
  /** A page ends with the event that reaches this many bytes of frames; it holds at least one event where there is one. */
  readonly maxBytes: number;
}

/** How a log is asked for what it may have to look for. */
export interface AskOptions {
  /**
   * Aborted when whoever asked has left: the log stops looking, and rejects with the signal's reason unless it has the answer by then.
   * @default it is looked for until it is found
   */
  readonly signal?: AbortSignal | undefined;
}

export interface LogPage {
  /** The selected events in the order of the log, each once. */
  readonly entries: readonly LogEntry[];
  /** How far the page reaches: everything kept and selected up to here is in it. At least `after`, at most `through`. */
  readonly through: number;
  /**
   * The highest sequence number of a selected event that has been trimmed, as of this page; 0 where none was. Where it is higher than
   * `after`, events are missing from the page. It may be higher than `through`. See {@link EventLog.trimmedIsExact}.
   */
  readonly trimmedThrough: number;
  /**
   * A count of this log's trims that is higher where selected events were trimmed since an earlier page, or since a {@link Place}, that has it lower.
   * It may be higher where none were, never lower where some were.
   */
  readonly trims: number;
}

/** Why the place of a cursor or id cannot be known, or why events behind it are missing (PROTOCOL §6.2). */
export type GapReason = 'trimmed' | 'unknown' | 'foreign' | 'ahead';

/** A log's answer to where a cursor or id is. */
export interface Place {
  /** The sequence number behind which the events follow. 0 where the place cannot be known. */
  readonly after: number;
  /** The sequence number of the log's newest event as of this answer. */
  readonly head: number;
  /** The count of this log's trims as of this answer: see {@link LogPage.trims}. */
  readonly trims: number;
  /** Why the place cannot be known; undefined where it is. */
  readonly misplaced?: Exclude<GapReason, 'trimmed'>;
}

/** What a log tells somebody who follows it. A follower may not throw and may not block. */
export interface LogFollower {
  /**
   * Following has begun: every batch that is committed behind this position is handed over from now on. A log in this process calls it
   * before `follow` returns. It is called again after `onLost`: with a sequence number that may be higher than that of the last batch, so that the
   * events between the two have to be read; with another epoch where the numbering began anew.
   */
  onStart(position: Position): void;
  /** The next committed batch. Batches come in order, each once, and between two calls of `onStart` none is left out. */
  onBatch(batch: readonly LogEntry[]): void;
  /**
   * The connection to the store was lost, or a batch could not be handed over because it had been trimmed before. Nothing comes until `onStart` is
   * called again.
   */
  onLost(reason: unknown): void;
}

export interface LogFollowing {
  /** Ends it at once. Idempotent. */
  stop(): void;
}

/** What a log keeps of a topic. */
export interface TopicSummary {
  readonly topic: string;
  /** Events kept. */
  readonly events: number;
  /** Bytes of frames kept. */
  readonly bytes: number;
  /** When the newest kept event was appended, milliseconds since 1970. */
  readonly last: number;
}

export interface TopicPageRequest {
  /** `name` sorts by the bytes of the name, `time` by the newest event, newest first. */
  readonly order: 'name' | 'time';
  /** Topics on the page, from 1. */
  readonly limit: number;
  /** With the order `name`: only topics behind this one. @default from the first */
  readonly after?: string;
}

export interface TopicPage {
  readonly topics: readonly TopicSummary[];
  /** How many topics there are in all. */
  readonly total: number;
}

/** The topics of which a log keeps events, a page at a time. */
export interface TopicDirectory {
  list(request: TopicPageRequest): Promise<TopicPage>;
}

/**
 * The ordered, append-only record of events: the one contract that every store meets, in this process or elsewhere.
 * `@tidings/server/log/testing` holds the suite that checks it.
 *
 * Sequence numbers rise, and may have holes. A log may have writers and trimmers in other processes: what was appended is known from
 * following and from reads, never from one's own appends. A member that is undefined is a capability that the log has not.
 */
export interface EventLog {
  /**
   * Appends a batch, whole or not at all, behind the head. Calls that overlap are stored in the order in which they were made. Resolves when
   * the batch is as durable as this log makes it.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_EVENT` where an event may not be published, `ERR_NOT_STORED`
   * where the batch could not be stored, `ERR_CLOSED` after close()
   */
  append(events: readonly NewEvent[], options?: AppendOptions): Promise<AppendReceipt>;
  /**
   * One page of what was selected. Sees every batch that was committed before the call. A log that has to look at what is not selected gives
   * a shorter page, or none of the events yet, rather than keep others waiting; a page always reaches further than `after`, where `through` does.
   */
  read(request: ReadRequest, options?: AskOptions): Promise<LogPage>;
  /**
   * The store's own answer to where a cursor, a publisher's id or `earliest` is, as of the call. A cursor of an earlier epoch is found up to
   * where that epoch ended.
   */
  locate(id: string): Promise<Place>;
  /** The place behind which the last `count` (or fewer) kept and selected events follow. */
  locateLast(selection: Selection, count: number, options?: AskOptions): Promise<Place>;
  /** Hands over every batch that is committed from now on. */
  follow(follower: LogFollower): LogFollowing;
  /** Finishes the appends under way and lets go of everything. Later appends are refused. Idempotent. */
  close(): Promise<void>;
  /**
   * Whether `trimmedThrough` is exact for every set of topics: it is the sequence number of an event that was selected. It may be higher,
   * never lower, where types are selected, for private events of several topics, and, where this is false, everywhere: then a gap may
   * be told where nothing that was selected is missing.
   */
  readonly trimmedIsExact: boolean;
  /** The topics there are. */
  readonly directory?: TopicDirectory;
  /** Applies the retention now. Logs also do it by themselves. */
  trim?(): Promise<void>;
}
