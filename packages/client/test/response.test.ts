import { expect, test } from 'vitest';
import { isEventStream, readRetryAfter } from '../dist/connection/response.js';

test.each([
  ['text/event-stream', true],
  ['text/event-stream;charset=utf-8', true],
  ['Text/Event-Stream ; x=y', true],
  [' text/event-stream\t', true],
  ['text/event-stream; x="a,b"', true],
  ['text/html, text/event-stream', true],
  ['text/html;x=y, text/event-stream;x=y', true],
  ['text/event-stream, unreadable', true],
  ['text/event-stream,', true],
  ['text/event-streamx', false],
  ['text/event-stream, text/html', false],
  ['text/event-stream x', false],
  ['xtext/event-stream', false],
  ['text/plain;text/event-stream', false],
  ['\u00A0text/event-stream', false],
  ['text/event-stream, text/html, unreadable', false],
  ['', false],
])('the content type %j is that of an event stream: %s', (type, isOne) => {
  expect(isEventStream(type)).toBe(isOne);
});

// A time that grows with the square of the length would be longer than a test may take.
test.each([
  ['no subtype that ends', 'a/'.repeat(200_000)],
  ['nothing but commas', ','.repeat(400_000)],
  ['many types', 'a/b;,'.repeat(80_000)],
  ['many spaces', `a/b${' '.repeat(400_000)}x`],
])('a content type with %s is read in a time that grows with its length only', (_, type) => {
  expect(isEventStream(type)).toBe(false);
});

const NOW = Date.parse('Sun, 06 Nov 1994 08:49:00 GMT');

test.each([
  ['0', 0],
  ['120', 120_000],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
  ['Sun Nov  6 08:49:37 1994', 37_000],
  ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  ['-1', 0],
  ['1.5', 0],
  ['2024', 2_024_000],
  ['soon', 0],
  ['', 0],
  [null, 0],
])('Retry-After: %s asks for %s ms', (value, ms) => {
  expect(readRetryAfter(value, null, NOW)).toBe(ms);
});

test("a date is read against the response's own", () => {
  const value = 'Sun, 06 Nov 1994 08:49:37 GMT';
  expect(readRetryAfter(value, 'Sun, 06 Nov 1994 08:49:30 GMT', 0)).toBe(7_000);
});
