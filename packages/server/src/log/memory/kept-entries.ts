import { mergeBySeq } from '../keeping/merge.ts';
import type { LogEntry } from '../entry.ts';
import { copyOf } from '../keeping/frame.ts';
import { FORGOTTEN_MS } from '../keeping/latest-name.ts';
import type { LogTime } from '../keeping/log-time.ts';
import { RecentTopics } from '../keeping/recent-topics.ts';
import {
  type KeptSummary,
  PublicTopics,
  withEvent,
  withoutEvent,
  withTimes,
  hasNewest,
} from '../keeping/topic-summary.ts';
import { exceeds, TopicBounds, type LogRetention, type Retention, type TopicRetention } from '../keeping/retention.ts';
import type { Selector, TopicTest } from '../selection.ts';
import { costOfEntry, costOfTopic } from './cost.ts';
import { EntryList } from '../keeping/entry-list.ts';
import { SortedNames } from './sorted-names.ts';

/** How long an entry that forgets a key is kept. */
const FORGETTING: Retention = { maxAgeMs: FORGOTTEN_MS };

/** The kept events of a topic. */
export class KeptTopic {
  readonly topic: string;
  /** The topics of an event that has only this one: one list for all of them. */
  readonly only: readonly [string];
  readonly bounds: TopicRetention | undefined;
  /** Whether only the newest entry of each key is kept. */
  keepsLatest: boolean;
  readonly entries: EntryList = new EntryList();
  /** What the topic and its entries cost. */
  bytes: number;
  /** How much of it is private; undefined if nothing is. */
  hidden: KeptSummary['hidden'];

  constructor(topic: string, bounds: TopicRetention | undefined, bytes: number) {
    this.topic = topic;
    this.only = [topic];
    this.bounds = bounds;
    this.keepsLatest = bounds?.keep === 'latest';
    this.bytes = bytes;
    this.hidden = undefined;
  }

  /** When its newest event was appended, milliseconds since 1970. */
  get last(): number {
    return this.entries.last?.time ?? 0;
  }

  get summary(): KeptSummary {
    const { topic, entries, bytes, last, hidden } = this;
    return {
      topic,
      events: entries.length,
      bytes,
      last,
      lastSeq: entries.last?.seq ?? 0,
      ...(hidden ? { hidden } : {}),
    };
  }

  /** Its newest event, or its newest public one, up to a sequence number. */
  newest(publicOnly: boolean, through: number): LogEntry | undefined {
    for (const entry of this.entries.falling(through)) if (!publicOnly || !entry.private) return entry;
    return undefined;
  }
}

/** The entries of a log in memory with their indexes: by topic, by publisher's id, by age. */
export class KeptEntries {
  readonly topics: RecentTopics<KeptTopic> = new RecentTopics();
  readonly publicTopics: PublicTopics = new PublicTopics(() =>
    this.topics.newest(Infinity).map(({ summary }) => summary),
  );
  readonly names: SortedNames = new SortedNames();
  readonly #retention: LogRetention;
  readonly #bounds: TopicBounds;
  readonly #entries = new EntryList();
  // The entries of each publisher's id.
  readonly #ids = new Map<string, EntryList>();
  // For each rule that bounds the age of topics all entries of such topics, so that nothing is visited but what is too old.
  readonly #ages = new Map<TopicRetention, EntryList>();
  // The entries that forget a key.
  readonly #forgetting = new EntryList();
  readonly #time: LogTime;
  readonly #framesOnly: boolean;
  /** What everything costs that is kept. */
  #bytes = 0;

  /** @param framesOnly whether only the bytes of frames count */
  constructor(retention: LogRetention, time: LogTime, framesOnly: boolean) {
    this.#retention = retention;
    this.#time = time;
    this.#framesOnly = framesOnly;
    this.#bounds = new TopicBounds(retention);
    for (const bounds of retention.perTopic ?? []) {
      if (bounds.maxAgeMs !== undefined) this.#ages.set(bounds, new EntryList());
    }
  }

