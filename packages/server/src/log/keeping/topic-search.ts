import type { Selector, TopicTest } from '../selection.ts';
import type { Turn } from './turns.ts';

// What looking at a topic costs, in the steps of a turn, without the tests of patterns.
const TOPIC_STEPS = 64;

// What looking for the list of a type costs, and how many events can be looked at instead.
const LIST_STEPS = 2048;
const LIST_EVENTS = 4;

/** The most lists by type that are opened at once. */
export const MAX_LISTS_AT_ONCE = 128;

// Guards the memory: each list that a search finds takes a place.
const MAX_LISTS = 2 ** 18;

// Each holds a list of all topics for as long as it is under way. Others go through the events.
const MAX_SEARCHES = 8;

/** What has to be known of a topic to search it. */
export interface SearchedTopic {
  readonly topic: string;
  /** The number of its kept events. */
  readonly events: number;
  /** The sequence number of its newest kept event. */
  readonly lastSeq: number;
}

/** A topic that is selected, and the sequence number past which it had no event. */
export interface SelectedTopic {
  readonly topic: string;
  readonly last: number;
}

/**
 * Finds the topics that patterns select, so that their events are found by the index of topics: there may be very many others. It takes a turn after the
 * other.
 */
export class TopicSearch {
  readonly #topics: readonly SearchedTopic[];
  readonly #through: number;
  readonly #found: SelectedTopic[] = [];
  #events = 0;
  #at = 0;

  /** @param through only events up to this sequence number are wanted */
  constructor(topics: readonly SearchedTopic[], through: number) {
    this.#topics = topics;
    this.#through = through;
  }

  /** Goes on for as long as the turn allows. Returns whether it is done. */
  goOn(test: TopicTest, turn: Turn): boolean {
    for (let next = this.#topics[this.#at]; next; next = this.#topics[this.#at]) {
      this.#at += 1;
      turn.steps += TOPIC_STEPS;
      if (test.ask(next.topic, turn)) {
        this.#found.push({ topic: next.topic, last: Math.min(next.lastSeq, this.#through) });
        this.#events += next.events;
      }
      if (turn.isOver) return this.#topics[this.#at] === undefined;
    }
    return true;
  }

  /** Whether it is less work to find the lists of so many types in each of the topics than to look at their events. */
  isLessByType(types: number): boolean {
    const lists = this.#found.length * (types + 1);
    return lists <= MAX_LISTS && lists * LIST_EVENTS < this.#events;
  }

  /** The topics. */
  get found(): readonly SelectedTopic[] {
    return this.#found;
  }

  /**
   * The topics, or undefined if they have so many of the events that it is less work to go through all.
   * @param kept the number of all events
   */
  result(kept: number): readonly SelectedTopic[] | undefined {
    return this.#events * 2 > kept ? undefined : this.#found;
  }
}

/** Finds the lists of some types in the topics that are selected. It takes a turn after the other. */
export class ListSearch<T extends { readonly last: number }> {
  readonly #topics: readonly SelectedTopic[];
  readonly #listsOf: (topic: SelectedTopic) => readonly T[];
  readonly #steps: number;
  readonly #found: T[] = [];
  #at = 0;

  /** @param listsOf the lists of a topic that have events, each with the sequence number past which it has none */
  constructor(topics: readonly SelectedTopic[], types: number, listsOf: (topic: SelectedTopic) => readonly T[]) {
    this.#topics = topics;
    this.#listsOf = listsOf;
    this.#steps = LIST_STEPS * (types + 1);
  }

  /** Goes on for as long as the turn allows. Returns whether it is done. */
  goOn(turn: Turn): boolean {
    for (let next = this.#topics[this.#at]; next; next = this.#topics[this.#at]) {
      this.#at += 1;
      turn.steps += this.#steps;
      this.#found.push(...this.#listsOf(next));
      if (turn.isOver) return this.#topics[this.#at] === undefined;
    }
    return true;
  }

  /** The lists. */
  get found(): readonly T[] {
    return this.#found;
  }
}

/** Whether the last events of a selection are to be searched topic by topic, and not all at once. */
export function isSearchedByTopic({ topics, types }: Selector): boolean {
  if (!types) return !topics.isAll && !topics.isExact;
  return !topics.isExact || topics.exact.size * types.size > MAX_LISTS_AT_ONCE;
}

/** The searches for topics that are under way in a log: a bounded number, because of their memory. */
export class TopicSearches {
  #underWay = 0;

  /**
   * Calls a function that may search the topics, or must not.
   * @param use is called with whether it may
   */
  async during<T>(isWanted: boolean, use: (maySearch: boolean) => Promise<T>): Promise<T> {
    if (!isWanted || this.#underWay >= MAX_SEARCHES) return await use(false);
    this.#underWay += 1;
    try {
      return await use(true);
    } finally {
      this.#underWay -= 1;
    }
  }
}
