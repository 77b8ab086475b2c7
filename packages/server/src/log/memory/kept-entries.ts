import { mergeBySeq, mergeFalling } from '../keeping/merge.ts';
import type { LogEntry } from '../entry.ts';
import { copyOf } from '../keeping/frame.ts';
import { FORGOTTEN_MS } from '../keeping/latest-name.ts';
import { DISORDER_MS, type LogTime } from '../keeping/log-time.ts';
import { RecentTopics } from '../keeping/recent-topics.ts';
import { PublicTopics, withEvent } from '../keeping/topic-summary.ts';
import type { SearchedTopic, SelectedTopic } from '../keeping/topic-search.ts';
import type { TopicFacts } from '../keeping/topic-rules.ts';
import {
  exceeds,
  type Keep,
  TopicBounds,
  type LogRetention,
  type Retention,
  type TopicRetention,
} from '../keeping/retention.ts';
import type { Selector, TopicTest } from '../selection.ts';
import { costOfEntry, costOfTopic } from './cost.ts';
import { EntryList } from '../keeping/entry-list.ts';
import { KeptTopic } from './kept-topic.ts';
import { SortedNames } from './sorted-names.ts';

/** How long an entry that forgets a key is kept. */
const FORGETTING: Retention = { maxAgeMs: FORGOTTEN_MS };

const NO_FACTS: TopicFacts = { events: 0, lastSeq: 0, publicSeq: 0 };

/** What the entries of a log need of it. */
export interface KeptHost {
  /** The last entry of a topic has been removed. */
  emptied(topic: string): void;
  /** What of a topic is kept, if it was created with that. */
  keepOf(topic: string): Keep | undefined;
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
  readonly #host: KeptHost;
  /** A topic that was deleted, while its entries up to a sequence number are being removed. Nobody else is given them. */
  #detached: { readonly topic: KeptTopic; readonly through: number } | undefined;
  /** What everything costs that is kept. */
  #bytes = 0;

  /** @param framesOnly whether only the bytes of frames count */
  constructor(retention: LogRetention, time: LogTime, framesOnly: boolean, host: KeptHost) {
    this.#host = host;
    this.#retention = retention;
    this.#time = time;
    this.#framesOnly = framesOnly;
    this.#bounds = new TopicBounds(retention);
    for (const bounds of retention.perTopic ?? []) {
      if (bounds.maxAgeMs !== undefined) this.#ages.set(bounds, new EntryList());
    }
  }

