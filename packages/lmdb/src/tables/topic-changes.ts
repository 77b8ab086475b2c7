import {
  type FindNewest,
  hasNewest,
  type KeptSummary,
  type LogEntry,
  withEvent,
  withoutEvent,
  withTimes,
} from '@tidings/server/log';
import { costOfTopic } from '../records/cost.ts';
import type { KeptEntry } from '../records/record.ts';

/** A topic that has no event any more. */
export interface EmptiedTopic {
  readonly topic: string;
  /** Whether its newest event, which went last, was private. */
  readonly wasPrivate: boolean;
}

/** The state of topics after events are added or removed, one by one. */
export class TopicChanges {
  readonly changed: Map<string, KeptSummary> = new Map();
  readonly #topicsOf: (entry: KeptEntry) => readonly string[];
  readonly #before: (topic: string) => KeptSummary | undefined;
  /** The topics whose newest event may be among those that are removed. */
  readonly #unsure = new Set<string>();
  #bytes = 0;

  /**
   * @param before what is kept of a topic without the changes
   * @param topicsOf the topics for which a removed event counts
   */
  constructor(
    before: (topic: string) => KeptSummary | undefined,
    topicsOf: (entry: KeptEntry) => readonly string[] = ({ topics }) => topics,
  ) {
    this.#before = before;
    this.#topicsOf = topicsOf;
  }

  /** What the topics cost more, or less, beside their events. */
  get bytes(): number {
    return this.#bytes;
  }

  of(topic: string): KeptSummary | undefined {
    return this.changed.get(topic) ?? this.#before(topic);
  }

  /** @param isTyped whether the event has a type of its own */
  add(entry: Pick<LogEntry, 'seq' | 'topics' | 'time' | 'private'>, cost: number, isTyped: boolean): void {
    for (const topic of entry.topics) {
      let before = this.of(topic);
      if (!before || before.events === 0) {
        const own = costOfTopic(topic);
        this.#bytes += own;
        before = { topic, events: 0, bytes: (before?.bytes ?? 0) + own, last: 0, lastSeq: 0 };
      }
      const after = withEvent(topic, before, entry, cost);
      const isFirst = isTyped && after.typedFrom === undefined;
      this.changed.set(topic, isFirst ? { ...after, typedFrom: entry.seq } : after);
    }
  }

  remove(entry: KeptEntry): void {
    for (const topic of this.#topicsOf(entry)) {
      const before = this.of(topic);
      if (!before) continue;
      if (hasNewest(before, entry)) this.#unsure.add(topic);
      const after = withoutEvent(before, entry, entry.cost);
      if (after.events === 0) this.#bytes -= costOfTopic(topic);
      this.changed.set(topic, after);
    }
  }

  /** The topics that have no event any more. */
  get emptied(): EmptiedTopic[] {
    return [...this.changed].flatMap(([topic, { events }]) => {
      if (events > 0) return [];
      const { hidden, lastSeq = 0 } = this.#before(topic) ?? {};
      return [{ topic, wasPrivate: hidden !== undefined && hidden.publicSeq < lastSeq }];
    });
  }

  /** Asks for the newest event, and the newest public event, of those topics of which it may have been removed. */
  settle(findNewest: (topic: string, ...search: Parameters<FindNewest>) => ReturnType<FindNewest>): void {
    for (const topic of this.#unsure) {
      const summary = this.changed.get(topic);
      if (!summary || summary.events === 0) continue;
      this.changed.set(
        topic,
        withTimes(summary, (...search) => findNewest(topic, ...search)),
      );
    }
    this.#unsure.clear();
  }
}