  get oldest(): LogEntry | undefined {
    return this.#entries.first;
  }

  /** The same topics in texts that are kept anyway, so that an event keeps no memory of the request that it came with. */
  topicsOf(names: readonly string[]): readonly string[] {
    const [first] = names;
    const only = names.length === 1 && first !== undefined ? this.topics.get(first)?.only : undefined;
    return only ?? names.map((name) => this.topics.get(name)?.topic ?? copyOf(name));
  }

  /** Counts what is kept beside the entries. */
  charge(bytes: number): void {
    if (!this.#framesOnly) this.#bytes += bytes;
  }

  add(entry: LogEntry, isNamed: boolean): void {
    const bytes = this.#costOf(entry, isNamed);
    this.#entries.push(entry);
    this.#bytes += bytes;
    for (const name of entry.topics) {
      const topic = this.topics.get(name) ?? this.#newTopic(name);
      if (entry.private || topic.hidden) topic.hidden = withEvent(name, topic.summary, entry, bytes).hidden;
      topic.entries.push(entry);
      topic.bytes += bytes;
      this.topics.putFirst(topic);
      this.#note(topic);
      const aged = topic.bounds && this.#ages.get(topic.bounds);
      if (aged && aged.last !== entry) aged.push(entry);
    }
    if (entry.forgets === true && this.latestTopicsOf(entry).length === entry.topics.length)
      this.#forgetting.push(entry);
    if (isNamed) {
      const entries = this.#ids.get(entry.id) ?? new EntryList();
      entries.push(entry);
      this.#ids.set(entry.id, entries);
    }
  }

  remove(entry: LogEntry): void {
    const named = this.#ids.get(entry.id);
    const bytes = this.#costOf(entry, named !== undefined);
    this.#entries.remove(entry.seq);
    if (entry.forgets === true) this.#forgetting.remove(entry.seq);
    this.#bytes -= bytes;
    for (const name of entry.topics) {
      const topic = this.topics.get(name);
      if (!topic) continue;
      const wasNewest = topic.entries.last === entry;
      const before = topic.hidden && topic.summary;
      topic.entries.remove(entry.seq);
      topic.bytes -= bytes;
      if (before) topic.hidden = hiddenWithout(topic, before, entry, bytes);
      this.#note(topic);
      if (topic.bounds) this.#ages.get(topic.bounds)?.remove(entry.seq);
      if (topic.entries.length === 0) {
        this.topics.delete(name);
        this.names.delete(name);
        this.#bytes -= topic.bytes;
      } else if (wasNewest) {
        this.topics.putBack(topic);
      }
    }
    named?.remove(entry.seq);
    if (named?.length === 0) this.#ids.delete(entry.id);
    this.#time.forget(this.#entries.first?.seq ?? entry.seq);
  }

  /** The topics of an entry that keep only the newest of each key. */
  latestTopicsOf({ topics }: LogEntry): readonly string[] {
    return topics.filter((name) => this.topics.get(name)?.keepsLatest);
  }

  /** Notes what is public of a topic, if that is not all. */
  #note(topic: KeptTopic): void {
    if (topic.hidden || this.publicTopics.differ) this.publicTopics.note(topic.summary);
  }

  #newTopic(name: string): KeptTopic {
    const topic = new KeptTopic(name, this.#bounds.of(name), this.#framesOnly ? 0 : costOfTopic(name));
    this.names.add(name);
    this.#bytes += topic.bytes;
    return topic;
  }

  /** The entries with a publisher's id after a sequence number, oldest first. */
  withId(id: string, after: number): Iterable<LogEntry> {
    return this.#ids.get(id)?.rising(after) ?? [];
  }

