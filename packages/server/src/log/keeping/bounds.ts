import { DEFAULT_MAX_EVENT_BYTES } from '@tidings/wire';
import { checkInteger, ServerError } from '../../errors.ts';
import type { NewEvent } from '../entry.ts';
import type { Retention } from './retention.ts';

/** How long a key makes an append safe to repeat (PROTOCOL §4.6), in milliseconds. */
export const KEY_LIFETIME_MS: number = 24 * 60 * 60 * 1000;

/** What bounds a log beside its retention (PROTOCOL §11). */
export interface LogBounds {
  /**
   * Events in a batch: a larger one is refused with `ERR_BATCH_TOO_LARGE`. It guards the memory, and other publishers, against a batch of very
   * many small events. From 1.
   * @default 10000
   */
  readonly maxBatchEvents?: number | undefined;
  /**
   * Bytes of an event as listeners are sent it, without its id: its fields, with up to 6 bytes more for each line of data. A larger one is refused with
   * `ERR_EVENT_TOO_LARGE`. It guards the listeners: decoders take no larger ones by default. From 1 to 268435456.
   * @default 16777216
   */
  readonly maxEventBytes?: number;
  /**
   * Keys of appends that are remembered: beyond that the oldest are forgotten, also before their 24 hours are over. They take at most a quarter
   * of the bytes that retention allows. From 0.
   * @default 100000
   */
  readonly maxKeys?: number | undefined;
  /**
   * Topics that were created and are remembered, with or without events: beyond that creating one is refused with `ERR_TOO_MANY_TOPICS`. What is
   * remembered of topics takes at most a quarter of the bytes that retention allows. From 0.
   * @default 100000
   */
  readonly maxCreatedTopics?: number | undefined;
  /** Topics that are leased at the same time: beyond that a lease is refused with `ERR_TOO_MANY_TOPICS`. From 0. @default 10000 */
  readonly maxLeases?: number | undefined;
}

export interface CheckedBounds {
  readonly maxBatchEvents: number;
  readonly maxEventBytes: number;
  readonly maxKeys: number;
  /** Bytes that keys may take of those that are kept. */
  readonly maxKeyBytes: number;
  readonly maxCreatedTopics: number;
  readonly maxLeases: number;
  /** Bytes that the states of topics may take of those that are kept. Closed topics go beyond that: they go with their events. */
  readonly maxStateBytes: number;
}

// Beyond that an event would not fit into a text of JavaScript.
const MAX_EVENT_BYTES = 256 * 1024 * 1024;

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkBounds(bounds: LogBounds, { maxBytes = Infinity }: Retention): CheckedBounds {
  const { maxBatchEvents = 10_000, maxEventBytes = DEFAULT_MAX_EVENT_BYTES, maxKeys = 100_000 } = bounds;
  const { maxCreatedTopics = 100_000, maxLeases = 10_000 } = bounds;
  return {
    maxBatchEvents: checkInteger('maxBatchEvents', maxBatchEvents, 1, Number.MAX_SAFE_INTEGER),
    maxEventBytes: checkInteger('maxEventBytes', maxEventBytes, 1, MAX_EVENT_BYTES),
    maxKeys: checkInteger('maxKeys', maxKeys, 0, Number.MAX_SAFE_INTEGER),
    maxKeyBytes: maxBytes / 4,
    maxCreatedTopics: checkInteger('maxCreatedTopics', maxCreatedTopics, 0, Number.MAX_SAFE_INTEGER),
    maxLeases: checkInteger('maxLeases', maxLeases, 0, Number.MAX_SAFE_INTEGER),
    maxStateBytes: maxBytes / 4,
  };
}

/** @throws {ServerError} `ERR_BATCH_TOO_LARGE`, and `ERR_INVALID_EVENT` if it is no array */
export function checkBatch(events: readonly NewEvent[], { maxBatchEvents }: CheckedBounds): void {
  if (!Array.isArray(events)) {
    const found = typeof events === 'object' && events !== null ? 'an object' : String(events);
    throw new ServerError('ERR_INVALID_EVENT', `Cannot append a batch that is ${found}; an array of events is allowed`);
  }
  const { length } = events;
  if (length <= maxBatchEvents) return;
  throw new ServerError(
    'ERR_BATCH_TOO_LARGE',
    `Cannot append a batch of ${length} events; at most ${maxBatchEvents} are allowed`,
  );
}
