import { ServerError } from '../errors.ts';
import type { LogEntry } from './entry.ts';
import { type CompiledPattern, CompiledPatterns, type TopicPattern } from './pattern.ts';
import type { Meter } from './pattern/machine.ts';
import { typeOf } from './type-of.ts';

/** A topic, or a pattern of topics. */
export type Matcher = string | TopicPattern;

/** A set of topics, as data that can be sent to another process. An empty list has no topics. */
export type TopicSet = 'all' | readonly Matcher[];

/** A selection of events, as data that can be sent to another process. */
export interface Selection {
  /** Events of at least one of these topics are selected. */
  readonly topics: TopicSet;
  /** Private events are selected only if they have at least one of these topics. @default none */
  readonly private?: TopicSet | undefined;
  /** Only events of these types are selected; `message` is the type of events without one. @default all */
  readonly types?: readonly string[] | undefined;
}

/** The selection of all events, private ones included. */
export const EVERYTHING: Selection = { topics: 'all', private: 'all' };

// Guards the memory against a stream of new topics: the results are forgotten when they take this much, in bytes.
const MAX_KNOWN_BYTES = 16 * 1024;
const RESULT_BYTES = 32;

/** A set of topics, compiled for tests. */
export class TopicTest {
  /** The topics that are named exactly, each once. */
  readonly exact: ReadonlySet<string>;
  readonly isAll: boolean;
  /** Undefined if there are none. */
  readonly #patterns: CompiledPatterns | undefined;
  /** The results of the patterns for topics. */
  readonly #known = new Map<string, boolean>();
  #knownBytes = 0;

  /** @throws {ServerError} `ERR_INVALID_PATTERN` */
  constructor(set: TopicSet) {
    if (set !== 'all' && !Array.isArray(set)) {
      const found = JSON.stringify(set) ?? typeof set;
      throw new ServerError(
        'ERR_INVALID_PATTERN',
        `A set of topics is ${found}, but must be 'all' or an array of topics and patterns`,
      );
    }
    this.isAll = set === 'all';
    const matchers = set === 'all' ? [] : set;
    this.exact = new Set(matchers.filter((matcher) => typeof matcher === 'string'));
    const patterns = matchers.filter((matcher) => typeof matcher !== 'string');
    this.#patterns = patterns.length === 0 ? undefined : new CompiledPatterns(patterns);
  }

  get patterns(): readonly CompiledPattern[] {
    return this.#patterns?.all ?? [];
  }

  /** Whether the set has only exact topics, so that an index by topic finds all of them. */
  get isExact(): boolean {
    return !this.isAll && !this.#patterns;
  }

  /** The topic that is the whole set; undefined if the set is another one. */
  get only(): string | undefined {
    if (!this.isExact || this.exact.size !== 1) return undefined;
    const [topic] = this.exact;
    return topic;
  }

  get isEmpty(): boolean {
    return this.isExact && this.exact.size === 0;
  }

  has(topic: string, meter?: Meter): boolean {
    return (
      this.isAll ||
      this.exact.has(topic) ||
      (this.#patterns !== undefined && this.#isMatched(this.#patterns, topic, meter))
    );
  }

  /** Whether {@link has} answers without testing patterns. */
  knows(topic: string): boolean {
    return !this.#patterns || this.isAll || this.exact.has(topic) || this.#known.has(topic);
  }

  /** As {@link has}, for callers that ask for each topic once: the answer is not remembered. */
  ask(topic: string, meter?: Meter): boolean {
    return this.isAll || this.exact.has(topic) || this.#patterns?.test(topic, meter) === true;
  }

  /** Tests the patterns, once for each topic. */
  #isMatched(patterns: CompiledPatterns, topic: string, meter: Meter | undefined): boolean {
    let matched = this.#known.get(topic);
    if (matched === undefined) {
      this.#knownBytes += 2 * topic.length + RESULT_BYTES;
      if (this.#knownBytes > MAX_KNOWN_BYTES) {
        this.#known.clear();
        this.#knownBytes = 2 * topic.length + RESULT_BYTES;
      }
      matched = patterns.test(topic, meter);
      this.#known.set(topic, matched);
    }
    return matched;
  }
}

/** A selection, compiled for tests of entries. */
export class Selector {
  readonly topics: TopicTest;
  readonly private: TopicTest;
  /** The types of the events that are selected; undefined if all are. */
  readonly types: ReadonlySet<string> | undefined;

  /** @throws {ServerError} `ERR_INVALID_PATTERN` */
  constructor(selection: Selection) {
    this.topics = new TopicTest(selection.topics);
    this.private = new TopicTest(selection.private ?? []);
    this.types = selection.types && new Set(selection.types);
  }

  /** The selector of a selection, compiled once for each object. */
  static of(selection: Selection): Selector {
    let selector = compiled.get(selection);
    if (!selector) compiled.set(selection, (selector = new Selector(selection)));
    return selector;
  }

  selects(entry: LogEntry): boolean {
    return entry.topics.some((topic) => this.topics.has(topic)) && this.sees(entry);
  }

  /** Whether an entry of a selected topic is selected, by its privacy and type. */
  sees(entry: LogEntry): boolean {
    if (!this.mayKnow(entry)) return false;
    return this.types === undefined || this.types.has(typeOf(entry));
  }

  /** Whether who listens to one topic alone knows that an entry has closed or deleted it. A private one tells only those who see the topic's private events. */
  knowsEnd({ private: isPrivate }: LogEntry): boolean {
    return !isPrivate || (this.topics.only !== undefined && this.private.has(this.topics.only));
  }

  /** The same by its privacy alone. */
  mayKnow(entry: LogEntry): boolean {
    return !entry.private || entry.topics.some((topic) => this.private.has(topic));
  }
}

const compiled = new WeakMap<Selection, Selector>();
