import { Cohort, type View } from './cohort.ts';

/** The cohorts there are, found by the topic of an event: exact topics by hash, patterns one by one. */
export class CohortIndex implements Iterable<Cohort> {
  readonly #byKey = new Map<string, Cohort>();
  readonly #byTopic = new Map<string, Set<Cohort>>();
  readonly #patterns = new Set<Cohort>();

  /** The cohort of a view, made where there is none yet, with one listener more. */
  join(view: View, now: number): Cohort {
    const key = keyOf(view);
    let cohort = this.#byKey.get(key);
    if (!cohort) {
      cohort = new Cohort(view, now);
      this.#byKey.set(key, cohort);
      if (view.selection.test) this.#patterns.add(cohort);
      for (const topic of view.selection.topics) {
        const cohorts = this.#byTopic.get(topic);
        if (cohorts) cohorts.add(cohort);
        else this.#byTopic.set(topic, new Set([cohort]));
      }
    }
    cohort.listeners += 1;
    return cohort;
  }

  /** One listener less; without any the cohort is dropped. */
  leave(cohort: Cohort): void {
    cohort.listeners -= 1;
    if (cohort.listeners > 0) return;
    const { selection } = cohort.view;
    this.#byKey.delete(keyOf(cohort.view));
    this.#patterns.delete(cohort);
    for (const topic of selection.topics) {
      const cohorts = this.#byTopic.get(topic);
      cohorts?.delete(cohort);
      if (cohorts?.size === 0) this.#byTopic.delete(topic);
    }
  }

  /** The cohorts that select the topic, each once. */
  *of(topic: string): Iterable<Cohort> {
    const exact = this.#byTopic.get(topic);
    if (exact) yield* exact;
    for (const cohort of this.#patterns) {
      if (!exact?.has(cohort) && cohort.view.selection.test?.(topic)) yield cohort;
    }
  }

  [Symbol.iterator](): Iterator<Cohort> {
    return this.#byKey.values();
  }
}

function keyOf({ key, coding }: View): string {
  return `${coding?.name ?? 'identity'} ${key}`;
}
