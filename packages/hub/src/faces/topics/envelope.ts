import type { LogEntry } from '@tidings/server/log';
import { decodeEvent, encodeEvent, GAP_TYPE } from '@tidings/wire';

// The envelope of an entry is made once for all cohorts of the tick.
const rendered = new WeakMap<LogEntry, Uint8Array>();

/** The entry with its data wrapped as one line of JSON with its topic and time (PROTOCOL §5.6). */
export function envelope(entry: LogEntry): Uint8Array {
  let frame = rendered.get(entry);
  if (!frame) {
    frame = wrap(entry);
    rendered.set(entry, frame);
  }
  return frame;
}

function wrap({ topics, time, frame }: LogEntry): Uint8Array {
  const fields = decodeEvent(frame);
  if (!fields || fields.event === GAP_TYPE) return frame;
  const data = JSON.stringify({ topic: topics[0], time: new Date(time).toISOString(), data: fields.data });
  return Buffer.from(encodeEvent({ ...fields, data }));
}
