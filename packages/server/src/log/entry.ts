import type { EventFields } from '@tidings/wire';

/** An event that is appended to a log. */
export interface NewEvent {
  /** The topics: one or more, the canonical one first. Each has 1 to 1,024 bytes of UTF-8 without control characters. */
  readonly topics: readonly string[];
  /** The fields `event`, `data` and `retry`, and `id` if the publisher gives the event an id (PROTOCOL §4.4). */
  readonly fields: EventFields;
  /** Whether only listeners with a right to one of its topics get it. @default false */
  readonly private?: boolean | undefined;
  /**
   * The key of the value that the event updates: 1 to 1,024 bytes of UTF-8 without control characters. A topic that keeps the latest by key keeps no
   * older event with the same key. Other topics keep all events.
   * @default the event's type, which is never the same as a key that was given
   */
  readonly latestKey?: string | undefined;
  /**
   * Whether the key is forgotten with this event, on a topic that keeps the latest by key: the event is kept for listeners that are away, for 24 hours at
   * most. It needs a `latestKey`. On other topics it is an event like others.
   * @default false
   */
  readonly forget?: boolean | undefined;
  /** Whether it is the last event of its topics, which it closes (PROTOCOL §4). @default false */
  readonly final?: boolean | undefined;
}

/** An event as a log keeps it. */
export interface LogEntry {
  readonly seq: number;
  /** The value of the `id:` field: the id that the publisher gave, else the cursor. */
  readonly id: string;
  readonly topics: readonly string[];
  /** When it was appended, milliseconds since 1970. */
  readonly time: number;
  readonly private: boolean;
  /** The key that the publisher gave, if any. */
  readonly latestKey?: string;
  /** Whether the publisher forgot that key with this event. @default false */
  readonly forgets?: boolean;
  /** The encoded event with its `id:`. All listeners share it, so it must not be changed. */
  readonly frame: Uint8Array;
  /** Whether it is the last event of its topics, which it closed. @default false */
  readonly final?: boolean;
  /**
   * Whether it is no event: it tells followers that its topic was deleted, with every event before it. Its frame is empty, and no page has it. It is
   * private if the topic had no public event.
   * @default false
   */
  readonly deletes?: boolean;
}
