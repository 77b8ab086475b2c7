import type { NewEvent } from '../entry.ts';
import { Hash } from '../hash.ts';
import type { PreparedEvent } from './prepared.ts';

const encoder = new TextEncoder();

/**
 * Returns a digest of all that makes the events of a batch, 128 bits as hexadecimal digits. It tells whether a program has used a key again for
 * something else. Who looks for two batches with one digest can find them, and can only lose events of his own. It is computed here, because the
 * platform's digests are asynchronous or not everywhere.
 */
export function digestOf(prepared: readonly PreparedEvent[], events: readonly NewEvent[]): string {
  const hash = new Hash();
  prepared.forEach(({ topics, private: isPrivate, id = null, body, final: isFinal }, index) => {
    const { latestKey = null, forget = false } = events[index] ?? {};
    const flags = [...(forget ? ['forget'] : []), ...(isFinal ? ['final'] : [])];
    hash.add(encoder.encode(JSON.stringify([topics, isPrivate, id, latestKey, ...flags])));
    hash.add(body);
  });
  return hash.end();
}
