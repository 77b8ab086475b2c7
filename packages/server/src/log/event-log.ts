import type { LogEntry, NewEvent } from './entry.ts';
import type { Position } from './position.ts';
import type { Selection } from './selection.ts';
import type { StoredValues } from './stored-values.ts';
import type { TopicCondition, TopicStates } from './topic-states.ts';

export interface AppendOptions {
  /**
   * A key makes the append safe to repeat: for 24 hours an append with the same key stores nothing and returns the first receipt again.
   * A log remembers a bounded number of keys, the newest.
   * 1 to 1,536 bytes of UTF-8.
   */
  readonly key?: string | undefined;
  /**
   * Stands for what is appended with the key, such as a hash of it: the same key with another digest is refused. Batches with the same digest must have
   * as many events, with the same ids. 1 to 128 bytes of UTF-8. It needs a `key`.
   * @default a hash of the batch: the topics, fields, privacy, `latestKey` and `forget` of its events
   */
  readonly digest?: string | undefined;
  /**
   * Tokens of leases: an event of a leased topic needs that topic's. The append renews them. A repeat of a known key is answered before leases, closed
   * topics and conditions are looked at.
   * @default none
   */
  readonly leases?: readonly string[] | undefined;
  /** What must hold of topics in the commit that would store the batch. At most 1,000. @default nothing */
  readonly conditions?: readonly TopicCondition[] | undefined;
}

export interface AppendReceipt {
  /** The sequence number of the batch's last event. */
  readonly seq: number;
  /** The id of the batch's last event. */
  readonly id: string;
  /** The ids of all its events, in their order: the id that the publisher gave, else the cursor. */
  readonly ids: readonly string[];
  /** Whether the batch had been appended before with the same key, so that nothing was appended now. */
  readonly repeated: boolean;
}

export interface ReadRequest {
  readonly selection: Selection;
  /** The page holds events after this sequence number. */
  readonly after: number;
  /** The page holds events up to this sequence number, which is at most the head's. */
  readonly through: number;
  /** A page ends with the event that reaches this many bytes of frames. It holds at least one event if there is one. */
  readonly maxBytes: number;
}

/** Options of a question for which a log may have to look through its events. */
export interface AskOptions {
  /**
   * Aborted when the listener has left: the log stops looking, and rejects with the signal's reason unless it has the answer by then.
   * @default the log looks until it has the answer
   */
  readonly signal?: AbortSignal | undefined;
}

export interface LogPage {
  /** The selected events in the order of the log, each once. */
  readonly entries: readonly LogEntry[];
  /** How far the page reaches: everything kept and selected up to here is in it. At least `after`, at most `through`. */
  readonly through: number;
  /**
   * The highest sequence number of a selected event that has been trimmed, as of this page; 0 if none has. If it is higher than
   * `after`, events are missing from the page. It may be higher than `through`. See {@link EventLog.trimmedIsExact}.
   */
  readonly trimmedThrough: number;
  /**
   * The count of this log's trims up to the last one that removed a selected event after `after`; 0 if none did. It is higher than the count
   * of an earlier page or {@link Place} if such events were trimmed since then. It may also be higher if none were: see
   * {@link EventLog.trimmedIsExact}.
   */
  readonly trims: number;
  /** If the selection is one exact topic that is closed, the sequence number of its final event: see {@link Place.finalSeq}. */
  readonly finalSeq?: number | undefined;
  /**
   * The highest sequence number at which a selected topic was deleted; 0 or undefined if none was. Events that are missing up to there were deleted. It
   * is never higher than `trimmedThrough`.
   */
  readonly deletedThrough?: number | undefined;
}

/** What a page says beside its entries, for a process that reads these by itself from files that several processes can read. */
export interface PagePlan extends Omit<LogPage, 'entries' | 'through'> {
  /** The epoch of the log. */
  readonly epoch: string;
  /** Counts the removals of events. Entries that were read after another one are not those of the page. */
  readonly removals: number;
  /** The only topic, if its events are best found by an index; undefined if it is best to go through all events. */
  readonly topic?: string | undefined;
}

/** Why the place of a cursor or id cannot be known, or why events after it are missing (PROTOCOL §6.2). */
export type GapReason = 'trimmed' | 'deleted' | 'unknown' | 'foreign' | 'ahead';

