import type { NewEvent } from '../entry.ts';
import type { PreparedEvent } from './prepared.ts';

// The bits of the golden ratio, which are well mixed, as an odd integer of 32 bits with a sign, so all computations have small integers.
const FACTOR = 0x9e_37_79_b1 | 0;

const BLOCK_BYTES = 16;

const encoder = new TextEncoder();

/**
 * Returns a digest of all that makes the events of a batch, 128 bits as hexadecimal digits. It tells whether a program has used a key again for
 * something else. Who looks for two batches with one digest can find them, and can only lose events of his own. It is computed here, because the
 * platform's digests are asynchronous or not everywhere.
 */
export function digestOf(prepared: readonly PreparedEvent[], events: readonly NewEvent[]): string {
  const sums = new Int32Array([1, 2, 3, 4]);
  prepared.forEach(({ topics, private: isPrivate, id = null, body }, index) => {
    const latestKey = events[index]?.latestKey ?? null;
    add(sums, encoder.encode(JSON.stringify([topics, isPrivate, id, latestKey])));
    add(sums, body);
  });
  return Array.from(sums, (sum) => (sum >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Adds bytes, and how many they are, to four sums. Each sum takes in the one before it, so that bytes that differ make all of them differ. */
function add(sums: Int32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let [one = 0, two = 0, three = 0, four = 0] = sums;
  const take = (first: number, second: number, third: number, fourth: number): void => {
    one = mixed(one, first);
    two = mixed(two, second ^ one);
    three = mixed(three, third ^ two);
    four = mixed(four, fourth ^ three);
  };
  take(bytes.length, 0, 0, 0);
  let at = 0;
  for (; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) {
    take(
      view.getInt32(at, true),
      view.getInt32(at + 4, true),
      view.getInt32(at + 8, true),
      view.getInt32(at + 12, true),
    );
  }
  for (; at < bytes.length; at += 1) take(view.getUint8(at), 0, 0, 0);
  sums.set([one, two, three, four]);
}

function mixed(sum: number, value: number): number {
  return Math.imul(((sum << 13) | (sum >>> 19)) ^ value, FACTOR);
}
