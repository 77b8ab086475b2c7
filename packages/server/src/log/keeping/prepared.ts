import type { LogBounds } from './bounds.ts';
import type { TopicCondition } from '../topic-states.ts';

export interface PrepareOptions extends Pick<LogBounds, 'maxEventBytes'> {
  /**
   * Whether each event has memory of its own. Otherwise an event of a batch that is kept keeps up to 16 KiB of those beside it in memory, too.
   * @default false
   */
  readonly apart?: boolean | undefined;
}

/** An event that has been checked and encoded, except for its place in the log. */
export interface PreparedEvent {
  readonly topics: readonly string[];
  readonly private: boolean;
  /** The id that the publisher gave, if any. */
  readonly id: string | undefined;
  /** Its type, if that is not `message`. */
  readonly type?: string | undefined;
  /** The key of the value that it updates, if the publisher gave one. */
  readonly latestKey?: string | undefined;
  /** Whether that key is forgotten with it. */
  readonly forget?: boolean | undefined;
  /** The encoded event without its `id:` line. */
  readonly body: Uint8Array;
  /** The memory of the body, if it has room before the body for that line, which `placeEvent` writes there. */
  readonly room?: ArrayBufferLike | undefined;
  /** Whether it closes its topics. */
  readonly final: boolean;
}

/** A batch that has been checked and encoded. */
export interface PreparedBatch {
  readonly events: readonly PreparedEvent[];
  /** The key that makes the append safe to repeat, if there is one. */
  readonly key: string | undefined;
  /** Stands for what is appended with the key: the digest that was given, or one of the events. Undefined without a key. */
  readonly digest: string | undefined;
  /** Tokens of leases, and what must hold of topics; undefined if there are none. */
  readonly leases: readonly string[] | undefined;
  readonly conditions: readonly TopicCondition[] | undefined;
}
