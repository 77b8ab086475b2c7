import { Selector, type Selection } from '../selection.ts';
import { joined, lastChange, NO_REMOVALS } from './removals.ts';
import { NOTHING, type Removed, removedBy } from './removed.ts';
import { costOf, costOfChange } from './trim-cost.ts';
import { type Answer, isTaken, type Known, takeTopic, type TrimFacts } from './trim-answer.ts';
import { highest, highestNumbers, isSame, NONE, type RemovedEntry, removedOf, type Trimmed } from './trimmed.ts';
import { Turn } from './turns.ts';

/** A change of the ledger, so that a store can write it together with the removal itself. */
export interface TrimPlan {
  /** The topics with what is now trimmed of them. */
  readonly topics: ReadonlyMap<string, Trimmed>;
  /** Topics that are no longer remembered one by one. */
  readonly forgotten: readonly string[];
  readonly floor: Trimmed;
  /** The highest sequence numbers that are removed of each topic now. */
  readonly removed: ReadonlyMap<string, Trimmed>;
}

/** What a ledger remembers, as data. */
export interface TrimRecord {
  readonly topics: readonly (readonly [topic: string, trimmed: Trimmed])[];
  readonly floor: Trimmed;
}

/** What has been trimmed of a selection: see {@link TrimLedger.trimmed}. */
export interface SelectionTrimmed {
  readonly through: number;
  readonly trims: number;
  /** The highest sequence number at which a selected topic was deleted; 0 if none was, or if that is no longer remembered. */
  readonly deleted: number;
}

// Guards against a stream of one-event topics: a topic is remembered after its last event has been trimmed.
const MAX_TRIMMED_TOPICS = 100_000;

// Guards against long names of such topics, in bytes of memory; the same for the changes, of which there may be twice as much.
const MAX_TRIMMED_BYTES = 32 * 1024 * 1024;
const MAX_CHANGES_BYTES = 8 * 1024 * 1024;

// Changes that are kept so that an earlier answer can be brought up to date without asking all topics again: as many as come while
// all topics are asked.
const MAX_CHANGES = 100_000;

// What examining a topic costs, in the steps of a turn, without the tests of patterns.
const TOPIC_STEPS = 64;

/**
 * How far a log has trimmed each topic, so that a gap is reported exactly if a wanted event is missing. Beyond
 * {@link MAX_TRIMMED_TOPICS}, or if their names are too long, the topics trimmed longest ago are merged into one floor that holds for every
 * topic: a cursor older than that gets a gap, because it cannot be known whether there is one.
 */
