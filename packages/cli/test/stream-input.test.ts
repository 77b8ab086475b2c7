import { encodeEvent } from '@tidings/wire';
import { expect, test } from 'vitest';
import { StreamInput } from '../src/publish/stream-input.ts';

function read(stream: string): string {
  const input = new StreamInput();
  let blocks = '';
  input.read(Buffer.from(stream), (fields) => {
    blocks += encodeEvent(fields);
  });
  input.end();
  return blocks;
}

test('type, id, retry and data go through, comments do not', () => {
  const stream = ': hello\nevent: made\nid: 7\nretry: 500\ndata: a\ndata: b\n\ndata: c\n\n';
  expect(read(stream)).toBe('event: made\nid: 7\nretry: 500\ndata: a\ndata: b\n\ndata: c\n\n');
});

test('an id counts for its own event only, an unfinished event not at all', () => {
  expect(read('id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n')).toBe('id: 1\ndata: a\n\ndata: b\n\n');
});

test('a heartbeat is left out together with its id, a gap goes through', () => {
  const gap = 'event: tidings-gap\nid: e.5\ndata: {}\n\n';
  expect(read(`event: tidings-heartbeat\nid: e.4\ndata:\n\n${gap}data: x\n\n`)).toBe(`${gap}data: x\n\n`);
});

test('a reconnection time past what a number holds exactly is brought down to it', () => {
  expect(read(`retry: ${'9'.repeat(400)}\ndata: x\n\n`)).toBe(`retry: ${Number.MAX_SAFE_INTEGER}\ndata: x\n\n`);
});

test('an event that does not end is refused after the events before it, at the number of bytes that may be held', () => {
  const input = new StreamInput(1_000);
  const blocks: string[] = [];
  const stream = `data: a\n\ndata: ${'x'.repeat(1_000)}\n\ndata: b\n\n`;
  expect(() => input.read(Buffer.from(stream), (fields) => blocks.push(encodeEvent(fields)))).toThrow(
    expect.objectContaining({
      code: 'ERR_INPUT',
      message: 'event 2 of standard input does not end within 1 kB, which is the limit',
    }),
  );
  expect(blocks).toEqual(['data: a\n\n']);
});
