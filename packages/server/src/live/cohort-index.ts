import type { Turn } from '../log/keeping/turns.ts';
import { PatternIndex } from '../log/pattern-index.ts';
import { Selector } from '../log/selection.ts';
import { Cohort, type Member, type View } from './cohort.ts';

// Guards the memory against events on ever new topics: the topics that have been known for longest are forgotten when there are this many.
const MAX_KNOWN_TOPICS = 100_000;

// The same, when their names and the lists of their cohorts take more than this, in bytes.
const MAX_KNOWN_BYTES = 16 * 1024 * 1024;
const COHORT_BYTES = 8;

// How much of that is left when the oldest are forgotten. That is done at once: it is slow to find the first entry of a map whose first entries were often removed.
const LEFT_PART = 0.9;

// What it costs to look a topic up, and to ask a cohort for it, in the steps of a turn.
const TOPIC_STEPS = 64;

// The patterns of all cohorts together are cheap up to this many steps for each character of a topic: the longest takes a few milliseconds.
const CHEAP_COST = 1024;

const NONE: ReadonlySet<never> = new Set();

/** What is known of a topic. */
interface KnownTopic<M extends Member> {
  readonly cohorts: readonly Cohort<M>[];
  /** How many changes there were when it was right. */
  readonly changes: number;
}

/** One of the cohorts that an index by topic does not find. */
interface Other {
  /** The number of the change by which it came. */
  readonly came: number;
  /** How many steps each character of a new topic may take. */
  readonly cost: number;
}

/** The cohorts of a topic, as far as they were found in time. */
export interface FoundCohorts<M extends Member> {
  /** Those that select it, each once. */
  readonly cohorts: readonly Cohort<M>[];
  /** Those that may select it. */
  readonly rest: readonly Cohort<M>[];
}

/**
 * The cohorts there are, found by the topic of an event. A topic is matched against a pattern once, and looked up from then on, also if other cohorts come
 * and go.
 */
export class CohortIndex<M extends Member = Member> implements Iterable<Cohort<M>> {
  readonly #byKey = new Map<string, Cohort<M>>();
  readonly #byTopic = new Map<string, Set<Cohort<M>>>();
  /** The cohorts that an index by topic does not find. */
  readonly #others = new Map<Cohort<M>, Other>();
  /** How often one of them came or went. */
  #changes = 0;
  /** Those of them that select all topics, and those that have patterns. */
  readonly #all = new Set<Cohort<M>>();
  readonly #byPattern = new PatternIndex<Cohort<M>>();
  readonly #known = new Map<string, KnownTopic<M>>();
  /** What the names and lists of the known topics take. */
  #knownBytes = 0;
  /** The cost of the others together. */
  #cost = 0;

  /** The same view, or the one with its key of a cohort that there is. */
  viewOf(view: View): View {
    return this.#byKey.get(keyOf(view))?.view ?? view;
  }

  /** The cohort of a view, made if there is none yet, with one listener more. `since` is how far the log has been handed over. */
  join(view: View, now: number, since: number): Cohort<M> {
    const key = keyOf(view);
    let cohort = this.#byKey.get(key);
    if (!cohort) {
      cohort = new Cohort<M>(view, now, since);
      this.#byKey.set(key, cohort);
      const { exact, isExact, isAll, patterns } = Selector.of(view.selection).topics;
      if (isAll) this.#all.add(cohort);
      for (const pattern of patterns) this.#byPattern.add(pattern, cohort);
      for (const topic of exact) {
        const cohorts = this.#byTopic.get(topic);
        if (cohorts) cohorts.add(cohort);
        else this.#byTopic.set(topic, new Set([cohort]));
        const known = isExact ? this.#known.get(topic) : undefined;
        if (known) this.#know(topic, { ...known, cohorts: [...known.cohorts, cohort] });
      }
      if (!isExact) {
        const cost = patterns.reduce((sum, pattern) => sum + pattern.cost, 0);
        this.#cost += cost;
        this.#changes += 1;
        this.#others.set(cohort, { came: this.#changes, cost });
      }
    }
    cohort.listeners += 1;
    return cohort;
  }

