import assert from 'node:assert/strict';
import type { LogEntry, LogRetention, NewEvent, Selection, TopicOptions, TopicSet } from '@tidings/server/log';
import { CLOSED_TYPE } from '@tidings/wire';
import { LatestModel } from './latest-model.ts';
import { type Lease, TopicRecords } from './topic-records.ts';

/** How long an event that forgets a key is kept at most. */
const FORGOTTEN_MS = 24 * 60 * 60 * 1000;

/** An event as the model remembers it. */
export interface PublishedEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly topics: readonly string[];
  readonly private: boolean;
  readonly time: number;
  /** What it is the newest value of, where the latest by key is kept. */
  readonly name: string;
  /** Whether it forgets that, so that it is not kept for long where the latest are kept. */
  readonly forgets: boolean;
  /** Whether it is no event, but tells that its topic was deleted. */
  readonly deletes: boolean;
  /** The step at which it was removed: by retention, with its topic, or because a newer one of its key replaced it. */
  trimmedAt: number;
  /** Whether it was replaced: then nobody need be told that it is missing. */
  replaced: boolean;
}

export interface PublishedOptions {
  readonly epoch: string;
  readonly retention: LogRetention;
  /** Whether the newest of a key is that of all topics. */
  readonly latestByKey: boolean;
}

/**
 * The simple list of everything that was published, what became of its topics, and what should have been removed of it: written down again, apart
 * from the code under test, for bounds by count and age.
 */
export class Published {
  readonly events: PublishedEvent[] = [];
  readonly topics: TopicRecords = new TopicRecords();
  readonly epoch: string;
  /** Counts the script's steps. */
  step = 0;
  readonly #retention: LogRetention;
  readonly #latestByKey: boolean;
  readonly #latest = new LatestModel((topic) => this.#keepsLatest(topic));

