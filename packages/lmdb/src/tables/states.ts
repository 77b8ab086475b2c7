import {
  finalOf,
  noteEmptied,
  noteEvent,
  TopicBook,
  type FactsOf,
  type Place,
  type PreparedEvent,
  type Selection,
  type TopicDraft,
  type TopicFacts,
} from '@tidings/server/log';
import { costOfState } from '../records/cost.ts';
import type { LmdbStore, Track } from './store.ts';
import type { EmptiedTopic } from './topic-changes.ts';

/** What is remembered of topics beside their events: in a table, and in memory. */
export class LmdbStates {
  readonly book: TopicBook = new TopicBook(costOfState);
  /** Whether a topic that was created may keep the latest by key. */
  hasLatest = false;
  readonly #store: LmdbStore;

  constructor(store: LmdbStore) {
    this.#store = store;
    const draft = this.book.draft();
    for (const { key, value } of store.states.getRange()) {
      draft.set(key, value);
      this.hasLatest ||= value.options?.keep === 'latest';
    }
    this.book.apply(draft);
  }

  /** The sequence number of the final event of the only topic of a selection, as part of an answer. */
  finalOf(selection: Selection | undefined): Pick<Place, 'finalSeq'> {
    return finalOf(this.book, selection);
  }

  /** What changes if these topics have no kept event any more, and others are forgotten. */
  without(emptied: readonly EmptiedTopic[], forgotten: Iterable<string> = []): TopicDraft {
    const draft = this.book.draft();
    for (const { topic, wasPrivate } of emptied) noteEmptied(draft, topic, wasPrivate);
    for (const topic of forgotten) draft.set(topic, undefined);
    return draft;
  }

  /** Writes a change, as part of a commit. */
  write({ changes }: TopicDraft, track: Track): void {
    const { states } = this.#store;
    for (const [topic, record] of changes) {
      track(record ? states.put(topic, record) : states.remove(topic));
      this.hasLatest ||= record?.options?.keep === 'latest';
    }
  }
}

/** What of topics will be kept when the events of a group are stored, which are added one by one. */
export class GroupFacts {
  readonly #before: FactsOf;
  readonly #events: readonly Pick<PreparedEvent, 'topics' | 'private'>[];
  readonly #seq: number;
  readonly #known = new Map<string, TopicFacts>();
  #counted = 0;

  /** @param seq the sequence number before the first of the events */
  constructor(before: FactsOf, events: readonly Pick<PreparedEvent, 'topics' | 'private'>[], seq: number) {
    this.#before = before;
    this.#events = events;
    this.#seq = seq;
  }

  of(topic: string): TopicFacts {
    // Most groups are never asked for, and cost nothing.
    for (; this.#counted < this.#events.length; this.#counted += 1) {
      const { topics = [], private: isPrivate } = this.#events[this.#counted] ?? {};
      const lastSeq = this.#seq + this.#counted + 1;
      for (const each of topics) {
        const { events, publicSeq } = this.#known.get(each) ?? this.#before(each);
        this.#known.set(each, { events: events + 1, lastSeq, publicSeq: isPrivate === true ? publicSeq : lastSeq });
      }
    }
    return this.#known.get(topic) ?? this.#before(topic);
  }
}

/** Takes note of a batch that is appended behind a sequence number. */
export function noteBatch(
  states: TopicDraft,
  events: readonly PreparedEvent[],
  before: number,
  now: number,
  factsOf: FactsOf,
): void {
  events.forEach((event, index) => noteEvent(states, event, before + index + 1, now, factsOf));
}
