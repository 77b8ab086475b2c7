import { prepareBatch, type NewEvent } from '@tidings/server/log';
import { expect, test } from 'vitest';

const digestOf = (...batch: NewEvent[]) => prepareBatch(batch, { key: 'k' }).digest;
const event = (data: string, topic = 'a'): NewEvent => ({ topics: [topic], fields: { data } });

test('a digest tells batches apart that differ in few bits, wherever these are', () => {
  const seen = new Set<string | undefined>();
  const texts = new Set<string>();
  for (let n = 0; n < 20_000; n += 1) {
    texts.add(String(n));
    texts.add(`${'x'.repeat(n % 40)}${n}${'y'.repeat(n % 33)}`);
  }
  for (const text of texts) seen.add(digestOf(event(text)));
  expect(seen.size).toBe(texts.size);
});

test('a digest tells batches apart that differ at two or three places, as times and amounts do', () => {
  const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
  for (const [first, second] of [
    [9, 23],
    [8, 22],
    [13, 27],
    [2, 16],
    [0, 31],
  ] as const) {
    const seen = new Set<string | undefined>();
    for (const one of letters) {
      for (const two of letters) {
        for (const three of letters) {
          const text = Array.from({ length: 40 }, () => 'x');
          [text[first], text[second], text[second - 1]] = [one, two, three];
          seen.add(digestOf(event(text.join(''))));
        }
      }
    }
    expect(seen.size).toBe(letters.length ** 3);
  }
});

test('a digest depends on where one part of an event ends and the next begins', () => {
  const batches: NewEvent[][] = [
    [event('ab')],
    [event('a'), event('b')],
    [event('b'), event('a')],
    [{ topics: ['a', 'b'], fields: { data: 'ab' } }],
    [{ topics: ['a,b'], fields: { data: 'ab' } }],
    [{ topics: ['a'], fields: { data: 'ab', id: 'b' } }],
    [{ topics: ['a'], fields: { data: 'ab' }, latestKey: 'b' }],
    [{ topics: ['a'], fields: { data: 'ab' }, private: true }],
  ];
  expect(new Set(batches.map((batch) => digestOf(...batch))).size).toBe(batches.length);
});

test('a digest is the same for the same batch, and the given one is taken as it is', () => {
  expect(digestOf(event('a'))).toBe(
    digestOf({ topics: ['a', 'a'], fields: { data: 'a', id: undefined }, private: false }),
  );
  expect(digestOf(event('a'))).toMatch(/^[0-9a-f]{32}$/);
  expect(prepareBatch([event('a')], { key: 'k', digest: 'mine' }).digest).toBe('mine');
  expect(prepareBatch([event('a')], {}).digest).toBeUndefined();
});
