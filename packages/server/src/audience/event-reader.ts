import { decodeEvent } from '@tidings/wire';
import type { LogEntry } from '../log/entry.ts';

/** An event as a filter is given it. */
export interface ReceivedEvent {
  /** The event type: `message` if the publisher gave none. */
  readonly type: string;
  readonly data: string;
  readonly id: string;
  /** The topics of the event. In a channel this is always the topic of the channel. */
  readonly topics: readonly string[];
}

// Guard the memory against a long history that is replayed through filters: the decoded events are forgotten when there are this many.
const MAX_EVENTS = 1024;
const MAX_BYTES = 1024 * 1024;

/** Decodes the events of a log's entries, each once for all filters. */
export class EventReader {
  readonly #events = new Map<LogEntry, ReceivedEvent>();
  #bytes = 0;

  read(entry: LogEntry): ReceivedEvent {
    const known = this.#events.get(entry);
    if (known) return known;
    const event = readEvent(entry);
    if (this.#events.size === MAX_EVENTS || this.#bytes + entry.frame.length > MAX_BYTES) {
      this.#events.clear();
      this.#bytes = 0;
    }
    this.#events.set(entry, event);
    this.#bytes += entry.frame.length;
    return event;
  }
}

/** Decodes the event of a log's entry. */
export function readEvent({ id, frame, topics }: LogEntry): ReceivedEvent {
  const fields = decodeEvent(frame);
  if (!fields) throw new Error(`Cannot read the log's entry ${id}: its frame holds no event`);
  return { type: fields.event ?? 'message', data: fields.data ?? '', id, topics };
}
