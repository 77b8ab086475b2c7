// The constants of FNV-1a (32 bits), as integers with a sign, so all computations have small integers.
const START = 0x81_1c_9d_c5 | 0;
const FACTOR = 0x01_00_01_93;

/** The bytes of a digest in a record. */
export const DIGEST_BYTES = 4;

/**
 * Returns 32 bits that stand for a type in the keys of rows, which could not hold it whole: it may have 1,024 bytes. Two types may have the same, so what is
 * found by it may be of another type.
 */
export function typeDigest(type: string): number {
  let sum = START;
  for (let index = 0; index < type.length; index += 1) sum = Math.imul(sum ^ type.charCodeAt(index), FACTOR);
  return sum >>> 0;
}
