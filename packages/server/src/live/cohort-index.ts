import { Selector } from '../log/selection.ts';
import { Cohort, type Member, type View } from './cohort.ts';

// Guards the memory against events on ever new topics: the topics that have been known for longest are forgotten when there are so many.
const MAX_KNOWN_TOPICS = 100_000;

// Cohorts with patterns that came since a topic was known. Where there are more, every topic is matched anew.
const MAX_NEWCOMERS = 10_000;

// What it costs to look a topic up, and to ask a cohort for it, in the steps of a meter.
const TOPIC_STEPS = 64;

/** What is known of a topic. */
interface KnownTopic<M extends Member> {
  cohorts: readonly Cohort<M>[];
  /** How many changes there were when it was right. */
  changes: number;
}

/**
 * The cohorts there are, found by the topic of an event. A topic is matched against a pattern once, and looked up from then on, whoever else comes
 * and goes.
 */
export class CohortIndex<M extends Member = Member> implements Iterable<Cohort<M>> {
  readonly #byKey = new Map<string, Cohort<M>>();
  readonly #byTopic = new Map<string, Set<Cohort<M>>>();
  /** The cohorts that an index by topic does not find, each with how many changes there were before it came. */
  readonly #others = new Map<Cohort<M>, number>();
  readonly #known = new Map<string, KnownTopic<M>>();
  /** What changed the others, in order: each that came, and undefined for one that went; and how many changes there were before those. */
  #newcomers: (Cohort<M> | undefined)[] = [];
  #before = 0;

  /** The cohort of a view, made where there is none yet, with one listener more. `since` is how far the log has been handed over. */
  join(view: View, now: number, since: number): Cohort<M> {
    const key = keyOf(view);
    let cohort = this.#byKey.get(key);
    if (!cohort) {
      cohort = new Cohort<M>(view, now, since);
      this.#byKey.set(key, cohort);
      const { exact, isExact } = Selector.of(view.selection).topics;
      for (const topic of exact) {
        const cohorts = this.#byTopic.get(topic);
        if (cohorts) cohorts.add(cohort);
        else this.#byTopic.set(topic, new Set([cohort]));
        const known = isExact ? this.#known.get(topic) : undefined;
        if (known) known.cohorts = [...known.cohorts, cohort];
      }
      if (!isExact) this.#note(cohort);
    }
    cohort.listeners += 1;
    return cohort;
  }

  /** One listener less; without any the cohort is dropped. */
  leave(cohort: Cohort<M>): void {
    cohort.listeners -= 1;
    if (cohort.listeners > 0) return;
    this.#byKey.delete(keyOf(cohort.view));
    const { exact, isExact } = Selector.of(cohort.view.selection).topics;
    for (const topic of exact) {
      const cohorts = this.#byTopic.get(topic);
      cohorts?.delete(cohort);
      if (cohorts?.size === 0) this.#byTopic.delete(topic);
      const known = isExact ? this.#known.get(topic) : undefined;
      if (known) known.cohorts = known.cohorts.filter((each) => each !== cohort);
    }
    const came = this.#others.get(cohort);
    if (came === undefined) return;
    this.#others.delete(cohort);
    // It is not kept in memory by having come.
    if (came >= this.#before) this.#newcomers[came - this.#before] = undefined;
    this.#note(undefined);
  }

  /**
   * The cohorts that select the topic, each once.
   * @param meter counts the work of it
   */
  of(topic: string, meter?: { steps: number }): readonly Cohort<M>[] {
    if (meter) meter.steps += TOPIC_STEPS;
    const known = this.#known.get(topic);
    if (known?.changes === this.#changes) return known.cohorts;
    if (known && known.changes >= this.#before) return this.#refresh(topic, known, meter);
    const exact = this.#byTopic.get(topic);
    const cohorts = exact ? [...exact] : [];
    for (const cohort of this.#others.keys()) {
      if (!exact?.has(cohort) && selects(cohort, topic, meter)) cohorts.push(cohort);
    }
    if (!known && this.#known.size >= MAX_KNOWN_TOPICS) this.#forgetOldest();
    this.#known.set(topic, { cohorts, changes: this.#changes });
    return cohorts;
  }

  [Symbol.iterator](): Iterator<Cohort<M>> {
    return this.#byKey.values();
  }

  get #changes(): number {
    return this.#before + this.#newcomers.length;
  }

  /** Brings what is known of a topic up to date: only who came since is matched. */
  #refresh(topic: string, known: KnownTopic<M>, meter: { steps: number } | undefined): readonly Cohort<M>[] {
    const cohorts = known.cohorts.filter(({ listeners }) => listeners > 0);
    for (let at = known.changes - this.#before; at < this.#newcomers.length; at += 1) {
      const cohort = this.#newcomers[at];
      if (cohort && selects(cohort, topic, meter)) cohorts.push(cohort);
    }
    known.cohorts = cohorts;
    known.changes = this.#changes;
    return cohorts;
  }

  #note(cohort: Cohort<M> | undefined): void {
    if (cohort) this.#others.set(cohort, this.#changes);
    this.#newcomers.push(cohort);
    if (this.#newcomers.length <= 2 * MAX_NEWCOMERS) return;
    this.#before += MAX_NEWCOMERS;
    this.#newcomers = this.#newcomers.slice(MAX_NEWCOMERS);
  }

  /** Forgets a tenth at once: to find the first one of a map takes a while where it was often removed. */
  #forgetOldest(): void {
    let left = MAX_KNOWN_TOPICS / 10;
    for (const topic of this.#known.keys()) {
      this.#known.delete(topic);
      left -= 1;
      if (left === 0) return;
    }
  }
}

function selects({ view }: Cohort, topic: string, meter: { steps: number } | undefined): boolean {
  if (meter) meter.steps += TOPIC_STEPS;
  return Selector.of(view.selection).topics.ask(topic, meter);
}

function keyOf({ key, coding }: View): string {
  return `${coding?.name ?? 'identity'} ${key}`;
}