  /** One listener less; without any the cohort is dropped. */
  leave(cohort: Cohort<M>): void {
    cohort.listeners -= 1;
    if (cohort.listeners > 0) return;
    this.#byKey.delete(keyOf(cohort.view));
    const { exact, isExact, patterns } = Selector.of(cohort.view.selection).topics;
    this.#all.delete(cohort);
    for (const pattern of patterns) this.#byPattern.delete(pattern, cohort);
    for (const topic of exact) {
      const cohorts = this.#byTopic.get(topic);
      cohorts?.delete(cohort);
      if (cohorts?.size === 0) this.#byTopic.delete(topic);
      const known = isExact ? this.#known.get(topic) : undefined;
      if (known) this.#know(topic, { ...known, cohorts: known.cohorts.filter((each) => each !== cohort) });
    }
    this.#cost -= this.#others.get(cohort)?.cost ?? 0;
    if (this.#others.delete(cohort)) this.#changes += 1;
  }

  /** Whether to match a new topic may take long enough to keep others waiting. */
  get isCostly(): boolean {
    return this.#cost > CHEAP_COST;
  }

  /** The cohorts that select the topic, each once. */
  of(topic: string): readonly Cohort<M>[] {
    const known = this.#known.get(topic);
    return known?.changes === this.#changes ? known.cohorts : this.#find(topic, known, undefined).cohorts;
  }

  /** The same, as far as the turn allows. What was found out is remembered, so the next turn gets further. */
  ofInTime(topic: string, turn: Turn): FoundCohorts<M> {
    const known = this.#known.get(topic);
    return known?.changes === this.#changes ? { cohorts: known.cohorts, rest: [] } : this.#find(topic, known, turn);
  }

  /** Those that name the topic. */
  naming(topic: string): ReadonlySet<Cohort<M>> {
    return this.#byTopic.get(topic) ?? NONE;
  }

  /** Those whose listeners listen to this topic and no other. */
  onlyOf(topic: string): readonly Cohort<M>[] {
    return [...(this.#byTopic.get(topic) ?? [])].filter((cohort) => cohort.topic === topic);
  }

  /** Those that select the topic, and others too if it would take long to find them out. */
  near(topic: string): Iterable<Cohort<M>> {
    return this.isCostly ? this : this.of(topic);
  }

  /** Those that are known to select the topic, without matching it against any pattern. */
  knownOf(topic: string): readonly Cohort<M>[] {
    return this.#known.get(topic)?.cohorts ?? [...(this.#byTopic.get(topic) ?? []), ...this.#all];
  }

  [Symbol.iterator](): Iterator<Cohort<M>> {
    return this.#byKey.values();
  }

  /** Finds the cohorts of a topic. If some are known, only those that came since are asked. */
  #find(topic: string, known: KnownTopic<M> | undefined, turn: Turn | undefined): FoundCohorts<M> {
    const exact = this.#byTopic.get(topic) ?? [];
    const cohorts = known ? known.cohorts.filter(({ listeners }) => listeners > 0) : [];
    const rest: Cohort<M>[] = [];
    const candidates = [...new Set([...exact, ...this.#all, ...this.#byPattern.of(topic, turn)])];
    // Those whose patterns cost more do not keep the others waiting.
    if (turn) turn.steps += candidates.length * TOPIC_STEPS;
    if (turn) candidates.sort((one, other) => this.#costOf(one) - this.#costOf(other));
    for (const cohort of candidates) {
      // A cohort without patterns was noted when it came.
      if (known && (this.#others.get(cohort)?.came ?? 0) <= known.changes) continue;
      const { topics } = Selector.of(cohort.view.selection);
      if (turn) turn.steps += TOPIC_STEPS;
      if (turn?.isOver === true && !topics.knows(topic)) rest.push(cohort);
      // Only a cohort that may be asked again remembers its answer.
      else if (turn ? topics.has(topic, turn) : topics.ask(topic)) cohorts.push(cohort);
    }
    if (rest.length === 0) this.#know(topic, { cohorts, changes: this.#changes });
    return { cohorts, rest };
  }

  #costOf(cohort: Cohort<M>): number {
    return this.#others.get(cohort)?.cost ?? 0;
  }

  #know(topic: string, known: KnownTopic<M>): void {
    this.#knownBytes += bytesOf(topic, known) - bytesOf(topic, this.#known.get(topic));
    this.#known.set(topic, known);
    if (this.#isTooMuch(1)) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const [topic, known] of this.#known) {
      if (!this.#isTooMuch(LEFT_PART)) return;
      this.#known.delete(topic);
      this.#knownBytes -= bytesOf(topic, known);
    }
  }

  /** Whether more is known than a part of what may be. */
  #isTooMuch(part: number): boolean {
    return this.#known.size > part * MAX_KNOWN_TOPICS || this.#knownBytes > part * MAX_KNOWN_BYTES;
  }
}

function bytesOf(topic: string, known: KnownTopic<Member> | undefined): number {
  return known ? 2 * topic.length + COHORT_BYTES * known.cohorts.length : 0;
}

function keyOf({ key, coding }: View): string {
  return `${coding?.name ?? 'identity'} ${key}`;
}
