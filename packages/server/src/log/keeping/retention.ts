import { checkChoice, checkInteger, checkNames, ServerError } from '../../errors.ts';
import { TopicTest, type TopicSet } from '../selection.ts';

/** How much is kept. When a bound is exceeded, the oldest events are trimmed. A bound that is left out does not apply. */
export interface Retention {
  /** The greatest age of an event in milliseconds. @default unbounded */
  readonly maxAgeMs?: number | undefined;
  /** The most events. @default unbounded */
  readonly maxEvents?: number | undefined;
  /**
   * The most bytes. Everything that is kept counts with what it costs, on disk or in memory: encoded events, their names, topics and indexes, and
   * the keys of appends. A small event costs several times the bytes of its data. @default unbounded
   */
  readonly maxBytes?: number | undefined;
}

/** Which events of a topic are kept, within its bounds: all, or the newest of each key. */
export type Keep = 'all' | 'latest';

/** Bounds that apply to each of some topics separately. An event of several topics is trimmed with the first of them that exceeds its bounds. */
export interface TopicRetention extends Retention {
  readonly topics: TopicSet;
  /**
   * `latest` keeps only the newest of the events with the same `latestKey`, or of the same type if they have none. Listeners are told of no gap for
   * the ones that it replaces. An event of several topics is replaced when all of them keep the latest, and have a newer one. A private event replaces
   * no public one, and if it has several topics it is not replaced. The bounds hold for the newest of a key, too, those of the whole log among them: to
   * keep values for longer than other events, give the whole log no `maxAgeMs`, and other topics one of their own.
   * @default 'all'
   */
  readonly keep?: Keep | undefined;
}

/** Bounds for the whole log, and tighter ones for topics. */
export interface LogRetention extends Retention {
  /** The first entry that matches a topic applies to it. @default none */
  readonly perTopic?: readonly TopicRetention[] | undefined;
}

/** Finds the bounds of topics: those of the first rule that matches the topic. */
export class TopicBounds {
  readonly #rules: readonly { readonly test: TopicTest; readonly bounds: TopicRetention }[];

  /** @throws {ServerError} `ERR_INVALID_PATTERN` */
  constructor({ perTopic = [] }: LogRetention) {
    this.#rules = perTopic.map((bounds) => ({ test: new TopicTest(bounds.topics), bounds }));
  }

  of(topic: string): TopicRetention | undefined {
    for (const { test, bounds } of this.#rules) if (test.has(topic)) return bounds;
    return undefined;
  }
}

/** What {@link TopicRetention.keep} can be. */
const KEEPS: readonly Keep[] = ['all', 'latest'];

const BOUNDS = { maxAgeMs: true, maxEvents: true, maxBytes: true } as const;

/**
 * @throws {ServerError} `ERR_INVALID_OPTION` for an unknown name, for a bound that is not a non-negative safe integer, and for topics that are neither
 * `all` nor a list of topics and patterns
 */
export function checkRetention<R extends LogRetention>(retention: R, option = 'retention'): R {
  checkNames(retention, { ...BOUNDS, perTopic: true }, `${option}.`);
  const { perTopic = [] } = retention;
  if (!Array.isArray(perTopic)) {
    const message = `The option ${option}.perTopic is ${shown(perTopic)}, but must be an array of bounds with their topics`;
    throw new ServerError('ERR_INVALID_OPTION', message);
  }
  for (const bounds of perTopic as readonly TopicRetention[]) {
    checkNames(bounds, { ...BOUNDS, topics: true, keep: true }, `${option}.perTopic.`);
    if (bounds.keep !== undefined) checkChoice(`${option}.perTopic.keep`, bounds.keep, KEEPS);
    checkTopics(bounds.topics, `${option}.perTopic.topics`);
  }
  for (const bounds of [retention, ...(perTopic as readonly TopicRetention[])]) {
    for (const name of ['maxAgeMs', 'maxEvents', 'maxBytes'] as const) {
      const value = bounds[name];
      if (value !== undefined) checkInteger(`${option}.${name}`, value, 0, Number.MAX_SAFE_INTEGER);
    }
  }
  return retention;
}

function checkTopics(topics: TopicSet, option: string): void {
  try {
    // oxlint-disable-next-line no-new -- its constructor checks
    new TopicTest(topics);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `The option ${option} is ${shown(topics)}, which is not allowed: ${why}`,
      {
        cause,
      },
    );
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? typeof value;
}

/** The kept events of a log or a topic, in numbers. */
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
