import type { EventFields } from '@tidings/wire';

/** An event as it is given to a log. */
export interface NewEvent {
  /** One or more; the first is the canonical one. Each 1 to 1,024 bytes of UTF-8 without control characters. */
  readonly topics: readonly string[];
  /** `event`, `data`, `retry`, and `id` where the publisher names the event itself (PROTOCOL §4.4). */
  readonly fields: EventFields;
  /** Whether only listeners with a right to one of its topics get it. @default false */
  readonly private?: boolean;
  /**
   * The name of the value that the event updates: a log that keeps the latest by key keeps no older event with the same one. Other logs
   * keep all.
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
  /** The encoded event, `id:` included. Every listener shares it, so nobody may write to it. */
  readonly frame: Uint8Array;
}