/** The place of a cursor or id in a log. */
export interface Place {
  /** The sequence number after which the events follow. 0 if the place cannot be known. */
  readonly after: number;
  /** The sequence number of the log's newest event as of this answer. */
  readonly head: number;
  /** The count of this log's trims as of this answer: see {@link LogPage.trims}. It counts from the beginning of the epoch. */
  readonly trims: number;
  /** The log's epoch as of this answer. @default unknown: then a reader of pages may be told twice what is missing */
  readonly epoch?: string | undefined;
  /** Why the place cannot be known; undefined if it is known. */
  readonly misplaced?: Exclude<GapReason, 'trimmed' | 'deleted'> | undefined;
  /**
   * If the selection is one exact topic that is closed, the sequence number of its final event, also if that has been trimmed: nothing is selected
   * after it. If that event is private and the selection has no private events, that of its newest public event then. It is undefined if the topic had
   * no public event and the selection does not have the topic's private events.
   */
  readonly finalSeq?: number | undefined;
}

/**
 * A time: `at` in milliseconds since 1970, as the system's clock is set now, or `ago` in milliseconds before now.
 */
export type Since = { readonly at: number } | { readonly ago: number };

/** Where following begins. */
export interface FollowStart extends Position {
  /**
   * The sequence number of the newest public event up to this position, also if it has been trimmed; 0 if there was none. Listeners without rights to
   * private events are told no position past it. It never falls within an epoch. If a log does not know which events of earlier epochs were public, they
   * count as public.
   */
  readonly publicSeq: number;
}

/** The functions that a log calls for a follower. They may not throw and may not block. */
export interface LogFollower {
  /**
   * Following has begun: every batch that is committed after this position is handed over from now on. A log in this process calls it
   * before `follow` returns. It is called again after `onLost`: with a sequence number that may be higher than that of the last batch, so that the
   * events between the two have to be read; with another epoch if a new one has begun.
   */
  onStart(start: FollowStart): void;
  /**
   * What was committed next, of one append or of several, and the deletions of topics among it. It comes in order, each entry once, and between two calls of
   * `onStart` none is left out. An event may be left out if a newer one of its key has replaced it.
   */
  onBatch(batch: readonly LogEntry[]): void;
  /**
   * The connection to the store was lost, or a batch could not be handed over because it had been trimmed before. No batch follows until `onStart` is
   * called again.
   */
  onLost(reason: unknown): void;
}

export interface LogFollowing {
  /** Stops following at once. Idempotent. */
  stop(): void;
}

/** The kept events of a topic, in numbers. */
export interface TopicTotals {
  readonly topic: string;
  /** The number of kept events. */
  readonly events: number;
  /** What they cost, in bytes as retention counts them. An event of several topics counts for each. */
  readonly bytes: number;
  /** When the newest kept event was appended, milliseconds since 1970. */
  readonly last: number;
}

/** A topic as it is listed. */
export interface TopicSummary extends TopicTotals {
  /**
   * Whether it is closed, for who gets its private events, or for who does not: as {@link TopicStates.status} says. It is always `open` in a log without
   * {@link EventLog.topics}.
   */
  readonly state: 'open' | 'closed';
  /** Whether somebody has the lease of it. It is always false for who does not get its private events, because those renew the lease as well. */
  readonly isLeased: boolean;
}

export interface TopicPageRequest {
  /** `name` sorts by the bytes of the name, `time` by the newest event, newest first. */
  readonly order: 'name' | 'time';
  /** The most topics on the page, from 1. */
  readonly limit: number;
  /** With the order `name`: only topics after this one. @default from the first */
  readonly after?: string | undefined;
  /**
   * Whether only public events count: then a topic without any is not listed, and nothing on the page shows that there are private events.
   * @default false
   */
  readonly publicOnly?: boolean | undefined;
}

export interface TopicPage {
  readonly topics: readonly TopicSummary[];
  /** The number of all topics. */
  readonly total: number;
}

/** What a log keeps, in numbers. */
export interface LogTotals {
  /** The number of kept events. */
  readonly events: number;
  /** What everything costs that is kept, in bytes as retention by size counts them (PROTOCOL §11.1). */
  readonly bytes: number;
}

/** Lists the topics of the kept events, a page at a time. */
export interface TopicDirectory {
  list(request: TopicPageRequest): Promise<TopicPage>;
}

