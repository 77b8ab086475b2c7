import type { LogEntry } from '../entry.ts';

/** How long an event that forgets a key is kept at most, for listeners that are away, in milliseconds. */
export const FORGOTTEN_MS: number = 24 * 60 * 60 * 1000;

const LF = 0x0a;
const COLON = 0x3a;
const TYPE = new TextEncoder().encode('event: ');
const decoder = new TextDecoder();

/**
 * Returns the name under which a topic that keeps the latest by key keeps an event: by its key, else by its type. A type is not the key of the same
 * name. Only its frame is read, and not all of it.
 */
export function latestNameOf({ latestKey, frame }: Pick<LogEntry, 'latestKey' | 'frame'>): string {
  return latestKey === undefined ? `type ${typeOf(frame)}` : `key ${latestKey}`;
}

/** The type of an encoded event. It stands behind the id, and behind comments. */
function typeOf(frame: Uint8Array): string {
  let start = frame.indexOf(LF) + 1;
  while (frame[start] === COLON) start = frame.indexOf(LF, start) + 1;
  for (const [index, byte] of TYPE.entries()) if (frame[start + index] !== byte) return 'message';
  return decoder.decode(frame.subarray(start + TYPE.length, frame.indexOf(LF, start)));
}
