import { checkInteger, checkNames } from '../../errors.ts';
import { TopicTest, type TopicSet } from '../selection.ts';

/** How much is kept. What exceeds any of the bounds is trimmed, oldest first. */
export interface Retention {
  /** Milliseconds. @default unbounded */
  readonly maxAgeMs?: number;
  /** Events. @default unbounded */
  readonly maxEvents?: number;
  /**
   * Bytes that what is kept costs: encoded events, their names, topics and indexes, and the keys of appends, as the log stores them, on disk or
   * in memory. A small event costs several times what its data has. @default unbounded
   */
  readonly maxBytes?: number;
}

/** Bounds for each of some topics, on its own. An event of several topics goes with the first of them that exceeds its bounds. */
export interface TopicRetention extends Retention {
  readonly topics: TopicSet;
}

/** Bounds for the whole log, and tighter ones for topics. */
export interface LogRetention extends Retention {
  /** The first one that matches a topic counts for it. @default none */
  readonly perTopic?: readonly TopicRetention[];
}

/** Finds the bounds of topics: those of the first rule that is for the topic. */
export class TopicBounds {
  readonly #rules: readonly { readonly test: TopicTest; readonly bounds: TopicRetention }[];

  /** @throws {ServerError} `ERR_INVALID_PATTERN` */
  constructor({ perTopic = [] }: LogRetention) {
    this.#rules = perTopic.map((bounds) => ({ test: new TopicTest(bounds.topics), bounds }));
  }

  of(topic: string): TopicRetention | undefined {
    return this.#rules.find(({ test }) => test.has(topic))?.bounds;
  }
}

const BOUNDS = { maxAgeMs: true, maxEvents: true, maxBytes: true } as const;

/** @throws {ServerError} `ERR_INVALID_OPTION` for an unknown name, and for a bound that is not a non-negative safe integer */
export function checkRetention<R extends LogRetention>(retention: R, option = 'retention'): R {
  checkNames(retention, { ...BOUNDS, perTopic: true }, `${option}.`);
  for (const bounds of retention.perTopic ?? []) checkNames(bounds, { ...BOUNDS, topics: true }, `${option}.perTopic.`);
  for (const bounds of [retention, ...(retention.perTopic ?? [])]) {
    for (const name of ['maxAgeMs', 'maxEvents', 'maxBytes'] as const) {
      const value = bounds[name];
      if (value !== undefined) checkInteger(`${option}.${name}`, value, 0, Number.MAX_SAFE_INTEGER);
    }
  }
  return retention;
}

/** What is kept of a log or a topic. */
export interface Kept {
  readonly events: number;
  readonly bytes: number;
  /** When the oldest kept event was appended, milliseconds since 1970. */
  readonly oldest: number;
}

/** Whether the oldest event has to go. */
export function exceeds(kept: Kept, bounds: Retention, now: number): boolean {
  if (kept.events === 0) return false;
  return (
    (bounds.maxEvents !== undefined && kept.events > bounds.maxEvents) ||
    (bounds.maxBytes !== undefined && kept.bytes > bounds.maxBytes) ||
    (bounds.maxAgeMs !== undefined && now - kept.oldest > bounds.maxAgeMs)
  );
}