  /** The oldest entries up to a sequence number. Each has to be removed before the next is requested. */
  *upTo(through: number): Iterable<LogEntry> {
    for (let { first } = this.#entries; first && first.seq <= through; { first } = this.#entries) yield first;
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
      if (this.#isDetached(name, entry)) {
        this.#removeDetached(entry);
        continue;
      }
      const topic = this.topics.get(name);
      if (!topic) continue;
      const wasNewest = topic.entries.last === entry;
      topic.remove(entry, bytes);
      this.#note(topic);
      if (topic.bounds) this.#ages.get(topic.bounds)?.remove(entry.seq);
      if (topic.entries.length === 0) {
        this.topics.delete(name);
        this.names.delete(name);
        this.#bytes -= topic.bytes;
        this.#host.emptied(name);
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
    return topics.filter((name) => this.keepsLatest(name));
  }

  /** Whether a topic keeps only the newest entry of each key: as it was created, else as its rule says. */
  keepsLatest(name: string): boolean {
    return (this.#host.keepOf(name) ?? this.topics.get(name)?.bounds?.keep) === 'latest';
  }

  /** What of a topic is kept. */
  factsOf(name: string): TopicFacts {
    return this.topics.get(name)?.facts ?? NO_FACTS;
  }

  /** The oldest entries of a topic, at most so many. */
  oldestOf(name: string, count: number): readonly LogEntry[] {
    return this.topics.get(name)?.oldest(count) ?? [];
  }

  /** Takes a topic out, at once, with all of its entries up to a sequence number. They have to be removed after that. */
  detach(name: string, through: number): void {
    const topic = this.topics.get(name);
    if (!topic) return;
    this.#detached = { topic, through };
    this.topics.delete(name);
    this.names.delete(name);
    if (topic.hidden || this.publicTopics.differ) this.publicTopics.note({ ...topic.summary, events: 0 });
    this.#bytes -= this.#framesOnly ? 0 : costOfTopic(name);
  }

  /** Entries of the topic that was taken out, at most so many. */
  detached(count: number): readonly LogEntry[] {
    return this.#detached?.topic.oldest(count) ?? [];
  }

  forgetDetached(): void {
    this.#detached = undefined;
  }

  /** The same entry, or without the topic that was taken out; undefined if it has no other. */
  visible(entry: LogEntry): LogEntry | undefined {
    if (!this.#detached || !entry.topics.some((name) => this.#isDetached(name, entry))) return entry;
    const topics = entry.topics.filter((name) => !this.#isDetached(name, entry));
    return topics.length === 0 ? undefined : { ...entry, topics };
  }

  #isDetached(name: string, { seq }: LogEntry): boolean {
    const detached = this.#detached;
    return detached !== undefined && detached.topic.topic === name && seq <= detached.through;
  }

  #removeDetached({ seq }: LogEntry): void {
    const { topic } = this.#detached ?? {};
    topic?.entries.remove(seq);
    if (topic?.bounds) this.#ages.get(topic.bounds)?.remove(seq);
  }

  /** Leaves out what nobody is given any more. */
  #allVisible(entries: Iterable<LogEntry>): Iterable<LogEntry> {
    return this.#detached ? visibleOf(entries, (entry) => this.visible(entry)) : entries;
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
    return this.#allVisible(this.#ids.get(id)?.rising(after) ?? []);
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

  /**
   * The entries among which the first one is that was appended since a time of the log's own, oldest first.
   * @param after those up to this sequence number are known to be older
   */
  since(time: number, after: number): Iterable<LogEntry> {
    const first = this.#entries.firstWith((entry) => this.#time.of(entry) >= time - DISORDER_MS);
    return first ? this.#entries.rising(Math.max(after, first.seq - 1)) : [];
  }

  /** Entries after a sequence number, oldest first, which include all selected ones. */
  rising(selector: Selector, after: number): Iterable<LogEntry> {
    const lists = this.#shorterOf(selector.topics, after);
    const [first = this.#entries] = lists;
    if (lists.length === 1) return this.#allVisible(first.rising(after));
    const sources = lists.map((list) => list.rising(after));
    return this.#allVisible(mergeBySeq(sources, seqOf, 'rising'));
  }

  /** How many events are kept. */
  get length(): number {
    return this.#entries.length;
  }

  /** All topics, for a search. */
  searched(): SearchedTopic[] {
    return this.topics.newest(Infinity).map(({ topic, entries }) => {
      return { topic, events: entries.length, lastSeq: entries.last?.seq ?? 0 };
    });
  }

  /** Entries of these topics up to a sequence number, newest first. */
  fallingOf(topics: readonly SelectedTopic[], through: number): Iterable<LogEntry> {
    const sources = topics.map(({ topic, last }) => {
      return { last, open: () => this.topics.get(topic)?.entries.falling(through) ?? [] };
    });
    return this.#allVisible(mergeFalling(sources, seqOf));
  }

  /** Entries up to a sequence number, newest first, which include all selected ones. */
  falling(selector: Selector, through: number): Iterable<LogEntry> {
    // Not all entries if only some topics are selected: very many others may come before theirs.
    const lists = selector.topics.isExact ? this.#listsOf(selector.topics) : [this.#entries];
    const [first = this.#entries] = lists;
    if (lists.length === 1) return this.#allVisible(first.falling(through));
    const sources = lists.map((list) => list.falling(through));
    return this.#allVisible(mergeBySeq(sources, seqOf, 'falling'));
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

function* visibleOf(
  entries: Iterable<LogEntry>,
  visible: (entry: LogEntry) => LogEntry | undefined,
): Iterable<LogEntry> {
  for (const entry of entries) {
    const seen = visible(entry);
    if (seen) yield seen;
  }
}

function seqOf(entry: LogEntry): number {
  return entry.seq;
}
