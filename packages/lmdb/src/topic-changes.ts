import type { TopicSummary } from '@tidings/server/log';
import { costOfTopic } from './cost.ts';
import type { KeptEntry } from './record.ts';

/** What topics become by events that are added or removed, one by one. */
export class TopicChanges {
  readonly changed: Map<string, TopicSummary> = new Map();
  readonly #before: (topic: string) => TopicSummary | undefined;
  /** The topics whose newest event may be among those that are removed. */
  readonly #unsure = new Set<string>();
  #bytes = 0;

  /** @param before what is kept of a topic without the changes */
  constructor(before: (topic: string) => TopicSummary | undefined) {
    this.#before = before;
  }

  /** What the topics cost more, or less, beside their events. */
  get bytes(): number {
    return this.#bytes;
  }

  of(topic: string): TopicSummary | undefined {
    return this.changed.get(topic) ?? this.#before(topic);
  }

  add({ topics, time }: { readonly topics: readonly string[]; readonly time: number }, cost: number): void {
    for (const topic of topics) {
      const { events, bytes } = this.of(topic) ?? { events: 0, bytes: 0 };
      const own = events === 0 ? costOfTopic(topic) : 0;
      this.#bytes += own;
      this.changed.set(topic, { topic, events: events + 1, bytes: bytes + own + cost, last: time });
    }
  }

  remove({ topics, time, cost }: KeptEntry): void {
    for (const topic of topics) {
      const before = this.of(topic);
      if (!before) continue;
      if (time >= before.last) this.#unsure.add(topic);
      const events = before.events - 1;
      if (events === 0) this.#bytes -= costOfTopic(topic);
      this.changed.set(topic, { topic, events, bytes: before.bytes - cost, last: before.last });
    }
  }

  /** Asks for the time of the newest event of those topics of which it may have been removed. */
  settle(newestTime: (topic: string) => number): void {
    for (const topic of this.#unsure) {
      const summary = this.changed.get(topic);
      if (summary && summary.events > 0) this.changed.set(topic, { ...summary, last: newestTime(topic) });
    }
    this.#unsure.clear();
  }
}