/**
 * The ordered, append-only record of events. This is the contract that every store meets, in this process or elsewhere.
 * `@tidings/server/log/testing` holds the suite that checks it.
 *
 * Sequence numbers rise, and may have holes. Other processes may write to the log and trim it. So appended events are known only from
 * following and from reads, never from this process's own appends. A log that lacks a capability has its member undefined.
 */
export interface EventLog {
  /**
   * Appends a batch after the head, whole or not at all. Calls that overlap are stored in the order in which they were made. Resolves when
   * the batch is as durable as this log makes it.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_EVENT` if an event cannot be published, `ERR_EVENT_TOO_LARGE` if listeners could not take
   * it, `ERR_BATCH_TOO_LARGE` if the batch has too many events, `ERR_KEY_REUSED` if the key was used for another batch or with another digest,
   * `ERR_TOPIC_CLOSED` if a topic of the batch is closed, also by an earlier event of the batch, `ERR_LEASE_LOST` if a topic is leased and its token was
   * not given, or a token is not that of a lease of any topic of the batch, `ERR_CONDITION` if a condition does not hold, `ERR_TOO_MUCH_WAITS` if too much is waiting before it, `ERR_NOT_STORED` if
   * the batch could not be stored, `ERR_STORE_AWAY` if the log is in another process that cannot be reached, `ERR_INVALID_OPTION` if an option is unknown, of the wrong type or too long, or `digest` is given without `key`,
   * `ERR_CLOSED` after close()
   */
  append(events: readonly NewEvent[], options?: AppendOptions): Promise<AppendReceipt>;
  /**
   * Returns one page of the selected events. It includes every batch that was committed before the call. A log that has to examine events that are
   * not selected returns a shorter page, or one without events, so that others do not wait long. A page always reaches further than `after`, if
   * `through` does.
   */
  read(request: ReadRequest, options?: AskOptions): Promise<LogPage>;
  /**
   * Asks the store for the place of a cursor, a publisher's id or `earliest`, as of the call. A cursor of an earlier epoch is found up to
   * the end of that epoch. A publisher's id is found only among the selected events, so that ids of other topics neither mislead a listener nor are
   * known to it. For a selection without private events, a cursor of the present epoch past the newest public event is `ahead`, whatever follows that
   * event, so that nobody can find private events by asking for cursors.
   * @param selection the events among which the id is looked for @default all
   */
  locate(id: string, selection?: Selection, options?: AskOptions): Promise<Place>;
  /**
   * Asks the store for the place after which the last `count` (or fewer) kept and selected events follow. For a selection without private events it is
   * not past the newest public event.
   */
  locateLast(selection: Selection, count: number, options?: AskOptions): Promise<Place>;
  /**
   * Asks the store for the place behind which all kept events follow that were appended since a time: the events before it are older. The time is the log's
   * own, which runs only forward even if the system's clock is set. If no event is so new, it is the place of the newest event. For a selection without
   * private events it is not past the newest public event.
   */
  locateSince(selection: Selection, since: Since, options?: AskOptions): Promise<Place>;
  /** Hands over every batch that is committed from now on. */
  follow(follower: LogFollower): LogFollowing;
  /** Finishes the appends under way and frees all resources. Later appends are refused. Idempotent. */
  close(): Promise<void>;
  /**
   * Whether `trimmedThrough` is exact for every set of topics, so that it is the sequence number of a selected event. It may be higher,
   * but never lower, if types are selected, for topics whose private events had very many other topics, and always if this is false. Then
   * a gap may be reported although no selected event is missing.
   */
  readonly trimmedIsExact: boolean;
  /** Lists the topics. */
  readonly directory?: TopicDirectory | undefined;
  /** Closes, creates, leases and deletes topics, and tells what they are. A log without it still may not ignore `final`, `leases` and `conditions`. */
  readonly topics?: TopicStates | undefined;
  /** Keeps small values beside its events. */
  readonly values?: StoredValues | undefined;
  /** Returns what is kept at present, as far as this process knows, at once and at the same cost however much it is. */
  totals?(): LogTotals;
  /** Applies the retention now. Logs also apply it by themselves. */
  trim?(): Promise<void>;
  /** Resolves to what a page of a request says beside its entries; undefined if the log has to read this page. */
  plan?(request: ReadRequest): Promise<PagePlan | undefined>;
}
