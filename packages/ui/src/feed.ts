import { isGap } from '@tidings/client';
import type { EventMessage } from '@tidings/client';
import { readObject } from './read-object.ts';

/** An event as it is shown. */
export interface EventRow {
  readonly kind: 'event';
  /** Counts up as rows arrive: an id may occur twice, this does not. */
  readonly key: number;
  readonly id: string;
  readonly type: string;
  /** When the hub took it, ISO 8601. */
  readonly time: string | undefined;
  readonly data: string;
  /** The key that it was published with, whose value it is or which it forgets (PROTOCOL §13). */
  readonly latestKey: string | undefined;
  readonly forgetsKey: boolean;
  /** It was published while this page had no connection. */
  readonly missed: boolean;
}

/** Events that the hub no longer has (PROTOCOL §6). */
export interface GapRow {
  readonly kind: 'gap';
  readonly key: number;
  readonly id: string;
  readonly after: string;
  readonly resumedAt: string;
  readonly reason: string;
}

export type FeedRow = EventRow | GapRow;

/** What is shown of one topic: the newest rows, oldest first. */
export interface Feed {
  readonly rows: readonly FeedRow[];
  /** Characters in the rows' data. */
  readonly size: number;
  /** How many rows were dropped to stay within the bounds. */
  readonly dropped: number;
}

/** Rows that are kept, against a page that grows for as long as it is open. */
export const MAX_ROWS = 2000;

/** Characters that are kept in all, against 2,000 rows of the largest event a hub takes. The newest row is kept whatever its size. */
export const MAX_SIZE: number = 16 * 1024 * 1024;

export const EMPTY_FEED: Feed = { rows: [], size: 0, dropped: 0 };

/** Adds rows that arrived, and drops the oldest ones over the bounds. */
export function appendRows(feed: Feed, arrived: readonly FeedRow[]): Feed {
  if (arrived.length === 0) return feed;
  const rows = [...feed.rows, ...arrived];
  let size = feed.size;
  for (const row of arrived) size += sizeOf(row);
  let first = 0;
  while (rows.length - first > MAX_ROWS || (size > MAX_SIZE && first < rows.length - 1)) {
    const oldest = rows[first];
    if (oldest !== undefined) size -= sizeOf(oldest);
    first += 1;
  }
  return { rows: first === 0 ? rows : rows.slice(first), size, dropped: feed.dropped + first };
}

/** The rows whose key has a newer event, by their keys: of a topic that keeps the latest they are history. The key of an event without one is its type (PROTOCOL §13.2). */
export function olderValues({ rows }: Feed): ReadonlySet<number> {
  const older = new Set<number>();
  const seen = new Set<string>();
  for (const row of rows.toReversed()) {
    if (row.kind === 'gap') continue;
    const latest = row.latestKey === undefined ? `type ${row.type}` : `key ${row.latestKey}`;
    if (seen.has(latest)) older.add(row.key);
    seen.add(latest);
  }
  return older;
}

/** How many rows arrived after the one with this key. */
export function countAfter(feed: Feed, key: number): number {
  const newest = feed.rows.at(-1)?.key ?? 0;
  return Math.max(0, newest - key);
}

/** Reads an event of a stream with `envelope=json` (PROTOCOL §5.6) as a row. */
export function readRow(event: EventMessage, key: number): FeedRow {
  if (isGap(event)) {
    const { lastEventId: id, after, resumedAt, reason } = event;
    return { kind: 'gap', key, id, after, resumedAt, reason };
  }
  const envelope = readObject(event.data);
  const data = envelope['data'];
  const time = envelope['time'];
  const latestKey = envelope['key'];
  return {
    kind: 'event',
    key,
    id: event.lastEventId,
    type: event.type,
    time: typeof time === 'string' ? time : undefined,
    data: typeof data === 'string' ? data : event.data,
    latestKey: typeof latestKey === 'string' ? latestKey : undefined,
    forgetsKey: envelope['forget'] === true,
    missed: false,
  };
}

function sizeOf(row: FeedRow): number {
  return row.kind === 'event' ? row.data.length : 0;
}
