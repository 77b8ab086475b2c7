import {
  exceeds,
  isReplaceable,
  listedTopics,
  PublicTopics,
  RecentTopics,
  TopicBounds,
  type KeptSummary,
  type LogRetention,
  type PreparedEvent,
  type PublicPage,
  type Retention,
  type SearchedTopic,
  type TopicFacts,
  type TopicNames,
  type TopicPage,
  type TopicPageRequest,
  type TopicRetention,
  type TopicTotals,
  type TopicTest,
  type Turn,
} from '@tidings/server/log';
import { AgedTopics } from './aged-topics.ts';
import { LmdbStates } from './states.ts';
import { TopicChanges } from './topic-changes.ts';
import type { LmdbStore, Track } from './store.ts';

/**
 * The state of each topic, in a table. The part that every batch and every page needs is in memory, too.
 * A topic takes about 200 bytes of memory and its name.
 */
export class LmdbTopics {
  /** The topics that have more events or bytes than their own bounds allow. */
  readonly overfull: Set<string> = new Set();
  /** The topics that have more than they may have even for a moment. */
  readonly overdue: Set<string> = new Set();
  /** The topics whose events are kept for a time of their own. */
  readonly aged: AgedTopics;
  readonly #store: LmdbStore;
  readonly #recent = new RecentTopics<KeptSummary>();
  readonly #public = new PublicTopics(() => this.#recent.newest(Infinity));
  readonly #names: TopicNames = {
    page: (after, limit) => [
      ...this.#store.topics.getKeys({ ...(after === undefined ? {} : { start: after, exclusiveStart: true }), limit }),
    ],
  };
  readonly #bounds: TopicBounds;
  /** The bounds of those topics that have some, so that a topic is matched against the rules once. */
  readonly #bounded = new Map<string, TopicRetention>();
  /** Whether a rule keeps the latest. */
  readonly #hasLatest: boolean;
  /** For each rule, the bounds that hold at any moment. */
  readonly #loose: ReadonlyMap<TopicRetention, Retention>;

  /** What is remembered of topics beside their events. */
  readonly states: LmdbStates;

  constructor(store: LmdbStore, retention: LogRetention) {
    this.#store = store;
    this.states = new LmdbStates(store);
    this.#bounds = new TopicBounds(retention);
    this.#hasLatest = retention.perTopic?.some(({ keep }) => keep === 'latest') === true;
    this.aged = new AgedTopics(retention);
    this.#loose = new Map((retention.perTopic ?? []).map((bounds) => [bounds, loosen(bounds)]));
    const all = [...store.topics.getRange()].map(({ key, value }) => ({ topic: key, ...value }));
    for (const summary of all.toSorted((one, other) => one.last - other.last)) this.#keep(summary);
    const isHiding = all.find(({ hidden }) => hidden !== undefined);
    if (isHiding) this.#public.note(isHiding);
  }

  of(topic: string): KeptSummary | undefined {
    return this.#recent.get(topic);
  }

  /** The topics among which a search is for some: those that are named exactly if there are no patterns, else all. */
  searched({ exact, isExact }: TopicTest): readonly SearchedTopic[] {
    return isExact ? [...exact].flatMap((topic) => this.of(topic) ?? []) : this.#recent.newest(Infinity);
  }

  /** The bounds of a topic that has any events. */
  boundsOf(topic: string): TopicRetention | undefined {
    return this.#bounded.get(topic);
  }

  /** Whether any topic may keep the latest by key. */
  get hasLatest(): boolean {
    return this.#hasLatest || this.states.hasLatest;
  }

  /** Whether a topic, which may have no events yet, keeps only the newest event of each key. */
  keepsLatest(topic: string): boolean {
    if (!this.hasLatest) return false;
    const own = this.states.book.get(topic)?.options?.keep;
    if (own !== undefined) return own === 'latest';
    const bounds = this.#recent.get(topic) ? this.#bounded.get(topic) : this.#bounds.of(topic);
    return bounds?.keep === 'latest';
  }

  /**
   * Those of some events that take the place of no others. The newest values of keys may do so, also among themselves, which is not known before they are stored.
   * So there is room for them afterwards.
   */
  lasting(events: readonly PreparedEvent[]): readonly PreparedEvent[] {
    if (!this.hasLatest) return events;
    return events.filter((event) => !isReplaceable(event) || !event.topics.every((topic) => this.keepsLatest(topic)));
  }

  /** The names of all topics that have events. */
  names(): Iterable<string> {
    return this.#recent.names();
  }

  /** What of a topic is kept. */
  factsOf(topic: string): TopicFacts {
    const { events = 0, lastSeq = 0, hidden } = this.of(topic) ?? {};
    return { events, lastSeq, publicSeq: hidden ? hidden.publicSeq : lastSeq };
  }

  change(): TopicChanges {
    return new TopicChanges(
      (topic) => this.of(topic),
      (entry) => this.#store.topicsOf(entry),
    );
  }

  /** Writes the new states of topics, as part of a commit. */
  write({ changed }: TopicChanges, track: Track): void {
    const { topics } = this.#store;
    for (const [topic, { topic: _, ...kept }] of changed) {
      track(kept.events === 0 ? topics.remove(topic) : topics.put(topic, kept));
    }
  }

  /** Adds a batch, once it is committed. */
  added({ changed }: TopicChanges): void {
    for (const summary of changed.values()) {
      this.#keep(summary);
      this.#public.note(summary);
    }
  }

  /** Takes a topic out that was deleted, once that is committed. */
  deleted(topic: string): void {
    const summary = this.of(topic);
    if (!summary) return;
    this.#drop(topic);
    this.#public.note({ ...summary, events: 0 });
  }

  /** Removes entries, once their removal is committed. */
  removed({ changed }: TopicChanges): void {
    for (const summary of changed.values()) {
      const { topic, events } = summary;
      if (events === 0) {
        this.#drop(topic);
      } else {
        this.#recent.putBack(summary);
        this.#checkBounds(summary);
      }
      this.#public.note(summary);
    }
  }

  /** Puts a page of topics together, in one go or in several. */
  listing({ order, after, limit, publicOnly = false }: TopicPageRequest): (turn: Turn) => TopicPage | undefined {
    const found: PublicPage = { topics: [], limit, after };
    return (turn) => {
      if (publicOnly && this.#public.differ) {
        if (order === 'name' && !this.#public.extend(found, this.#names, turn)) return undefined;
        const some = order === 'name' ? found.topics : this.#public.newest(limit);
        return {
          topics: listedTopics(this.#shown(some, publicOnly), this.states.book, publicOnly),
          total: this.#public.total,
        };
      }
      const page =
        order === 'time'
          ? this.#recent.newest(limit)
          : this.#names.page(after, limit).flatMap((topic) => this.of(topic) ?? []);
      return { topics: listedTopics(this.#shown(page, false), this.states.book, publicOnly), total: this.#recent.size };
    };
  }

  /** Summaries without what newer events have replaced, which is removed soon. */
  #shown<T extends { readonly topic: string; readonly events: number }>(
    summaries: readonly T[],
    publicOnly: boolean,
  ): readonly T[] {
    const { replaced } = this.#store;
    if (replaced.size === 0) return summaries;
    return summaries.map((each) => ({ ...each, events: each.events - replaced.of(each.topic, publicOnly) }));
  }

  #drop(topic: string): void {
    this.#recent.delete(topic);
    this.overfull.delete(topic);
    this.overdue.delete(topic);
    this.#bounded.delete(topic);
  }

  #keep(summary: KeptSummary): void {
    const { topic } = summary;
    if (!this.#recent.get(topic)) {
      const bounds = this.#bounds.of(topic);
      if (bounds) this.#bounded.set(topic, bounds);
      // The oldest of several is looked up when it may be too old.
      if (bounds) this.aged.add(bounds, topic, summary.events === 1 ? summary.lastSeq : 0);
    }
    this.#recent.putFirst(summary);
    this.#checkBounds(summary);
  }

  #checkBounds(summary: TopicTotals): void {
    const bounds = this.#bounded.get(summary.topic);
    if (!bounds) return;
    // Counts do not show which events are too old.
    const kept = { ...summary, oldest: Infinity };
    mark(this.overfull, summary.topic, exceeds(kept, bounds, 0));
    mark(this.overdue, summary.topic, exceeds(kept, this.#loose.get(bounds) ?? bounds, 0));
  }
}

// Until the next commit, bounds may be exceeded by this part of them, so that not every new event needs a commit that removes one.
const LOOSE_PART = 1 / 16;

/** The bounds that hold at any moment, if these hold after every trim. */
export function loosen({ maxEvents = Infinity, maxBytes = Infinity }: Retention): Retention {
  return {
    maxEvents: maxEvents + Math.floor(maxEvents * LOOSE_PART),
    maxBytes: maxBytes + Math.floor(maxBytes * LOOSE_PART),
  };
}

function mark(set: Set<string>, topic: string, isIn: boolean): void {
  if (isIn) set.add(topic);
  else set.delete(topic);
}
