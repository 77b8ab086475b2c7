import { encodeEvent, EventStreamDecoder } from '@tidings/wire';
import { GAP_TYPE } from '@tidings/server/live';
import type { LogEntry } from '@tidings/server/log';

// An entry in its envelope is made once for all cohorts of the tick.
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

function wrap(entry: LogEntry): Uint8Array {
  let frame = entry.frame;
  let retry: number | undefined;
  const decoder = new EventStreamDecoder({
    onRetry(milliseconds) {
      retry = milliseconds;
    },
    onEvent({ type, data }) {
      if (type === GAP_TYPE) return;
      const wrapped = JSON.stringify({ topic: entry.topics[0], time: new Date(entry.time).toISOString(), data });
      const event = type === 'message' ? {} : { event: type };
      frame = Buffer.from(
        encodeEvent({ id: entry.id, ...event, ...(retry === undefined ? {} : { retry }), data: wrapped }),
      );
    },
  });
  decoder.write(entry.frame);
  return frame;
}
