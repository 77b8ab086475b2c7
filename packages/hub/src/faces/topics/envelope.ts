import { type LogEntry, type Selection, Selector } from '@tidings/server/log';
import { CLOSED_TYPE, decodeEvent, encodeEvent, FORGOTTEN_TYPE, isOwnType } from '@tidings/wire';

/** The hub's own events that are those of a topic. */
const WRAPPED: ReadonlySet<string> = new Set([CLOSED_TYPE, FORGOTTEN_TYPE]);

// The envelopes of an entry, by topic, are made once for all cohorts of the tick.
const rendered = new WeakMap<LogEntry, Map<string, Uint8Array>>();

/**
 * Wraps the data of the selected entries as one line of JSON with topic and time (PROTOCOL §5.6). The topic is the first of the entry's that the
 * selection names: the listener may have no right to know the others.
 */
export function envelopesOf(selection: Selection): (entry: LogEntry) => Uint8Array {
  const { topics: asked } = Selector.of(selection);
  return (entry) => {
    const { topics } = entry;
    const topic = topics.length === 1 ? topics[0] : topics.find((name) => asked.has(name));
    if (topic === undefined) throw new Error(`Cannot wrap the entry ${entry.id}: none of its topics is selected`);
    let frames = rendered.get(entry);
    if (!frames) rendered.set(entry, (frames = new Map<string, Uint8Array>()));
    let frame = frames.get(topic);
    if (!frame) frames.set(topic, (frame = wrap(entry, topic)));
    return frame;
  };
}

function wrap({ time, frame, latestKey, forgets }: LogEntry, topic: string): Uint8Array {
  const fields = decodeEvent(frame);
  const type = fields?.event ?? 'message';
  if (!fields || (isOwnType(type) && !WRAPPED.has(type))) return frame;
  const data = JSON.stringify({
    topic,
    time: new Date(time).toISOString(),
    data: fields.data,
    // Left out unless it was given.
    key: latestKey,
    forget: forgets,
  });
  return Buffer.from(encodeEvent({ ...fields, data }));
}
