import type { LogEntry } from '../entry.ts';
import type { LogTotals } from '../event-log.ts';
import { copyOf } from '../keeping/frame.ts';
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
import { EntrySources, type LastSource, visibleOf } from './entry-sources.ts';
import { FORGETTING, ForgettingEntries } from './forgetting-entries.ts';
import { KeptTopic } from './kept-topic.ts';
import { SortedNames } from './sorted-names.ts';

const NO_FACTS: TopicFacts = { events: 0, lastSeq: 0, publicSeq: 0 };

/** What the entries of a log need of it. */
export interface KeptHost {
  /** The last entry of a topic has been removed, which may have been private. */
  emptied(topic: string, wasPrivate: boolean): void;
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
  /** The rules for topics. */
  readonly rules: TopicBounds;
  readonly #entries = new EntryList();
  readonly #sources: EntrySources = new EntrySources(this.topics, this.#entries);
  // The entries of each publisher's id.
  readonly #ids = new Map<string, EntryList>();
  // For each rule that bounds the age of topics all entries of such topics, so that nothing is visited but what is too old.
  readonly #ages = new Map<TopicRetention, EntryList>();
  readonly #forgetting = new ForgettingEntries((entry) => this.latestTopicsOf(entry).length === entry.topics.length);
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
    this.rules = new TopicBounds(retention);
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

  /** The number of entries, and what everything costs that is kept. */
  get totals(): LogTotals {
    return { events: this.#entries.length, bytes: this.#bytes };
  }

  /** Counts what is kept beside the entries. */
  charge(bytes: number): void {
    if (!this.#framesOnly) this.#bytes += bytes;
  }

  /** Counts the difference that a change makes to the cost of an index. */
  chargeFor(index: { readonly bytes: number }, change: () => void): void {
    const before = index.bytes;
    change();
    this.charge(index.bytes - before);
  }

  /** @param type the type of the entry, if it is not `message` */
  add(entry: LogEntry, isNamed: boolean, type: string | undefined): void {
    const bytes = this.#costOf(entry, isNamed);
    this.#entries.push(entry);
    this.#bytes += bytes;
    for (const name of entry.topics) {
      const topic = this.topics.get(name) ?? this.#newTopic(name);
      if (entry.private || topic.hidden) topic.hidden = withEvent(name, topic.summary, entry, bytes).hidden;
      this.#chargeTypes(topic, () => topic.push(entry, type));
      topic.bytes += bytes;
      this.topics.putFirst(topic);
      this.#note(topic);
      const aged = topic.bounds && this.#ages.get(topic.bounds);
      if (aged && aged.last !== entry) aged.push(entry);
    }
    this.#forgetting.add(entry);
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
    this.#forgetting.remove(entry);
    this.#bytes -= bytes;
    for (const name of entry.topics) {
      if (this.#isDetached(name, entry)) {
        this.#removeDetached(entry);
        continue;
      }
      const topic = this.topics.get(name);
      if (!topic) continue;
      const wasNewest = topic.entries.last === entry;
      this.#chargeTypes(topic, () => topic.remove(entry, bytes));
      this.#note(topic);
      if (topic.bounds) this.#ages.get(topic.bounds)?.remove(entry.seq);
      if (topic.entries.length === 0) {
        this.topics.delete(name);
        this.names.delete(name);
        this.#bytes -= topic.bytes;
        this.#host.emptied(name, entry.private);
      } else if (wasNewest) {
        this.topics.putBack(topic);
      }
    }
    named?.remove(entry.seq);
    if (named?.length === 0) this.#ids.delete(entry.id);
    this.#time.forget(this.#entries.first?.seq ?? entry.seq);
  }

  /** Takes note of entries of a topic that keeps the latest from now on. */
  noteLatest(entries: readonly LogEntry[]): void {
    this.#forgetting.addOlder(entries);
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

  /** The oldest entries of a topic after a sequence number, at most so many. */
  oldestOf(name: string, count: number, after = 0): readonly LogEntry[] {
    return this.topics.get(name)?.oldest(count, after) ?? [];
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

  #removeDetached(entry: LogEntry): void {
    const { topic } = this.#detached ?? {};
    if (!topic) return;
    this.#chargeTypes(topic, () => topic.drop(entry));
    if (topic.bounds) this.#ages.get(topic.bounds)?.remove(entry.seq);
  }

  /** Counts the difference that a change makes to the lists by type. They do not count for the topic: what is public of it would show private types. */
  #chargeTypes(topic: KeptTopic, change: () => void): void {
    const before = topic.typeBytes;
    change();
    this.charge(topic.typeBytes - before);
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
    const topic = new KeptTopic(name, this.rules.of(name), this.#framesOnly ? 0 : costOfTopic(name));
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
    due = Math.min(due, this.#dueOf(this.#forgetting.list, FORGETTING));
    return due === Infinity ? undefined : due;
  }

  /** The entries that are too old, and the excess of those topics and of the whole log. Each has to be removed before the next is requested. */
  *excess(now: number, topics: Iterable<string>): Iterable<LogEntry> {
    for (const [bounds, entries] of this.#ages) {
      for (let { first } = entries; first && this.#dueOf(entries, bounds) <= now; { first } = entries) yield first;
    }
    yield* this.#forgetting.due((list) => this.#dueOf(list, FORGETTING) <= now);
    for (const name of topics) {
      const topic = this.topics.get(name);
      if (!topic?.bounds) continue;
      const { entries, bounds } = topic;
      while (entries.first && this.#isTooMuch(entries, topic.bytes, bounds, now)) yield entries.first;
    }
    const all = this.#entries;
    while (all.first && this.#isTooMuch(all, this.#bytes, this.#retention, now)) yield all.first;
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
    return this.#allVisible(this.#sources.rising(selector, after));
  }

  /** The entries with these sequence numbers, as far as they are kept. */
  *at(seqs: Iterable<number>): Iterable<LogEntry> {
    for (const seq of seqs) {
      const entry = this.#entries.at(seq);
      const seen = entry && this.visible(entry);
      if (seen) yield seen;
    }
  }

  /** How many events are kept. */
  get length(): number {
    return this.#entries.length;
  }

  /** The topics among which a search is for some: those that are named exactly if there are no patterns, else all. */
  searched({ exact, isExact }: TopicTest): SearchedTopic[] {
    const topics = isExact ? [...exact].flatMap((name) => this.topics.get(name) ?? []) : this.topics.newest(Infinity);
    return topics.map(({ topic, entries, lastSeq }) => ({ topic, events: entries.length, lastSeq }));
  }

  /** The lists of a topic that have entries of some types, or of all, up to the last that is wanted of it. */
  listsOf(topic: SelectedTopic, types?: ReadonlySet<string>): readonly LastSource[] {
    return this.#sources.lastOf(topic, types);
  }

  /** The same of exact topics, all up to one sequence number. */
  listsUpTo(selector: Selector, last: number): readonly LastSource[] {
    return this.#sources.upTo(selector, last);
  }

  /** All entries up to a sequence number, newest first. */
  falling(through: number): Iterable<LogEntry> {
    return this.#allVisible(this.#entries.falling(through));
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
