import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkReader } from '../dist/transport/chunk-reader.js';

/** A chunk as a server may write it: its size in any case, with leading zeros. */
const chunk = fc.record({
  data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  isUpper: fc.boolean(),
  zeros: fc.nat(3),
});
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

/** What comes when plain chunks are over. */
const REST = '0\r\nX-Trailer: 1\r\n\r\n';

interface WrittenChunk {
  readonly data: Uint8Array;
  readonly isUpper: boolean;
  readonly zeros: number;
}

function write(chunks: readonly WrittenChunk[]): Buffer {
  return Buffer.concat(
    chunks.flatMap(({ data, isUpper, zeros }) => {
      const size = data.length.toString(16);
      const line = '0'.repeat(zeros) + (isUpper ? size.toUpperCase() : size);
      return [Buffer.from(`${line}\r\n`), data, Buffer.from('\r\n')];
    }),
  );
}

/** Cuts bytes at these parts of their length, from 0 to 1. */
function cut(bytes: Buffer, parts: readonly number[]): Buffer[] {
  const places = [0, ...parts.map((part) => Math.floor(part * bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

/** Reads pieces until something is not a plain chunk. What was not read is added to the rest. */
function readAll(pieces: readonly Buffer[]) {
  const reader = new ChunkReader();
  const data: Buffer[] = [];
  for (const [index, piece] of pieces.entries()) {
    const before = Buffer.from(piece);
    const found = reader.read(piece);
    expect(piece.equals(before)).toBe(true);
    data.push(Buffer.from(found.data));
    if (found.isBroken) return { data: Buffer.concat(data), isBroken: true };
    if (found.rest)
      return { data: Buffer.concat(data), rest: `${Buffer.concat([found.rest, ...pieces.slice(index + 1)])}` };
  }
  return { data: Buffer.concat(data) };
}

test('the data of all chunks is read, and what follows them is left, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), cuts, (chunks, parts) => {
      const bytes = Buffer.concat([write(chunks), Buffer.from(REST)]);
      const data = Buffer.concat(chunks.map((one) => one.data));
      // With no chunk at all its zeros would be those of the last one.
      expect(readAll(cut(bytes, parts))).toEqual({ data, rest: REST });
      expect(readAll(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual({ data, rest: REST });
    }),
    { numRuns: 500 },
  );
});

test('the data of chunks that arrive together is one piece', () => {
  const { data, rest } = new ChunkReader().read(Buffer.from('3\r\nabc\r\n1\r\nd\r\n4\r\nef'));
  expect(`${data}`).toBe('abcdef');
  expect(rest).toBeUndefined();
});

test('the data of a single chunk is not copied', () => {
  const bytes = Buffer.from('3\r\nabc\r\n');
  const { data } = new ChunkReader().read(bytes);
  expect(`${data}`).toBe('abc');
  expect([data.buffer, data.byteOffset]).toEqual([bytes.buffer, bytes.byteOffset + 3]);
});

const others = [
  ['the last chunk', '0\r\n\r\n'],
  ['the last chunk with many digits', '000000000\r\n\r\n'],
  ['an extension', '3;name=value\r\nabc\r\n'],
  ['a space behind the size', '3 \r\nabc\r\n'],
  ['a size of more digits than are read', '000000003\r\nabc\r\n'],
  ['a size that is no number', 'x\r\nabc\r\n'],
  ['a size with a sign', '-3\r\nabc\r\n'],
  ['a character between the digits and the letters', '@\r\nabc\r\n'],
  ['no size', '\r\nabc\r\n'],
  ['a size that ends with LF alone', '3\nabc\r\n'],
  ['a size that ends with CR alone', '3\rabc\r\n'],
] as const;
test.each(others)('%s is left where it begins', (_, rest) => {
  const bytes = Buffer.from(`2\r\nab\r\n${rest}`);
  expect(readAll([bytes])).toEqual({ data: Buffer.from('ab'), rest });
  expect(readAll(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual({ data: Buffer.from('ab'), rest });
});

const broken = [
  ['is longer', '2\r\nabc\r\n1\r\nd\r\n'],
  ['is shorter', '4\r\nabc\r\n1\r\nd\r\n'],
  ['ends with LF alone', '3\r\nabc\n1\r\nd\r\n'],
] as const;
test.each(broken)('a chunk that %s than its size says is broken', (_, text) => {
  const bytes = Buffer.from(text);
  expect(readAll([bytes])).toMatchObject({ isBroken: true });
  expect(readAll(Array.from(bytes, (byte) => Buffer.of(byte)))).toMatchObject({ isBroken: true });
});

test('a size that does not end is not kept without bound', () => {
  const pieces = Array.from({ length: 1_000 }, () => Buffer.from('0'));
  const { rest } = readAll(pieces);
  expect(rest).toBe('0'.repeat(1_000));
  const reader = new ChunkReader();
  const read = pieces.findIndex((piece) => reader.read(piece).rest !== undefined);
  expect(read).toBeLessThan(10);
});
