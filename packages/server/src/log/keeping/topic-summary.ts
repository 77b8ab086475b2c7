import type { LogEntry } from '../entry.ts';
import type { TopicTotals } from '../event-log.ts';
import { RecentTopics } from './recent-topics.ts';
import { ENTRY_STEPS, type Turn } from './turns.ts';

// How many names are looked up at once.
const NAMES_AT_ONCE = 256;

/** What a log keeps of a topic, and how much of it is private. */
export interface KeptSummary extends TopicTotals {
  /** The sequence number of its newest event; 0 if none is kept. */
  readonly lastSeq: number;
  /**
   * The sequence number of the first event that it has had which has a type of its own, in a log that finds events by their types from there on; undefined
   * if all of its events are of the type `message`, or if the log does not.
   */
  readonly typedFrom?: number;
  /** Undefined if nothing of it is private. */
  readonly hidden?: {
    readonly events: number;
    readonly bytes: number;
    /** When the newest public event was appended, milliseconds since 1970; 0 if none is kept. */
    readonly publicLast: number;
    /** The sequence number of that event; 0 if none is kept. */
    readonly publicSeq: number;
  };
}

type Event = Pick<LogEntry, 'seq' | 'time' | 'private'>;

/** Returns what a topic becomes with another event. @param bytes what the event costs */
export function withEvent(topic: string, before: KeptSummary | undefined, event: Event, bytes: number): KeptSummary {
  const { hidden, typedFrom } = before ?? {};
  const { seq: lastSeq, time: last } = event;
  const counted = { topic, events: (before?.events ?? 0) + 1, bytes: (before?.bytes ?? 0) + bytes, last, lastSeq };
  const after = typedFrom === undefined ? counted : { ...counted, typedFrom };
  if (!event.private) return hidden ? { ...after, hidden: { ...hidden, publicLast: last, publicSeq: lastSeq } } : after;
  const known = hidden ?? { events: 0, bytes: 0, publicLast: before?.last ?? 0, publicSeq: before?.lastSeq ?? 0 };
  return { ...after, hidden: { ...known, events: known.events + 1, bytes: known.bytes + bytes } };
}

/** Returns what a topic becomes without one of its events. If {@link hasNewest}, its times have to be found anew. */
export function withoutEvent(before: KeptSummary, event: Event, bytes: number): KeptSummary {
  const { hidden, ...rest } = before;
  const after = { ...rest, events: rest.events - 1, bytes: rest.bytes - bytes };
  if (!hidden || (event.private && hidden.events === 1)) return after;
  if (!event.private) return { ...after, hidden };
  return { ...after, hidden: { ...hidden, events: hidden.events - 1, bytes: hidden.bytes - bytes } };
}

/** Whether an event may be the newest of a topic, or the newest public one. */
export function hasNewest({ lastSeq, hidden }: KeptSummary, event: Event): boolean {
  return event.seq >= lastSeq || (hidden !== undefined && !event.private && event.seq >= hidden.publicSeq);
}

/** Finds the newest event of a topic, or its newest public one, up to a sequence number. */
export type FindNewest = (publicOnly: boolean, through: number) => Pick<LogEntry, 'seq' | 'time'> | undefined;

/** Returns what a topic becomes when its times are found anew. The search begins at the newest event that was known, because none after it counts. */
export function withTimes(summary: KeptSummary, findNewest: FindNewest): KeptSummary {
  const { hidden, events, ...rest } = summary;
  const newest = findNewest(false, rest.lastSeq);
  const after = { ...rest, events, last: newest?.time ?? 0, lastSeq: newest?.seq ?? 0 };
  if (!hidden) return after;
  const found = events > hidden.events ? findNewest(true, hidden.publicSeq) : undefined;
  return { ...after, hidden: { ...hidden, publicLast: found?.time ?? 0, publicSeq: found?.seq ?? 0 } };
}

/** Returns what of a topic is public; undefined if nothing is. */
export function publicPart({ topic, events, bytes, last, hidden }: KeptSummary): TopicTotals | undefined {
  if (!hidden) return { topic, events, bytes, last };
  if (events === hidden.events) return undefined;
  return { topic, events: events - hidden.events, bytes: bytes - hidden.bytes, last: hidden.publicLast };
}

/** All topics by their names, a page behind one of them at a time. */
export interface TopicNames {
  page(after: string | undefined, limit: number): readonly string[];
}

/** A page of public topics by their names, while it is put together. */
export interface PublicPage {
  readonly topics: TopicTotals[];
  readonly limit: number;
  /** The name behind which it goes on. */
  after: string | undefined;
}

/** Topics in the order of their newest public events. It is only kept while it differs from the order of all events. */
export class PublicTopics {
  readonly #all: () => Iterable<KeptSummary>;
  #topics: RecentTopics<TopicTotals> | undefined;

  /** @param all what is kept of all topics, the one with the newest event first */
  constructor(all: () => Iterable<KeptSummary>) {
    this.#all = all;
  }

  /** Notes what a topic has become. */
  note(summary: KeptSummary): void {
    if (!this.#topics && summary.hidden) this.#topics = sorted(this.#all());
    const topics = this.#topics;
    if (!topics) return;
    const part = summary.events === 0 ? undefined : publicPart(summary);
    if (!part) topics.delete(summary.topic);
    else if (part.events > (topics.get(part.topic)?.events ?? 0)) topics.putFirst(part);
    else topics.putBack(part);
  }

  /** Whether there are private events, so that these topics are not just all of them. */
  get differ(): boolean {
    return this.#topics !== undefined;
  }

  get total(): number {
    return this.#topics?.size ?? 0;
  }

  /** The public part of a topic. */
  get(topic: string): TopicTotals | undefined {
    return this.#topics?.get(topic);
  }

  /** Goes on with a page by names for as long as the turn allows. Returns whether it is complete: very many topics without public events may be in between. */
  extend(page: PublicPage, names: TopicNames, turn: Turn): boolean {
    for (;;) {
      const some = names.page(page.after, NAMES_AT_ONCE);
      for (const name of some) {
        turn.steps += ENTRY_STEPS;
        page.after = name;
        const part = this.get(name);
        if (part) page.topics.push(part);
        if (page.topics.length === page.limit) return true;
        if (turn.isOver) return false;
      }
      if (some.length < NAMES_AT_ONCE) return true;
    }
  }

  /** At most `limit` of them, the one with the newest public event first. */
  newest(limit: number): TopicTotals[] {
    return this.#topics?.newest(limit) ?? [];
  }
}

function sorted(all: Iterable<KeptSummary>): RecentTopics<TopicTotals> {
  const parts = [...all].flatMap((summary) => publicPart(summary) ?? []);
  const topics = new RecentTopics<TopicTotals>();
  for (const part of parts.toSorted((one, other) => one.last - other.last)) topics.putFirst(part);
  return topics;
}