  constructor({ epoch, retention, latestByKey }: PublishedOptions) {
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

  /** The code with which a batch is to be refused; undefined if it is to be stored. */
  refusal(batch: readonly NewEvent[], tokens: readonly string[]): string | undefined {
    const closed = new Set<string>();
    const needed = new Set<string>();
    for (const { topics, final } of batch) {
      for (const topic of topics) {
        const { closing, lease } = this.topics.get(topic) ?? {};
        if (closing || closed.has(topic)) return 'ERR_TOPIC_CLOSED';
        if (lease && !tokens.includes(lease.token)) return 'ERR_LEASE_LOST';
        if (lease) needed.add(lease.token);
      }
      if (final === true) for (const topic of topics) closed.add(topic);
    }
    return tokens.every((token) => needed.has(token)) ? undefined : 'ERR_LEASE_LOST';
  }

  append(batch: readonly NewEvent[], now: number): void {
    for (const event of batch) this.#add(event, now);
    this.trim(now, new Set(batch.flatMap((event) => event.topics)));
  }

  /** What the log hands over. It appends nothing by itself but the final events of topics whose leases have ended. */
  observe(entries: readonly LogEntry[], now: number): void {
    for (const { seq, topics, private: isPrivate, final } of entries.slice(this.head - entries[0]!.seq + 1)) {
      const [topic = ''] = topics;
      this.#outlive(now - 1);
      const { lease } = this.topics.get(topic) ?? {};
      assert.ok(seq === this.head + 1 && final && lease, `the log has published event ${seq} by itself`);
      assert.equal(now, lease.until, `the lease of ${topic} ended at another time`);
      // Nobody is shown a topic of which there are, or were at last, only private events. What is too old may be removed a moment later.
      const before = this.#isHidden(topic);
      this.trim(now);
      assert.ok([before, this.#isHidden(topic)].includes(isPrivate), `the final event of ${topic}: ${isPrivate}`);
      this.topics.set(topic, { ...this.topics.get(topic)!, lease: undefined });
      this.append([{ topics, private: isPrivate, final, fields: { event: CLOSED_TYPE, data: '' } }], now);
    }
  }

  /** Forgets what has no more time, and removes what is too old or too much. */
  settle(now: number): void {
    this.#outlive(now);
    this.trim(now);
  }

  /** @param topics those that have got events since then, in their order */
  trim(now: number, topics: Iterable<string> = []): void {
    const { perTopic = [], maxAgeMs = Infinity, maxEvents } = this.#retention;
    for (const event of this.kept()) {
      const isForgotten =
        event.forgets && now - event.time > FORGOTTEN_MS && event.topics.every((topic) => this.#keepsLatest(topic));
      if (now - event.time > maxAgeMs || isForgotten) this.#remove(event);
    }
    for (const topic of topics) {
      const rule = perTopic.find((each) => holds(each.topics, topic));
      this.#cut(this.kept(topic), rule?.maxEvents);
    }
    this.#cut(this.kept(), maxEvents);
  }

  /** Makes a topic known. */
  create(topic: string, options: TopicOptions, now: number): void {
    this.topics.set(topic, { ...this.topics.get(topic), since: now, options });
    if (this.#latestByKey) return;
    if (!this.#keepsLatest(topic)) this.#latest.forget(topic);
    else for (const event of this.kept(topic)) this.#replace(this.#latest.add(event, [topic]));
  }

  lease(topic: string, lease: Lease, now: number): void {
    this.topics.set(topic, { since: now, ...this.topics.get(topic), lease });
  }

  release(topic: string): void {
    const { options, since = 0, hidden } = this.topics.get(topic) ?? {};
    if (options) this.topics.set(topic, { options, since, hidden });
    else this.topics.forget(topic, this.step);
  }

  /** Returns whether the topic was known. */
  delete(topic: string, now: number): boolean {
    const kept = this.kept(topic);
    const { closing } = this.topics.get(topic) ?? {};
    if (kept.length === 0 && !this.topics.get(topic)) return false;
    const isPublic = kept.some((event) => !event.private) || (closing?.publicSeq ?? 0) > 0;
    const seq = this.head + 1;
    const parts = { seq, id: this.cursor(seq), topics: [topic], time: now, private: !isPublic, trimmedAt: this.step };
    this.events.push({ ...parts, type: '', name: '', forgets: false, deletes: true, replaced: false });
    this.topics.forget(topic, this.step);
    for (const event of kept) this.#remove(event);
    return true;
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
    return this.kept().find((event) => event.id === id && selected.has(event));
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

  /** The kept events, or those of a topic. */
  kept(topic?: string): PublishedEvent[] {
    return this.events.filter(
      (event) => event.trimmedAt === Infinity && (topic === undefined || event.topics.includes(topic)),
    );
  }

  #add({ topics, fields, latestKey, forget = false, final, ...rest }: NewEvent, now: number): void {
    const seq = this.head + 1;
    const type = fields.event ?? 'message';
    const latest = topics.filter((topic) => this.#keepsLatest(topic));
    const event: PublishedEvent = {
      seq,
      id: fields.id ?? this.cursor(seq),
      type,
      topics,
      private: rest.private === true,
      time: now,
      name: latestKey === undefined ? `type ${type}` : `key ${latestKey}`,
      forgets: forget,
      deletes: false,
      trimmedAt: Infinity,
      replaced: false,
    };
    this.events.push(event);
    if (this.#latestByKey)
      this.#replace(
        this.kept()
          .filter(({ name }) => name === event.name)
          .slice(0, -1),
      );
    else this.#replace(this.#latest.add(event, latest));
    for (const topic of topics) this.#note(topic, event, final === true, now);
  }

  #isHidden(topic: string): boolean {
    const kept = this.kept(topic);
    return kept.length > 0 ? kept.every((event) => event.private) : this.topics.get(topic)?.hidden === true;
  }

  /** What an event does to the state of one of its topics. */
  #note(topic: string, { seq, private: isPrivate }: PublishedEvent, final: boolean, now: number): void {
    const record = this.topics.get(topic);
    if (final) {
      const publicSeq = isPrivate ? (this.kept(topic).findLast((event) => !event.private)?.seq ?? 0) : seq;
      this.topics.close(topic, { seq, publicSeq }, this.step, now);
    } else if (record) {
      record.since = now;
      if (record.lease) record.lease.until = now + record.lease.ms;
    }
  }

  #outlive(now: number): void {
    for (const [topic, due] of this.topics.outlived(now)) {
      // What was too old before went before.
      this.trim(due);
      for (const event of this.kept(topic)) this.#remove(event);
      this.topics.forget(topic, this.step);
    }
  }

  #keepsLatest(topic: string): boolean {
    const rule = this.#retention.perTopic?.find(({ topics }) => holds(topics, topic));
    return (this.topics.get(topic)?.options?.keep ?? rule?.keep) === 'latest';
  }

  #replace(events: readonly PublishedEvent[]): void {
    for (const event of events) {
      event.replaced = true;
      this.#remove(event);
    }
  }

  #remove(event: PublishedEvent): void {
    event.trimmedAt = this.step;
    for (const topic of event.topics) {
      const record = this.topics.get(topic);
      if (!record || this.kept(topic).length > 0) continue;
      // Of a topic that nobody created and nobody leases, nothing is remembered without events.
      if (record.options || record.lease) record.hidden = event.private;
      else this.topics.forget(topic, this.step);
    }
  }

  #cut(events: PublishedEvent[], maxEvents = Infinity): void {
    for (const event of events.slice(0, Math.max(0, events.length - maxEvents))) this.#remove(event);
  }
}

/** Whether a set holds a topic. The model's patterns are names of topics. */
function holds(set: TopicSet, topic: string): boolean {
  if (set === 'all') return true;
  return set.some((matcher) => (typeof matcher === 'string' ? matcher : matcher.pattern) === topic);
}