  /** When the next event becomes too old, by the log's own time; undefined if none will. */
  get due(): number | undefined {
    let due = this.#dueOf(this.#entries, this.#retention);
    for (const [bounds, entries] of this.#ages) due = Math.min(due, this.#dueOf(entries, bounds));
    due = Math.min(due, this.#dueOf(this.#forgetting, FORGETTING));
    return due === Infinity ? undefined : due;
  }

  /** The entries that are too old, and the excess of those topics and of the whole log. Each has to be removed before the next is requested. */
  *excess(now: number, topics: Iterable<string>): Iterable<LogEntry> {
    for (const [bounds, entries] of this.#ages) {
      for (let { first } = entries; first && this.#dueOf(entries, bounds) <= now; { first } = entries) yield first;
    }
    const forgetting = this.#forgetting;
    for (let { first } = forgetting; first && this.#dueOf(forgetting, FORGETTING) <= now; { first } = forgetting) {
      yield first;
    }
    for (const name of topics) {
      const topic = this.topics.get(name);
      if (!topic?.bounds) continue;
      const { entries, bounds } = topic;
      for (let { first } = entries; first && this.#isTooMuch(entries, topic.bytes, bounds, now); { first } = entries) {
        yield first;
      }
    }
    const entries = this.#entries;
    const bounds = this.#retention;
    for (let { first } = entries; first && this.#isTooMuch(entries, this.#bytes, bounds, now); { first } = entries) {
      yield first;
    }
  }

  /** Entries after a sequence number, oldest first, which include all selected ones. */
  rising(selector: Selector, after: number): Iterable<LogEntry> {
    const lists = this.#shorterOf(selector.topics, after);
    const [first = this.#entries] = lists;
    if (lists.length === 1) return first.rising(after);
    return mergeBySeq(
      lists.map((list) => list.rising(after)),
      seqOf,
      'rising',
    );
  }

  /** Entries up to a sequence number, newest first, which include all selected ones. */
  falling(selector: Selector, through: number): Iterable<LogEntry> {
    // Not all entries if only some topics are selected: very many others may come before theirs.
    const lists = selector.topics.isExact ? this.#listsOf(selector.topics) : [this.#entries];
    const [first = this.#entries] = lists;
    if (lists.length === 1) return first.falling(through);
    return mergeBySeq(
      lists.map((list) => list.falling(through)),
      seqOf,
      'falling',
    );
  }

  /** The lists of some topics. */
  #listsOf(topics: TopicTest): EntryList[] {
    return [...topics.exact].flatMap((name) => this.topics.get(name)?.entries ?? []);
  }

  /** The lists that hold all entries of some topics: those of the topics, or the one of all topics if that is less work to go through. */
  #shorterOf(topics: TopicTest, after: number): EntryList[] {
    if (!topics.isExact) return [this.#entries];
    const lists = this.#listsOf(topics);
    const lengthOf = (list: EntryList): number => list.countAfter(after);
    const length = lists.reduce((sum, list) => sum + lengthOf(list), 0);
    return length * Math.log2(lists.length) > lengthOf(this.#entries) ? [this.#entries] : lists;
  }

  #costOf(entry: LogEntry, isNamed: boolean): number {
    return this.#framesOnly ? entry.frame.length : costOfEntry(entry, isNamed);
  }

  /** When the first of them becomes too old. */
  #dueOf({ first }: EntryList, { maxAgeMs = Infinity }: Retention): number {
    return first ? this.#time.of(first) + maxAgeMs + 1 : Infinity;
  }

  #isTooMuch({ first, length }: EntryList, bytes: number, bounds: Retention, now: number): boolean {
    return exceeds({ events: length, bytes, oldest: first ? this.#time.of(first) : 0 }, bounds, now);
  }
}

/** What of a topic is private without an entry that has been removed. */
function hiddenWithout(topic: KeptTopic, before: KeptSummary, entry: LogEntry, bytes: number): KeptSummary['hidden'] {
  const after = withoutEvent(before, entry, bytes);
  if (!hasNewest(before, entry)) return after.hidden;
  return withTimes(after, (publicOnly, through) => topic.newest(publicOnly, through)).hidden;
}

function seqOf(entry: LogEntry): number {
  return entry.seq;
}
