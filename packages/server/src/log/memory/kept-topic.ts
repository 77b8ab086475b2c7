import type { LogEntry } from '../entry.ts';
import { EntryList } from '../keeping/entry-list.ts';
import type { TopicRetention } from '../keeping/retention.ts';
import type { TopicFacts } from '../keeping/topic-rules.ts';
import { hasNewest, type KeptSummary, withoutEvent, withTimes } from '../keeping/topic-summary.ts';
import { ENTRY_STEPS, type Turn } from '../keeping/turns.ts';
import type { TopicStatus } from '../topic-states.ts';

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

  constructor(topic: string, bounds: TopicRetention | undefined, bytes: number) {
    this.topic = topic;
    this.only = [topic];
    this.bounds = bounds;
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

  get facts(): TopicFacts {
    const { entries, hidden } = this;
    const lastSeq = entries.last?.seq ?? 0;
    return { events: entries.length, lastSeq, publicSeq: hidden ? hidden.publicSeq : lastSeq };
  }

  /** How many entries are kept, with the first and the last; undefined if the turn was over before that was known. */
  ends(publicOnly: boolean, turn: Turn): TopicEnds | undefined {
    const { entries, hidden } = this;
    const events = entries.length - (publicOnly ? (hidden?.events ?? 0) : 0);
    if (events === 0) return { events };
    for (const { seq, id, private: isPrivate } of entries.rising(0)) {
      turn.steps += ENTRY_STEPS;
      if (turn.isOver) return undefined;
      if (publicOnly && isPrivate) continue;
      const newest = this.newest(publicOnly, Infinity);
      return { events, earliest: { seq, id }, ...(newest ? { newest: { seq: newest.seq, id: newest.id } } : {}) };
    }
    return { events };
  }

  /** The oldest entries, at most so many. */
  oldest(count: number): readonly LogEntry[] {
    const found: LogEntry[] = [];
    for (const entry of this.entries.rising(0)) if (found.push(entry) === count) break;
    return found;
  }

  /** Takes an entry out. */
  remove(entry: LogEntry, bytes: number): void {
    const before = this.hidden && this.summary;
    this.entries.remove(entry.seq);
    this.bytes -= bytes;
    if (before) this.hidden = hiddenWithout(this, before, entry, bytes);
  }
}

/** What of a topic is private without an entry that has been removed. */
function hiddenWithout(topic: KeptTopic, before: KeptSummary, entry: LogEntry, bytes: number): KeptSummary['hidden'] {
  const after = withoutEvent(before, entry, bytes);
  if (!hasNewest(before, entry)) return after.hidden;
  return withTimes(after, (publicOnly, through) => topic.newest(publicOnly, through)).hidden;
}
