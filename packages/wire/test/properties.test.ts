import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeEvent, EventStreamError, type EventFields } from '@tidings/wire';
import { anyText, fieldsWithData, lines, singleLine, wellFormed } from './arbitraries.ts';
import { bytesOf, cut, joined, record, utf8 } from './recording.ts';
import { reference } from './reference.ts';

/** Pieces that event streams are made of, and what breaks decoders. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n').map(utf8) },
  {
    weight: 6,
    arbitrary: fc.constantFrom('data', 'event', 'id', 'retry', 'data: ', 'data:', 'id: ', 'event: ').map(utf8),
  },
  { weight: 3, arbitrary: fc.constantFrom(':', ' ', ': ', '\0', '7', '\ufeff', '\t', '\u2028', '\u0085').map(utf8) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('é', '語', '😀', 'a long ASCII value, longer than 13', '語'.repeat(300), 'x'.repeat(600))
      .map(utf8),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('\xff', '\xe8\xaa', '\xf0\x9f', '\xc0', '\xed\xa0\x80', '\xef', '\xbb', '\xbf')
      .map(bytesOf),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom(150, 5_000).map((n) => utf8('data: filler\n\n: x\n'.repeat(n / 5))) },
);
const stream = fc.array(piece, { maxLength: 40 }).map(joined);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

function chunksOf(bytes: Uint8Array, at: number[]): Uint8Array[] {
  return cut(
    bytes,
    at.map((part) => Math.floor(part * bytes.length)),
  );
}

test('decoder reports what the standard says, however the stream is cut', () => {
  fc.assert(
    fc.property(stream, cuts, (bytes, at) => {
      expect(record(chunksOf(bytes, at))).toEqual(reference(bytes));
      if (bytes.length < 500)
        expect(record(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(reference(bytes));
    }),
    { numRuns: 2_000 },
  );
});

test('decoder reads a line of any length, whatever bytes lie where it becomes text piece by piece', () => {
  const odd = fc.array(
    fc.constantFrom(
      ...['a', 'é', '語', '😀'].map(utf8),
      ...['\x80', '\xff', '\xf0\x9f', '\xe8', '\xf0\x9f\x98\x80\x80\x80'].map(bytesOf),
    ),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(
      odd,
      fc.integer({ min: 65_520, max: 65_560 }),
      fc.integer({ min: 1, max: 70_000 }),
      (bytes, start, size) => {
        const line = [utf8(`data: ${'x'.repeat(start)}`), ...bytes];
        const whole = joined([...line, ...line, utf8('\r\n\r\ndata: next\n\n')]);
        const at = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => i * size);
        // With few bytes a chunk only about the place, for it takes long
        const few = Array.from({ length: 200 }, (_, i) => start - 90 + i);
        const expected = reference(whole);
        expect(record(cut(whole, size < 50 ? few : at))).toEqual(expected);
      },
    ),
    { numRuns: 200 },
  );
});

test('decoder reads chunks that are views into a larger buffer, at any alignment', () => {
  fc.assert(
    fc.property(stream, fc.integer({ min: 0, max: 7 }), (bytes, offset) => {
      const buffer = new Uint8Array(bytes.length + 16).fill(0x0a);
      buffer.set(bytes, offset);
      expect(record([buffer.subarray(offset, offset + bytes.length)])).toEqual(reference(bytes));
    }),
    { numRuns: 300 },
  );
});

test('decoder reads strings like their UTF-8 bytes', () => {
  const text = fc
    .array(fc.constantFrom('data: ', 'é', '😀', '\n', '\r\n', '\n\n', 'id: ', '\ufeff'), {
      maxLength: 30,
    })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (whole) => {
      const expected = reference(utf8(whole));
      expect(record([whole])).toEqual(expected);
      expect(record(Array.from(whole))).toEqual(expected);
    }),
    { numRuns: 1_000 },
  );
});

test('decoder throws for the same streams and after the same events, however they are cut', () => {
  fc.assert(
    fc.property(stream, cuts, fc.integer({ min: 1, max: 400 }), (bytes, at, maxEventBytes) => {
      const whole = record([bytes], { maxEventBytes });
      expect(record(chunksOf(bytes, at), { maxEventBytes })).toEqual(whole);
      if (bytes.length < 500) {
        expect(
          record(
            Array.from(bytes, (byte) => Uint8Array.of(byte)),
            { maxEventBytes },
          ),
        ).toEqual(whole);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('encoder and decoder give back what went in', () => {
  fc.assert(
    fc.property(fc.array(fieldsWithData, { minLength: 1, maxLength: 5 }), (events) => {
      let lastEventId = '';
      const expected = events.flatMap(({ event, data = '', id, retry, comment }) => {
        lastEventId = id === undefined ? lastEventId : wellFormed(id);
        return [
          ...(comment === undefined
            ? []
            : lines(wellFormed(comment))
                .split('\n')
                .map((part) => ({ comment: part }))),
          ...(retry === undefined ? [] : [{ retry }]),
          ...(id === undefined ? [] : [{ id: lastEventId }]),
          { event: { type: wellFormed(event || 'message'), data: lines(wellFormed(data)), lastEventId } },
        ];
      });
      expect(record([utf8(events.map(encodeEvent).join(''))])).toEqual({ reports: expected, lastEventId });
    }),
    { numRuns: 2_000 },
  );
});

test('nothing in any field forges a line: it is refused, or read back as exactly this event', () => {
  const anything = fc.oneof(anyText, singleLine, fc.anything(), fc.integer(), fc.double(), fc.constant(undefined));
  const fields = fc.record(
    { event: anything, data: anything, id: anything, retry: anything, comment: anything },
    { requiredKeys: [] },
  );
  let refused = 0;
  let written = 0;
  fc.assert(
    fc.property(fields, (input) => {
      let block: string;
      try {
        block = encodeEvent(input as EventFields);
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(EventStreamError);
        expect(error).toMatchObject({ code: 'ERR_INVALID_FIELD' });
        return;
      }
      written++;
      // Between two others, so that a line that leaks into a neighbour shows
      const { reports } = record([`id: before\ndata: before\n\n${block}data: after\n\n`]);
      const { event, data, id, retry, comment } = input as EventFields;
      const lastEventId = wellFormed(id ?? 'before');
      expect(reports).toEqual([
        { id: 'before' },
        { event: { type: 'message', data: 'before', lastEventId: 'before' } },
        ...(comment === undefined
          ? []
          : lines(wellFormed(comment))
              .split('\n')
              .map((part) => ({ comment: part }))),
        ...(retry === undefined ? [] : [{ retry: retry + 0 }]),
        ...(id === undefined ? [] : [{ id: lastEventId }]),
        ...(data === undefined
          ? []
          : [{ event: { type: wellFormed(event || 'message'), data: lines(wellFormed(data)), lastEventId } }]),
        { event: { type: 'message', data: 'after', lastEventId } },
      ]);
    }),
    { numRuns: 6_000 },
  );
  expect(refused).toBeGreaterThan(100);
  expect(written).toBeGreaterThan(100);
});
