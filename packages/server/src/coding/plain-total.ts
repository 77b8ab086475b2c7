/** The total of the bytes that a decoder was given, for the trailer of gzip. */
export interface PlainTotal {
  /** Its CRC-32 (ISO 3309), as an integer from 0. */
  readonly crc: number;
  /** Bytes. */
  readonly length: number;
}

export const NOTHING: PlainTotal = { crc: 0, length: 0 };

/**
 * The total of a stream that was given the bytes between two totals of another stream. So each of many listeners has its own checksum
 * while each byte is summed once. It costs the same few microseconds for any length.
 */
export function append(own: PlainTotal, from: PlainTotal, to: PlainTotal): PlainTotal {
  const length = to.length - from.length;
  // crc(A + B) is shift(crc(A), |B|) ^ crc(B), and a shift is linear: so the part is to.crc ^ shift(from.crc).
  return { crc: (shift(own.crc ^ from.crc, length) ^ to.crc) >>> 0, length: own.length + length };
}

// The polynomials below are over GF(2), the coefficient of x^0 in the highest bit, as CRC-32 of gzip has them.
const ONE = 0x8000_0000;
const POLYNOMIAL = 0xedb8_8320;

/** x^(2^n) modulo the polynomial, for n from 0 to 31; from there on they repeat. */
const SQUARES: readonly number[] = squares();

function squares(): number[] {
  const list = [ONE >>> 1];
  for (let square = ONE >>> 1; list.length < 32;) {
    square = multiply(square, square);
    list.push(square);
  }
  return list;
}

/** A CRC after this many further zero bytes: multiplied by x^(8 · bytes). */
function shift(crc: number, bytes: number): number {
  let shifted = crc;
  // Halved as a number, not by a shift of bits: a stream may be longer than 2^32 bytes.
  for (let rest = bytes, n = 3; rest > 0; rest = Math.floor(rest / 2), n += 1) {
    if (rest % 2 === 1) shifted = multiply(SQUARES[n % 32] ?? ONE, shifted);
  }
  return shifted;
}

function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product >>> 0;
}
