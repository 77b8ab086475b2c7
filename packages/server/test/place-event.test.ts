import { placeEvent, prepareBatch } from '@tidings/server/log';
import type { EventFields } from '@tidings/wire';
import { expect, test } from 'vitest';

function prepared(fields: EventFields) {
  const [event] = prepareBatch([{ topics: ['a'], fields }], {}).events;
  return event!;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test('an event that is placed twice has a frame for each place', () => {
  const event = prepared({ data: 'é' });
  const first = placeEvent(event, 'a', 123_456, 0).frame;
  const second = placeEvent(event, 'b'.repeat(16), 999_999_999_999_999, 0).frame;
  expect(textOf(first)).toBe('id: a.123456\ndata: é\n\n');
  expect(textOf(second)).toBe(`id: ${'b'.repeat(16)}.999999999999999\ndata: é\n\n`);
  expect(textOf(event.body)).toBe('data: é\n\n');
});

test('the longest cursor fits before the first event', () => {
  const { frame } = placeEvent(prepared({ data: '1' }), 'e'.repeat(16), 999_999_999_999_999, 0);
  expect(textOf(frame)).toBe(`id: ${'e'.repeat(16)}.999999999999999\ndata: 1\n\n`);
});

test('an id of its own may be longer than a cursor, and of any characters', () => {
  const id = 'ü'.repeat(100);
  expect(textOf(placeEvent(prepared({ id, data: '1' }), 'e', 1, 0).frame)).toBe(`id: ${id}\ndata: 1\n\n`);
});

test('a body from elsewhere, as a log may have kept it, is left as it is', () => {
  const { body, ...event } = prepared({ data: '1' });
  const whole = new Uint8Array(100).fill(0x20);
  whole.set(body, 40);
  const kept = whole.subarray(40, 40 + body.length);
  expect(textOf(placeEvent({ ...event, body: kept }, 'e', 1, 0).frame)).toBe('id: e.1\ndata: 1\n\n');
  expect(whole.subarray(0, 40)).toEqual(new Uint8Array(40).fill(0x20));
});

test('the events of a batch have their own frames, whether their texts are ASCII or not', () => {
  for (const text of ['a', 'é', '😀']) {
    const fields = Array.from({ length: 1000 }, (_, at) => ({ data: `${text}${at}${'.'.repeat(at % 100)}` }));
    const batch = fields.map((each) => ({ topics: ['a'], fields: each }));
    for (const apart of [false, true]) {
      const { events } = prepareBatch(batch, {}, { apart });
      const frames = events.map((event, at) => placeEvent(event, 'e', at, 0).frame);
      expect(frames.map(textOf)).toEqual(fields.map(({ data }, at) => `id: e.${at}\ndata: ${data}\n\n`));
    }
  }
});

test('an event keeps not more than a small part of its batch in memory, or nothing of it', () => {
  const batch = Array.from({ length: 1000 }, () => ({ topics: ['a'], fields: { data: '.'.repeat(100) } }));
  const sizes = (apart: boolean): number[] =>
    prepareBatch(batch, {}, { apart }).events.map(({ body }) => body.buffer.byteLength);
  expect(Math.max(...sizes(false))).toBeLessThan(20_000);
  expect(Math.max(...sizes(true))).toBeLessThan(200);
});
