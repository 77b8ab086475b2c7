import { encodeEvent, EventStreamDecoder } from '@tidings/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineInput } from '../src/publish/line-input.ts';

const MAX_LINE_BYTES = 1_000;

interface Read {
  blocks: string[];
  notices: string[];
  error: unknown;
}

function read(chunks: readonly (string | Uint8Array)[], type?: string): Read {
  const result: Read = { blocks: [], notices: [], error: undefined };
  const input = new LineInput({ type, maxLineBytes: MAX_LINE_BYTES, onNotice: (text) => result.notices.push(text) });
  try {
    for (const chunk of chunks) input.read(Buffer.from(chunk), (fields) => result.blocks.push(encodeEvent(fields)));
    input.end((fields) => result.blocks.push(encodeEvent(fields)));
  } catch (error) {
    result.error = error;
  }
  return result;
}

function dataOf({ blocks }: Read): string[] {
  const data: string[] = [];
  new EventStreamDecoder({ onEvent: (event) => data.push(event.data) }).write(blocks.join(''));
  return data;
}

test('each line is an event, empty ones and an unfinished last one too', () => {
  expect(dataOf(read(['one\ntwo\r\n\n data: x\nlast']))).toEqual(['one', 'two', '', ' data: x', 'last']);
  expect(read(['']).blocks).toEqual([]);
});

test('each line has the type that was asked for', () => {
  expect(read(['x\n'], 'made').blocks).toEqual(['event: made\ndata: x\n\n']);
});

test('however the input is cut, the lines are the same', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n]/g, ''));
  fc.assert(
    fc.property(fc.array(line), fc.infiniteStream(fc.integer({ min: 1, max: 7 })), (lines, sizes) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += chunks.at(-1)!.length) {
        chunks.push(bytes.subarray(at, at + sizes.next().value));
      }
      expect(dataOf(read(chunks))).toEqual(lines);
    }),
    { numRuns: 50 },
  );
});

test('a line that does not end is refused after the lines before it, at the number of bytes that may be held', () => {
  const longest = 'ü'.repeat(MAX_LINE_BYTES / 2);
  expect(dataOf(read(['a\n', longest, '\nb\n']))).toEqual(['a', longest, 'b']);
  for (const chunks of [[`a\n${longest}x`], ['a\n', longest, 'x']]) {
    const { blocks, error } = read(chunks);
    expect(blocks).toEqual(['data: a\n\n']);
    expect(error).toMatchObject({
      code: 'ERR_INPUT',
      message: 'line 2 of standard input does not end within 1 kB, which is the limit',
    });
  }
});

test('what is not UTF-8 becomes U+FFFD, which is reported once', () => {
  const result = read([Uint8Array.of(0x61, 0xff, 0x0a), Uint8Array.of(0xc3, 0x0a), 'ü\n']);
  expect(dataOf(result)).toEqual(['a\uFFFD', '\uFFFD', 'ü']);
  expect(result.notices).toHaveLength(1);
});
