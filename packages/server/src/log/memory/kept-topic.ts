import type { LogEntry } from '../entry.ts';
import { EntryList } from '../keeping/entry-list.ts';
import { PrivateOthers } from '../keeping/private-others.ts';
import type { TopicRetention } from '../keeping/retention.ts';
import type { TopicFacts } from '../keeping/topic-rules.ts';
import { hasNewest, type KeptSummary, withoutEvent, withTimes } from '../keeping/topic-summary.ts';
import { ENTRY_STEPS, type Turn } from '../keeping/turns.ts';
import type { TopicStatus } from '../topic-states.ts';
import { NO_TYPE } from '../type-of.ts';
import { type EntrySource, TypeLists } from './type-lists.ts';

/** The number of kept events, and the first and the last of them. */
export type TopicEnds = Pick<TopicStatus, 'events' | 'earliest' | 'newest'>;

/** The kept events of a topic. */
export class KeptTopic {
  readonly topic: string;
  /** The topics of an event that has only this one: one list for all of them. */
  readonly only: readonly [string];
  readonly bounds: TopicRetention | undefined;
  readonly entries: EntryList = new EntryList();
  /** What the topic and its entries cost. */
  bytes: number;
  /** How much of it is private; undefined if nothing is. */
  hidden: KeptSummary['hidden'];
  /** Undefined if no entry has had a type of its own. */
  #types: TypeLists | undefined;
  /** All entries up to this sequence number are private: who asked before has seen them, and none is added there. */
  #privateThrough = 0;

  constructor(topic: string, bounds: TopicRetention | undefined, bytes: number) {
    this.topic = topic;
    this.only = [topic];
    this.bounds = bounds;
    this.bytes = bytes;
    this.hidden = undefined;
  }

  /** What it costs that its entries are found by their types. */
  get typeBytes(): number {
    return this.#types?.bytes ?? 0;
  }

  /** Adds its newest entry. @param type the type of that, if it is not `message` */
  push(entry: LogEntry, type: string | undefined): void {
    this.entries.push(entry);
    if (type !== undefined) this.#types ??= new TypeLists(entry.seq);
    this.#types?.push(entry, type);
  }

  /** What holds all of its entries of some types, or of all. */
  sourcesOf(types: ReadonlySet<string> | undefined): EntrySource[] {
    if (types && this.#types) return this.#types.of(types, this.entries);
    return !types || types.has(NO_TYPE) ? [this.entries] : [];
  }

  /** The sequence number of its newest entry. */
  get lastSeq(): number {
    return this.entries.last?.seq ?? 0;
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
      lastSeq: this.lastSeq,
      ...(hidden ? { hidden } : {}),
    };
  }

  /** Its newest event, or its newest public one, up to a sequence number. */
  newest(publicOnly: boolean, through: number): LogEntry | undefined {
    for (const entry of this.entries.falling(through)) if (!publicOnly || !entry.private) return entry;
    return undefined;
  }

  get facts(): TopicFacts {
    const { entries, hidden, lastSeq } = this;
    return { events: entries.length, lastSeq, publicSeq: hidden ? hidden.publicSeq : lastSeq };
  }

  /** How many entries are kept, with the first and the last; undefined if the turn was over before that was known. The next one goes on from there. */
  ends(publicOnly: boolean, turn: Turn): TopicEnds | undefined {
    const { entries, hidden } = this;
    const events = entries.length - (publicOnly ? (hidden?.events ?? 0) : 0);
    if (events === 0) return { events };
    for (const { seq, id, private: isPrivate } of entries.rising(publicOnly ? this.#privateThrough : 0)) {
      turn.steps += ENTRY_STEPS;
      if (turn.isOver) return undefined;
      if (publicOnly && isPrivate) {
        this.#privateThrough = seq;
        continue;
      }
      const newest = this.newest(publicOnly, publicOnly ? this.facts.publicSeq : Infinity);
      return { events, earliest: { seq, id }, ...(newest ? { newest: { seq: newest.seq, id: newest.id } } : {}) };
    }
    return { events };
  }

  /** Which other topics its private events have. It looks at all of its events. */
  get privateOthers(): PrivateOthers {
    const others = new PrivateOthers(this.topic);
    if (this.hidden) for (const entry of this.entries.rising(0)) others.add(entry);
    return others;
  }

  /** The oldest entries after a sequence number, at most so many. */
  oldest(count: number, after = 0): readonly LogEntry[] {
    const found: LogEntry[] = [];
    for (const entry of this.entries.rising(after)) if (found.push(entry) === count) break;
    return found;
  }

  /** Takes an entry out. */
  remove(entry: LogEntry, bytes: number): void {
    const before = this.hidden && this.summary;
    this.drop(entry);
    this.bytes -= bytes;
    if (before) this.hidden = hiddenWithout(this, before, entry, bytes);
  }

  /** The same without counting it. */
  drop(entry: LogEntry): void {
    this.entries.remove(entry.seq);
    this.#types?.remove(entry);
  }
}

/** What of a topic is private without an entry that has been removed. */
function hiddenWithout(topic: KeptTopic, before: KeptSummary, entry: LogEntry, bytes: number): KeptSummary['hidden'] {
  const after = withoutEvent(before, entry, bytes);
  if (!hasNewest(before, entry)) return after.hidden;
  return withTimes(after, (publicOnly, through) => topic.newest(publicOnly, through)).hidden;
}
