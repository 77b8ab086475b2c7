import { decodeEvent, type EventFields } from '@tidings/wire';
import type { LogEntry } from '../entry.ts';
import { parseCursor } from '../position.ts';

/**
 * Returns the fields of an entry as they can be appended to another log: `data` always, `event` unless the type is `message`, `retry` if it was given,
 * and `id` if the publisher gave the event one. A cursor is no such id: it is a place in this log.
 * @throws {Error} if the frame holds no event, which no log of this contract keeps
 * @example
 * await copy.append([{ topics: entry.topics, fields: fieldsOf(entry), private: entry.private }]);
 */
export function fieldsOf({ id, frame }: LogEntry): EventFields {
  const fields = decodeEvent(frame);
  if (!fields) throw new Error(`Cannot read the log's entry ${id}: its frame holds no event`);
  if (parseCursor(id)) delete fields.id;
  return fields;
}
