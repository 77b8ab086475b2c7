import {
  type Epochs,
  formatCursor,
  type KeptSummary,
  latestNameOf,
  type LogEntry,
  type PreparedEvent,
} from '@tidings/server/log';

/** What is asked of an event when it is looked at without its frame. */
export interface EventMeta {
  readonly seq: number;
  readonly topics: string;
  readonly private: boolean;
  readonly type: string | null;
}

/** A row of the table of events. */
export interface EventRow extends EventMeta {
  readonly id: string | null;
  readonly latest_key: string | null;
  readonly forgets: boolean;
  readonly final: boolean;
  readonly time: number;
  readonly frame: Buffer;
}

export const META_COLUMNS = 'e.seq, e.topics, e.private, e.type';
export const EVENT_COLUMNS: string = `${META_COLUMNS}, e.id, e.latest_key, e.forgets, e.final, e.time, e.frame`;

const encoder = new TextEncoder();

export function topicsOf({ topics }: Pick<EventMeta, 'topics'>): readonly string[] {
  return JSON.parse(topics) as string[];
}

/**
 * Those of some names that an event may have. Others may be asked for, and a text of PostgreSQL cannot have them: a NUL, or half of a character, which would be taken for
 * another one.
 */
export function possibleOf(names: Iterable<string>): string[] {
  return [...names].filter((name) => !name.includes('\0') && name.isWellFormed());
}

/** An event as who reads the log gets it. */
export function entryOf(row: EventRow, epochs: Epochs): LogEntry {
  const { seq, id, time, private: isPrivate, frame, latest_key: latestKey, forgets, final } = row;
  return {
    seq,
    id: id ?? formatCursor({ epoch: epochs.of(seq), seq }),
    topics: topicsOf(row),
    time,
    private: isPrivate,
    frame,
    ...(latestKey === null ? {} : { latestKey }),
    ...(forgets ? { forgets } : {}),
    ...(final ? { final } : {}),
  };
}

/** An event as a selection looks at it: the frame has its type and nothing else. */
export function metaEntryOf(row: EventMeta): LogEntry {
  const { seq, private: isPrivate, type } = row;
  const frame = encoder.encode(type === null ? 'data:\n\n' : `event: ${type}\ndata:\n\n`);
  return { seq, id: '', topics: topicsOf(row), time: 0, private: isPrivate, frame };
}

/** An event that is about to be written, as the statement that writes it takes it. */
export function rowOf(
  entry: LogEntry,
  { id, type }: PreparedEvent,
  at: number,
  cost: number,
): Record<string, unknown> & { readonly seq: number } {
  const { seq, topics, time, private: isPrivate, frame, latestKey, forgets, final } = entry;
  return {
    seq,
    id: id ?? null,
    topics: JSON.stringify(topics),
    private: isPrivate,
    type: type ?? null,
    name: latestNameOf(entry),
    latest_key: latestKey ?? null,
    forgets: forgets === true,
    final: final === true,
    time,
    at,
    cost,
    size: frame.length,
  };
}

/** A row of the table of topics. */
export interface TopicRow {
  readonly topic: string;
  readonly events: number;
  readonly bytes: number;
  readonly last: number;
  readonly last_seq: number;
  readonly hidden_events: number;
  readonly hidden_bytes: number;
  readonly public_last: number;
  readonly public_seq: number;
  readonly oldest: number;
}

/** What is kept of a topic, and since when, by the log's own time. */
export interface Summary extends KeptSummary {
  readonly oldest: number;
}

export function summaryOf(row: TopicRow): Summary {
  const { topic, events, bytes, last, last_seq: lastSeq, oldest } = row;
  const {
    hidden_events: hiddenEvents,
    hidden_bytes: hiddenBytes,
    public_last: publicLast,
    public_seq: publicSeq,
  } = row;
  const summary = { topic, events, bytes, last, lastSeq, oldest };
  if (hiddenEvents === 0) return summary;
  return { ...summary, hidden: { events: hiddenEvents, bytes: hiddenBytes, publicLast, publicSeq } };
}

export function topicRowOf({ topic, events, bytes, last, lastSeq, oldest, hidden }: Summary): TopicRow {
  return {
    topic,
    events,
    bytes,
    last,
    last_seq: lastSeq,
    hidden_events: hidden?.events ?? 0,
    hidden_bytes: hidden?.bytes ?? 0,
    public_last: hidden ? hidden.publicLast : last,
    public_seq: hidden ? hidden.publicSeq : lastSeq,
    oldest,
  };
}

// What things cost in the tables and their indexes beside names and frames, in bytes, rounded up.
const EVENT = 250;
const MEMBERSHIP = 80;
const OWN_ID = 60;
const TOPIC = 250;
const STATE = 250;
const KEY = 250;

/** What an event costs, beside its topics. */
export function costOfEvent({ topics, frame, latestKey = '' }: LogEntry, id: string | undefined): number {
  const named = id === undefined ? 0 : OWN_ID + 2 * id.length;
  const names = topics.reduce((sum, topic) => sum + MEMBERSHIP + 2 * topic.length, 0);
  return EVENT + frame.length + named + names + 2 * latestKey.length;
}

/** What a topic costs for as long as any of its events is kept. */
export function costOfTopic(topic: string): number {
  return TOPIC + 2 * topic.length;
}

/** What it costs to remember more of a topic than its events. */
export function costOfState(topic: string): number {
  return STATE + 2 * topic.length;
}

/** What it costs to remember the key of an append. */
export function costOfKey(record: string): number {
  return KEY + record.length;
}
