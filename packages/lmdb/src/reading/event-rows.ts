import { MAX_LISTS_AT_ONCE, mergeBySeq, NO_TYPE, type SelectedTopic, type Selector } from '@tidings/server/log';
import { typeDigest } from '../records/type-digest.ts';
import type { LmdbStore } from '../tables/store.ts';
import type { LmdbTopics } from '../tables/topics.ts';

// The most ranges by type that are opened at once: a topic may have one of its own beside those of its types.
const MAX_RANGES = 2 * MAX_LISTS_AT_ONCE;

// So many rows are read to see how far apart events lie, in sequence numbers. If it is less on average, looking up each costs more than passing over others.
const PROBED = 16;
const FAR = 1.5;

/** Rows of a topic, or of a type of a topic, from a sequence number to another one. */
export interface RowRange {
  readonly topic: string;
  /** Undefined if they are those of the topic. */
  readonly digest: number | undefined;
  readonly first: number;
  /** It has no row past it. */
  readonly last: number;
}

/** Finds the rows that lead to the events of a selection: by topic, and by type where a topic has types. */
export class EventRows {
  readonly #store: LmdbStore;
  readonly #topics: LmdbTopics;

  constructor(store: LmdbStore, topics: LmdbTopics) {
    this.#store = store;
    this.#topics = topics;
  }

  /**
   * The sequence numbers after one and up to another of events which include all selected ones, oldest first, each once. Returns undefined if it is less
   * work to go through all events.
   * @param kept how many events the log keeps
   */
  rising({ topics, types }: Selector, after: number, through: number, kept: number): Iterable<number> | undefined {
    if (!topics.isExact) return undefined;
    const ranges = types && this.#rangesOf(topics.exact, types, after + 1, through);
    if (ranges && ranges.length <= MAX_RANGES) return ifFar(this.#merged(ranges), after);
    return this.#isShorter(topics.exact, kept) ? this.of(topics.exact, after + 1, through) : undefined;
  }

  /** The sequence numbers of the events of topics from one to another, oldest first, each once. */
  of(topics: Iterable<string>, first: number, last: number): Iterable<number> {
    return this.#merged(this.#rangesOf(topics, undefined, first, last));
  }

  /** The ranges of exact topics that lead to all events of a selection up to a sequence number. */
  upTo({ topics, types }: Selector, through: number): readonly RowRange[] {
    const ranges = this.#rangesOf(topics.exact, types, 1, through);
    return types && ranges.length > MAX_RANGES ? this.#rangesOf(topics.exact, undefined, 1, through) : ranges;
  }

  /** The newest sequence numbers of a range up to one, newest first, at most so many. */
  newestOf(range: RowRange, through: number, limit: number): readonly number[] {
    return [...this.#open({ ...range, last: Math.min(range.last, through) }, 'falling', limit)];
  }

  /** The ranges of a topic that have rows of events of some types, each up to its newest one. */
  lastOf({ topic, last }: SelectedTopic, types: ReadonlySet<string>): readonly RowRange[] {
    return this.#rangesOf([topic], types, 1, last).flatMap((range) => {
      const [newest] = this.newestOf(range, last, 1);
      return newest === undefined ? [] : { ...range, last: newest };
    });
  }

  /** All of a topic up to the last that is wanted of it. */
  allOf({ topic, last }: SelectedTopic): RowRange {
    return { topic, digest: undefined, first: 1, last };
  }

  /** Whether it is less work to look up the events of a topic than to go through all. @param kept how many events the log keeps */
  isFew(topic: string, kept: number): boolean {
    return this.#isShorter([topic], kept);
  }

  /** Whether the rows of topics lead to less than half of the log. Otherwise looking up each event costs more than passing over the others. */
  #isShorter(topics: Iterable<string>, kept: number): boolean {
    let events = 0;
    for (const topic of topics) events += this.#topics.of(topic)?.events ?? 0;
    return events * 2 < kept || events === 0;
  }

  /** Where the rows are of the events of topics that have some types. They may lead to events of other types, too. */
  #rangesOf(
    topics: Iterable<string>,
    types: ReadonlySet<string> | undefined,
    first: number,
    last: number,
  ): readonly RowRange[] {
    const ranges: RowRange[] = [];
    const add = (topic: string, digest: number | undefined, from: number, to: number): void => {
      if (from <= to) ranges.push({ topic, digest, first: from, last: to });
    };
    const digests = types && [...types].map(typeDigest);
    for (const topic of topics) {
      const start = Math.max(first, this.#store.deletedThrough(topic) + 1);
      if (!types || !digests) {
        add(topic, undefined, start, last);
        continue;
      }
      const typedFrom = this.#topics.of(topic)?.typedFrom ?? Infinity;
      // Events without a type have no rows by type until the topic has had one that has a type.
      const end = types.has(NO_TYPE) ? typedFrom : this.#store.typesFrom;
      add(topic, undefined, start, Math.min(last, end - 1));
      for (const digest of digests) add(topic, digest, Math.max(start, typedFrom), last);
    }
    return ranges;
  }

  #merged(ranges: readonly RowRange[]): Iterable<number> {
    const [first] = ranges;
    if (first && ranges.length === 1) return this.#open(first, 'rising');
    return mergeBySeq(
      ranges.map((range) => this.#open(range, 'rising')),
      itself,
      'rising',
    );
  }

  *#open({ topic, digest, first, last }: RowRange, order: 'rising' | 'falling', limit = Infinity): Iterable<number> {
    const reverse = order === 'falling';
    // The end of a range is not part of it.
    const [start, end] = reverse ? [last, first - 1] : [first, last + 1];
    const bounds = { reverse, ...(limit === Infinity ? {} : { limit }) };
    if (digest === undefined) {
      const keys = this.#store.byTopic.getKeys({ ...bounds, start: [topic, start], end: [topic, end] });
      for (const [, seq] of keys) yield seq;
    } else {
      const keys = this.#store.byType.getKeys({ ...bounds, start: [topic, digest, start], end: [topic, digest, end] });
      for (const [, , seq] of keys) yield seq;
    }
  }
}

/** The same sequence numbers, or undefined if those that come first are not far apart. */
function ifFar(seqs: Iterable<number>, after: number): Iterable<number> | undefined {
  const rest = seqs[Symbol.iterator]();
  const probed: number[] = [];
  while (probed.length < PROBED) {
    const next = rest.next();
    if (next.done === true) return probed;
    probed.push(next.value);
  }
  if ((probed.at(-1) ?? 0) - after > FAR * PROBED) return chained(probed, rest);
  rest.return?.();
  return undefined;
}

function* chained(first: readonly number[], rest: Iterator<number>): Iterable<number> {
  try {
    yield* first;
    for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
  } finally {
    rest.return?.();
  }
}

function itself(seq: number): number {
  return seq;
}
