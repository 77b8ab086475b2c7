import { expect, test } from 'vitest';
import { hubClockOffset } from '../src/hub-clock.ts';

const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT';

test('a hub within a few seconds has the same clock', () => {
  expect(hubClockOffset(DATE, Date.parse(DATE) + 999)).toBe(0);
});

test('a hub with another clock is told by its Date header', () => {
  expect(hubClockOffset(DATE, Date.parse(DATE) + 60_000)).toBe(-60_000);
});

test('a hub that tells no date, or none that can be read, has the same clock', () => {
  expect(hubClockOffset(null, 0)).toBe(0);
  expect(hubClockOffset('today', 0)).toBe(0);
});