export class TrimLedger {
  // In the order of the last trim, so that the first ones are those to forget.
  readonly #topics = new Map<string, Trimmed>();
  readonly #maxTopics: number;
  readonly #maxBytes: number;
  #bytes = 0;
  #floor: Trimmed = NONE;
  /** The highest numbers of all topics together. */
  #top: Trimmed = NONE;
  // The topics that changed last, and how many changes there were before the first of them.
  readonly #changes: string[] = [];
  #changesBytes = 0;
  #dropped = 0;
  /** What was removed of each topic, of all topics together, and of those that are forgotten. */
  readonly #removed = new Map<string, Removed>();
  #removedOfAll = NOTHING;
  #removedOfForgotten = NOTHING;
  readonly #facts: TrimFacts = {
    of: (topic) => this.of(topic),
    removedOf: (topic) => this.#removed.get(topic) ?? NOTHING,
  };
  /** The answers that were given or are being found. */
  #known = new WeakMap<Selection, Known>();

  constructor(maxTopics: number = MAX_TRIMMED_TOPICS, maxBytes: number = MAX_TRIMMED_BYTES) {
    this.#maxTopics = maxTopics;
    this.#maxBytes = maxBytes;
  }

  /** Loads what a store has remembered. */
  restore(topic: string, trimmed: Trimmed): void {
    this.#bytes += costOf(topic, trimmed) - costOf(topic, this.#topics.get(topic));
    this.#topics.set(topic, trimmed);
    this.#top = highestNumbers(this.#top, trimmed);
    this.#known = new WeakMap();
  }

  restoreFloor(floor: Trimmed): void {
    this.#floor = floor;
    this.#top = highestNumbers(this.#top, floor);
    this.#known = new WeakMap();
  }

  /** What is remembered, in the order in which it is to be restored. */
  record(): TrimRecord {
    return { topics: [...this.#topics], floor: this.#floor };
  }

  /**
   * Takes over what another ledger of the same log has remembered, which has seen more. What it knows beyond this one counts as removed now, so that who
   * holds an earlier answer of this ledger is told.
   */
  advance({ topics, floor }: TrimRecord): void {
    const isNew = ([topic, trimmed]: readonly [string, Trimmed]): boolean => !isSame(this.of(topic), trimmed);
    const changed = new Map(topics.filter(isNew));
    const known = new Set(topics.map(([topic]) => topic));
    const forgotten = [...this.#topics.keys()].filter((topic) => !known.has(topic));
    this.apply({ topics: changed, removed: changed, forgotten, floor });
  }

  /** How often a topic was trimmed since the ledger was made. */
  get changes(): number {
    return this.#dropped + this.#changes.length;
  }

  of(topic: string): Trimmed {
    return this.#topics.get(topic) ?? NONE;
  }

  /**
   * What removing these entries changes, or deleting topics, for which stand the entries that tell of it, with what {@link PrivateOthers} adds to them. Nothing is changed before {@link apply}. */
  plan(entries: readonly RemovedEntry[]): TrimPlan {
    const removed = removedOf(entries);
    const topics = new Map<string, Trimmed>();
    let surplus = this.#topics.size - this.#maxTopics;
    let bytes = this.#bytes;
    for (const [topic, now] of removed) {
      const before = this.#topics.get(topic);
      const after = highest(before ?? NONE, now);
      topics.set(topic, after);
      if (!before) surplus += 1;
      bytes += costOf(topic, after) - costOf(topic, before);
    }
    const forgotten: string[] = [];
    let floor = this.#floor;
    for (const [topic, trimmed] of this.#topics) {
      if (surplus <= 0 && bytes <= this.#maxBytes) break;
      if (topics.has(topic)) continue;
      floor = highestNumbers(floor, trimmed);
      forgotten.push(topic);
      surplus -= 1;
      bytes -= costOf(topic, trimmed);
    }
    return { topics, removed, forgotten, floor };
  }

  /** Applies a plan, which must be the newest one. */
  apply(plan: TrimPlan): void {
    for (const topic of plan.forgotten) {
      this.#bytes -= costOf(topic, this.#topics.get(topic));
      this.#topics.delete(topic);
    }
    for (const [topic, trimmed] of plan.topics) {
      this.#bytes += costOf(topic, trimmed) - costOf(topic, this.#topics.get(topic));
      this.#topics.delete(topic);
      this.#topics.set(topic, trimmed);
      this.#top = highestNumbers(this.#top, trimmed);
      const at = this.#noteChange(topic);
      const removed = plan.removed.get(topic) ?? NONE;
      this.#removed.set(topic, removedBy(this.#removed.get(topic) ?? NOTHING, removed, at, trimmed));
      this.#removedOfAll = removedBy(this.#removedOfAll, removed, at);
    }
    if (plan.forgotten.length > 0) {
      this.#removedOfForgotten = removedBy(this.#removedOfForgotten, plan.floor, this.changes);
    }
    for (const topic of plan.forgotten) this.#removed.delete(topic);
    this.#raiseFloor(plan.floor, plan.forgotten.length === 0);
    if (this.#changes.length > 2 * MAX_CHANGES || this.#changesBytes > 2 * MAX_CHANGES_BYTES) {
      const dropped = this.#changes.splice(0, Math.ceil(this.#changes.length / 2));
      this.#dropped += dropped.length;
      for (const topic of dropped) this.#changesBytes -= costOfChange(topic);
    }
  }

  /** @param isNews whether the floor has been raised, if it is another one, for something else than what was known of single topics */
  #raiseFloor(floor: Trimmed, isNews: boolean): void {
    const top = highestNumbers(this.#top, floor);
    const isBeyond = !isSame(top, this.#top);
    if (isBeyond || (isNews && !isSame(floor, this.#floor))) {
      const at = this.#noteChange('');
      this.#removedOfForgotten = removedBy(this.#removedOfForgotten, floor, at);
      if (isBeyond) this.#removedOfAll = removedBy(this.#removedOfAll, floor, at);
      this.#known = new WeakMap();
    }
    this.#top = top;
    this.#floor = floor;
  }

  /** @returns the number of the change */
  #noteChange(topic: string): number {
    this.#changes.push(topic);
    this.#changesBytes += costOfChange(topic);
    return this.changes;
  }

  /**
   * What has been trimmed of a selection: `through` is the highest sequence number of a selected event, and `trims` the number of changes up to
   * the last one that removed a selected event after the sequence number `after`; 0 if none has. Both may be higher if the topic is under the
   * floor, if only some types are selected, or if the private events of a topic had very many other topics.
   */
  trimmed(selection: Selection, after?: number): SelectionTrimmed;
  /** The same; undefined if the turn is over before it is known. What was found out is remembered, so the next turn gets further. */
  trimmed(selection: Selection, after: number, turn: Turn): SelectionTrimmed | undefined;
  trimmed(selection: Selection, after: number = 0, turn: Turn = Turn.endless()): SelectionTrimmed | undefined {
    const known = this.#ask(selection, turn);
    return known && { through: known.through, trims: lastChange(known.removals, after), deleted: known.deleted };
  }

  #ask(selection: Selection, turn: Turn): Answer | undefined {
    const { changes } = this;
    let known = this.#known.get(selection);
    if (known?.changes === changes && !known.rest) return known;
    const selector = Selector.of(selection);
    if (!known || (known.changes < this.#dropped && !known.rest)) {
      // What has been trimmed only grows, so that an earlier answer still counts.
      const { through, removals, deleted } = known ?? { through: 0, removals: NO_REMOVALS, deleted: 0 };
      known = { through, removals, deleted, changes, rest: this.#topics.keys(), left: this.#topics.size };
      this.#known.set(selection, known);
    }
    if (!this.#isFound(selector, known, turn)) return undefined;
    const floor = this.#floorOf(selector);
    known.through = Math.max(known.through, floor.through);
    known.removals = joined(known.removals, floor.removals);
    known.deleted = Math.max(known.deleted, floor.deleted);
    return known;
  }

  /** What holds for a selection whatever its topics are. */
  #floorOf({ topics, private: seen }: Selector): Answer {
    if (topics.isAll && seen.isAll) {
      return { through: this.#top.all, removals: this.#removedOfAll.all, deleted: this.#top.deleted ?? 0 };
    }
    const kind = seen.isEmpty ? 'public' : 'all';
    const through = this.#floor[kind];
    const removals = this.#removedOfForgotten[kind];
    if (!topics.isAll) return { through, removals, deleted: 0 };
    // Every public event is selected, and every private one of a topic whose private events are seen.
    return {
      through: Math.max(through, this.#top.public),
      removals: joined(removals, this.#removedOfAll.public),
      deleted: this.#top.publicDeleted ?? 0,
    };
  }

  /** Brings an answer up to date: by the named topics if there are no others, else by all that changed or are remembered. */
  #isFound(selector: Selector, known: Known, turn: Turn): boolean {
    const test = selector.topics.isAll ? selector.private : selector.topics;
    if (test.isAll || test.isExact) {
      known.rest = undefined;
      known.changes = this.changes;
      for (const topic of test.exact) this.#take(selector, known, topic, () => true, turn);
      return true;
    }
    const ask = (topic: string): boolean => test.ask(topic, turn);
    const has = (topic: string): boolean => test.has(topic, turn);
    for (; known.rest; known.left -= 1) {
      if (turn.isOver) return false;
      const next = known.left > 0 ? known.rest.next() : undefined;
      if (next?.done === false) this.#take(selector, known, next.value, ask, turn);
      else known.rest = undefined;
      turn.steps += TOPIC_STEPS;
    }
    // So many changes came meanwhile that some of them are no longer known: all topics are asked again.
    if (known.changes < this.#dropped) return false;
    for (; known.changes < this.changes; known.changes += 1) {
      if (turn.isOver) return false;
      const topic = this.#changes[known.changes - this.#dropped] ?? '';
      this.#take(selector, known, topic, has, turn);
      turn.steps += TOPIC_STEPS;
    }
    return true;
  }

  /** Takes what has been trimmed of a topic into an answer, if the topic is one of the selection's. */
  #take(selector: Selector, known: Known, topic: string, isIn: (topic: string) => boolean, turn: Turn): void {
    // The numbers are cheaper to compare than a pattern is to test.
    if (isTaken(known, topic, this.#facts) || !isIn(topic)) return;
    takeTopic(known, topic, selector, this.#facts, turn);
  }
}
