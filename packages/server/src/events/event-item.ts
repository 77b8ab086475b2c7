import { GAP_TYPE } from '@tidings/wire';
import type { EventReader } from '../audience/event-reader.ts';
import type { LogEntry } from '../log/entry.ts';
import type { EntryGap } from '../log/reading/entry-reader.ts';

/** An event as a program gets it that iterates over a channel or a hub. */
export interface PublishedEvent {
  /** What to go on after: the publisher's id, or the cursor of the event. */
  readonly id: string;
  /** The topic: of several, the first that was asked for. In a channel it is the topic of the channel. */
  readonly topic: string;
  /** The event type: `message` if the publisher gave none. */
  readonly type: string;
  readonly data: string;
  /** When it was published, in milliseconds since 1970. */
  readonly time: number;
  /** The key that the publisher gave, if any (PROTOCOL §13). */
  readonly key?: string;
  /** Whether the event forgets that key. Left out if it does not. */
  readonly forget?: true;
}

/** Events that should have come here, and that the log no longer holds (PROTOCOL §6). It is told apart by {@link isGap}. */
export interface Gap {
  readonly type: typeof GAP_TYPE;
  /** What to go on after: the same as `resumedAt`, unless the gap was published. */
  readonly id: string;
  /** The members `after`, `resumedAt`, `reason` and perhaps `through` as JSON, as a listener gets them. */
  readonly data: string;
  /** The last event ID with which the iteration began, or after which it had come. */
  readonly after: string;
  /** The cursor after which the iteration goes on. */
  readonly resumedAt: string;
  /** Why the events are missing: `trimmed`, `unknown`, `foreign`, `ahead`, or a reason that was added later. */
  readonly reason: string;
  /** The cursor up to which events are missing, if kept ones lie between them, so that it is past `resumedAt`. */
  readonly through?: string | undefined;
  /** The topic, if the gap was published, by a program that copies a stream. */
  readonly topic?: string | undefined;
  /** When it was published, if it was. */
  readonly time?: number | undefined;
}

/** Whether an item of an iteration reports a gap. */
export function isGap(item: PublishedEvent | Gap): item is Gap {
  return item.type === GAP_TYPE && 'resumedAt' in item;
}

/** A gap of this iteration. */
export function gapItem({ gap }: EntryGap): Gap {
  return { type: GAP_TYPE, id: gap.resumedAt, data: JSON.stringify(gap), ...gap };
}

/** An entry as a program gets it. A gap that was published is one here, too. */
export function eventItem(entry: LogEntry, topic: string, reader: EventReader): PublishedEvent | Gap {
  const { type, data, id } = reader.read(entry);
  const { time, latestKey: key, forgets } = entry;
  const item: PublishedEvent = {
    id,
    topic,
    type,
    data,
    time,
    ...(key === undefined ? {} : { key }),
    ...(forgets === true ? { forget: true } : {}),
  };
  const gap = type === GAP_TYPE ? readGap(data) : undefined;
  return gap ? { ...item, ...gap, type: GAP_TYPE } : item;
}

/** The members of a gap that was published; undefined if its data is no gap. */
function readGap(data: string): Pick<Gap, 'after' | 'resumedAt' | 'reason'> | undefined {
  try {
    const { after, resumedAt, reason } = JSON.parse(data) as Record<'after' | 'resumedAt' | 'reason', unknown>;
    if (typeof after === 'string' && typeof resumedAt === 'string' && typeof reason === 'string') {
      return { after, resumedAt, reason };
    }
  } catch {
    // The data is not JSON.
  }
  return undefined;
}
