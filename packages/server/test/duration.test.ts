import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SEED } from '../../../test/seed.ts';
import { formatDuration, parseDuration } from '../src/http/duration.ts';
import { parseTime } from '../src/http/time.ts';

test.each([
  ['250ms', 250],
  ['90s', 90_000],
  ['1.5h', 5_400_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
  ['0s', 0],
  ['0.4ms', 0],
  ['7x', undefined],
  ['7', undefined],
  ['', undefined],
  ['d', undefined],
  ['-1d', undefined],
  ['1e3s', undefined],
  ['1 d', undefined],
  ['1.d', undefined],
  ['7toString', undefined],
  ['9999999999999w', undefined],
  ['999999999999w', undefined],
  [5, undefined],
])('the duration %s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  [0, '0d'],
  [1, '1ms'],
  [90_000, '90s'],
  [86_400_000, '1d'],
  [604_800_000, '7d'],
])('%s ms are written as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
  expect(parseDuration(text)).toBe(ms);
});

test('what is written is read, up to the longest time that a topic may have to live', () => {
  const longest = 36_500 * 86_400_000;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: longest }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
    { seed: SEED },
  );
  expect(parseDuration(formatDuration(longest - 1))).toBe(longest - 1);
});

test('every day of the calendar is a time, and no other', () => {
  const two = (value: number): string => String(value).padStart(2, '0');
  for (const year of [1900, 2000, 2026, 2028, 2100]) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const date = `${year}-${two(month)}-${two(day)}`;
        const exists = month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
        const midnight = exists ? Date.UTC(year, month - 1, day) : undefined;
        expect([date, parseTime(date)]).toEqual([date, midnight]);
        expect([date, parseTime(`${date}T00:00:01Z`)]).toEqual([date, midnight && midnight + 1000]);
        expect([date, parseTime(`${date}T02:00+02:00`)]).toEqual([date, midnight]);
      }
    }
  }
});

test.each([
  '2026-11-28T10:00:00',
  '2026-11-28T24:00Z',
  '2026-11-28T10:60Z',
  '2026-11-28T10:00:60Z',
  '2026-11-28T10:00+24:00',
  '2026-11-28T10:00+01:60',
  '2026-11-28 10:00Z',
  '2026-11',
  '',
])('%s is no time', (text) => {
  expect(parseTime(text)).toBeUndefined();
});
