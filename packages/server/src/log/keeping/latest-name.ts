import type { LogEntry } from '../entry.ts';

/** How long an event that forgets a key is kept at most, for listeners that are away, in milliseconds. */
export const FORGOTTEN_MS: number = 24 * 60 * 60 * 1000;

const LF = 0x0a;
const COLON = 0x3a;
const TYPE = new TextEncoder().encode('event: ');
const decoder = new TextDecoder();

/** What is asked of an entry to know its name. */
export type NamedEntry = Pick<LogEntry, 'private' | 'latestKey' | 'frame'>;

/**
 * Returns the name under which a topic that keeps the latest by key keeps an event: by its key, else by its type. A type is not the key of the same
 * name. The keys of private events are not those of public ones: who gets only public events would miss one that a private one has replaced.
 */
export function latestNameOf({ private: isPrivate, latestKey, frame }: NamedEntry): string {
  const name = latestKey === undefined ? `type ${typeOf(frame)}` : `key ${latestKey}`;
  return isPrivate ? `private ${name}` : name;
}

/**
 * Whether an event can be replaced, if all of its topics keep the latest. A private one of several topics cannot: some may see it by one topic who would not
 * see the newer ones of the others.
 */
export function isReplaceable({ private: isPrivate, topics }: Pick<LogEntry, 'private' | 'topics'>): boolean {
  return !isPrivate || topics.length === 1;
}

/** The type of an encoded event. It stands behind the id, and behind comments. */
function typeOf(frame: Uint8Array): string {
  let start = frame.indexOf(LF) + 1;
  while (frame[start] === COLON) start = frame.indexOf(LF, start) + 1;
  for (const [index, byte] of TYPE.entries()) if (frame[start + index] !== byte) return 'message';
  return decoder.decode(frame.subarray(start + TYPE.length, frame.indexOf(LF, start)));
}
