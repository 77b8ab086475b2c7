import { RankedNames, type LogRetention, type TopicRetention } from '@tidings/server/log';

/** A topic, and where its oldest event is. */
export interface AgedTopic {
  readonly topic: string;
  /** The sequence number of its oldest event, or a lower one. */
  readonly seq: number;
}

/**
 * The topics whose events are kept for a time of their own: for each rule in the order of their oldest events. So those that have events that are too
 * old come first, and no other topic is looked at, nor any event of another topic.
 */
export class AgedTopics {
  readonly #ranked: ReadonlyMap<TopicRetention, RankedNames>;
  readonly #of = new Map<string, RankedNames>();

  constructor({ perTopic = [] }: LogRetention) {
    const aged = perTopic.filter(({ maxAgeMs }) => maxAgeMs !== undefined);
    this.#ranked = new Map(aged.map((bounds) => [bounds, new RankedNames()]));
  }

  /** The rules that bound the age of topics. */
  get rules(): Iterable<TopicRetention> {
    return this.#ranked.keys();
  }

  /** The topic of a rule that may have the oldest event. */
  first(rule: TopicRetention): AgedTopic | undefined {
    const first = this.#ranked.get(rule)?.first;
    return first && { topic: first.name, seq: first.rank };
  }

  /** Adds a topic, if its rule bounds the age of its events. */
  add(rule: TopicRetention, topic: string, seq: number): void {
    const topics = this.#ranked.get(rule);
    if (!topics) return;
    this.#of.set(topic, topics);
    topics.set(topic, seq);
  }

  /** Notes where the oldest event of a topic is. */
  move(topic: string, seq: number): void {
    this.#of.get(topic)?.set(topic, seq);
  }

  delete(topic: string): void {
    this.#of.get(topic)?.delete(topic);
    this.#of.delete(topic);
  }
}
