import { expect, test } from 'vitest';
import { isEventStream } from '../dist/connection/content-type.js';

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
  [null, false],
])('the content type %j is that of an event stream: %s', (type, isOne) => {
  expect(isEventStream(type)).toBe(isOne);
});

test('a content type as long as a head may be is read in a moment', () => {
  for (const type of [
    'a/'.repeat(100_000),
    ','.repeat(200_000),
    'a/b;,'.repeat(40_000),
    `a/b${' '.repeat(200_000)}x`,
  ]) {
    const start = performance.now();
    expect(isEventStream(type)).toBe(false);
    expect(performance.now() - start).toBeLessThan(2_000);
  }
});
