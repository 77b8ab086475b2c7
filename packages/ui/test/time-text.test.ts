import { expect, test } from 'vitest';
import { agoText, clockText, countText, momentText } from '../src/time-text.ts';

const NOON = new Date(2026, 4, 17, 12, 0, 0).getTime();
const iso = (ms: number): string => new Date(ms).toISOString();

test.each([
  [-5000, 'just now'],
  [4000, 'just now'],
  [59_000, '59 s ago'],
  [60_000, '1 min ago'],
  [3 * 3_600_000, '3 h ago'],
  [49 * 3_600_000, '2 d ago'],
])('an age of %i ms is told in one unit', (age, expected) => {
  expect(agoText(iso(NOON - age), NOON)).toBe(expected);
});

test('the time of an event has a day only where that is not today', () => {
  expect(clockText(iso(NOON - 1), NOON)).toBe('11:59:59.999');
  expect(clockText(iso(NOON - 24 * 3_600_000), NOON)).toBe('16 May 12:00:00.000');
  expect([momentText(NOON, NOON), momentText(NOON + 24 * 3_600_000, NOON)]).toEqual(['12:00:00', '18 May 12:00:00']);
});

test('a time that is none is shown as it came', () => {
  expect(clockText('soon', NOON)).toBe('soon');
  expect(agoText('soon', NOON)).toBe('');
});

test('a count has its noun in the right number', () => {
  expect([0, 1, 2000].map((count) => countText(count, 'event'))).toEqual(['0 events', '1 event', '2,000 events']);
});
