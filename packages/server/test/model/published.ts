import type { LogRetention, NewEvent, Selection, TopicSet } from '@tidings/server/log';

/** An event as the model remembers it. */
export interface PublishedEvent {
  readonly seq: number;
  readonly id: string;
  readonly topics: readonly string[];
  readonly private: boolean;
  readonly time: number;
  /** What it is the newest value of, in a log that keeps the latest by key. */
  readonly key: string;
  /** The step at which retention removed it, or a newer one of its key replaced it. */
  trimmedAt: number;
  /** Whether it was replaced: then nobody need be told that it is missing. */
  replaced: boolean;
}

/**
 * The simple list of everything that was published, and what retention should have done to it: written down again, apart from the
 * code under test, for bounds by count and age.
 */
export class Published {
  readonly events: PublishedEvent[] = [];
  readonly epoch: string;
  /** Counts the script's steps. */
  step = 0;
  readonly #retention: LogRetention;
  readonly #latestByKey: boolean;

  constructor(epoch: string, retention: LogRetention, latestByKey = false) {
    this.epoch = epoch;
    this.#retention = retention;
    this.#latestByKey = latestByKey;
  }

  get head(): number {
    return this.events.length;
  }

  cursor(seq: number): string {
    return `${this.epoch}.${seq}`;
  }

  append(batch: readonly NewEvent[], now: number): void {
    this.trim(now);
    for (const event of batch) {
      const seq = this.head + 1;
      const id = event.fields.id ?? this.cursor(seq);
      const { topics, latestKey: key = '' } = event;
      const older = this.#latestByKey ? this.#kept().find((other) => other.key === key) : undefined;
      if (older) Object.assign(older, { trimmedAt: this.step, replaced: true });
      this.events.push({
        seq,
        id,
        topics,
        private: event.private === true,
        time: now,
        key,
        trimmedAt: Infinity,
        replaced: false,
      });
    }
    this.trim(now);
  }

  trim(now: number): void {
    for (const rule of this.#retention.perTopic ?? []) {
      for (const topic of new Set(this.events.flatMap((event) => event.topics))) {
        if (holds(rule.topics, topic))
          this.#cut(
            this.#kept().filter((event) => event.topics.includes(topic)),
            rule.maxEvents,
          );
      }
    }
    this.#cut(this.#kept(), this.#retention.maxEvents);
    const { maxAgeMs = Infinity } = this.#retention;
    for (const event of this.#kept()) if (now - event.time > maxAgeMs) event.trimmedAt = this.step;
  }

  matching(selection: Selection): PublishedEvent[] {
    return this.events.filter(
      (event) =>
        event.topics.some((topic) => holds(selection.topics, topic)) &&
        (!event.private || event.topics.some((topic) => holds(selection.private ?? [], topic))),
    );
  }

  /** The highest sequence number that is trimmed of a selection. */
  trimmedThrough(selection: Selection): number {
    return this.matching(selection).findLast((event) => event.trimmedAt < Infinity && !event.replaced)?.seq ?? 0;
  }

  /** The earliest kept event with a publisher's id. */
  find(id: string, selection: Selection): PublishedEvent | undefined {
    const selected = new Set(this.matching(selection));
    return this.#kept().find((event) => event.id === id && selected.has(event));
  }

  /** The sequence number behind which the last so many kept events follow. */
  beforeLast(selection: Selection, count: number): number {
    const kept = this.matching(selection).filter((event) => event.trimmedAt === Infinity);
    const first = kept.slice(Math.max(0, kept.length - count))[0];
    return first ? first.seq - 1 : this.newestFor(selection);
  }

  /** The newest event that a listener may know of, trimmed or not: without rights to private events, the newest public one. */
  newestFor({ private: seen = [] }: Selection): number {
    if (seen.length > 0) return this.head;
    return this.events.findLast((event) => !event.private)?.seq ?? 0;
  }

  #kept(): PublishedEvent[] {
    return this.events.filter((event) => event.trimmedAt === Infinity);
  }

  #cut(events: PublishedEvent[], maxEvents = Infinity): void {
    for (const event of events.slice(0, Math.max(0, events.length - maxEvents))) event.trimmedAt = this.step;
  }
}

/** Whether a set holds a topic. The model's patterns are names of topics. */
function holds(set: TopicSet, topic: string): boolean {
  if (set === 'all') return true;
  return set.some((matcher) => (typeof matcher === 'string' ? matcher : matcher.pattern) === topic);
}
