import type { LogEntry, Selection } from './event-log.ts';

/** How far a topic has been trimmed: the highest sequence number removed from it, of all its events and of the public ones. */
export interface Trimmed {
  readonly all: number;
  readonly public: number;
}

/** A change of the ledger, so that a store can write it together with the removal itself. */
export interface TrimPlan {
  /** The topics with what is now trimmed of them. */
  readonly topics: ReadonlyMap<string, Trimmed>;
  /** Topics that are no longer remembered one by one. */
  readonly forgotten: readonly string[];
  readonly floor: Trimmed;
}

const NONE: Trimmed = { all: 0, public: 0 };

// Guards against a stream of one-event topics: a topic is remembered after its last event has been trimmed.
const MAX_TRIMMED_TOPICS = 100_000;

/**
 * What a log has trimmed, by topic, so that a gap is told exactly where a wanted event is missing. Beyond
 * {@link MAX_TRIMMED_TOPICS} the topics trimmed longest ago are merged into one floor that holds for every topic: a cursor
 * older than that is told of a gap because it cannot be known whether there is one.
 */
export class TrimLedger {
  // In the order of the last trim, so that the first ones are those to forget.
  readonly #topics = new Map<string, Trimmed>();
  readonly #maxTopics: number;
  #floor: Trimmed = NONE;
  #version = 0;
  readonly #known = new WeakMap<Selection, { version: number; through: number }>();

  constructor(maxTopics: number = MAX_TRIMMED_TOPICS) {
    this.#maxTopics = maxTopics;
  }

  /** Takes up what a store remembered. */
  restore(topic: string, trimmed: Trimmed): void {
    this.#topics.set(topic, trimmed);
    this.#version += 1;
  }

  restoreFloor(floor: Trimmed): void {
    this.#floor = floor;
    this.#version += 1;
  }

  of(topic: string): Trimmed {
    return this.#topics.get(topic) ?? NONE;
  }

  /** What removing these entries changes. Nothing is changed before {@link apply}. */
  plan(entries: readonly Pick<LogEntry, 'seq' | 'topics' | 'private'>[]): TrimPlan {
    const topics = new Map<string, Trimmed>();
    for (const entry of entries) {
      for (const topic of entry.topics) {
        const before = topics.get(topic) ?? this.of(topic);
        topics.set(topic, {
          all: Math.max(before.all, entry.seq),
          public: entry.private ? before.public : Math.max(before.public, entry.seq),
        });
      }
    }
    const added = [...topics.keys()].filter((topic) => !this.#topics.has(topic)).length;
    let surplus = this.#topics.size + added - this.#maxTopics;
    const forgotten: string[] = [];
    let floor = this.#floor;
    for (const [topic, trimmed] of this.#topics) {
      if (surplus <= 0) break;
      if (topics.has(topic)) continue;
      floor = { all: Math.max(floor.all, trimmed.all), public: Math.max(floor.public, trimmed.public) };
      forgotten.push(topic);
      surplus -= 1;
    }
    return { topics, forgotten, floor };
  }

  /** Takes up a plan, which must be the newest one. */
  apply(plan: TrimPlan): void {
    this.#version += 1;
    for (const topic of plan.forgotten) this.#topics.delete(topic);
    for (const [topic, trimmed] of plan.topics) {
      this.#topics.delete(topic);
      this.#topics.set(topic, trimmed);
    }
    this.#floor = plan.floor;
  }

  /** The highest sequence number of a selected event that has been trimmed; 0 where none was. */
  through(selection: Selection): number {
    const known = this.#known.get(selection);
    if (known?.version === this.#version) return known.through;
    const visible = selection.private ? 'all' : 'public';
    let through = this.#floor[visible];
    for (const topic of selection.topics) through = Math.max(through, this.of(topic)[visible]);
    if (selection.test) {
      for (const [topic, trimmed] of this.#topics) {
        if (trimmed[visible] > through && selection.test(topic)) through = trimmed[visible];
      }
    }
    this.#known.set(selection, { version: this.#version, through });
    return through;
  }
}
