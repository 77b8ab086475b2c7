import type { Clock } from '@tidings/server/log';
import { expect, test } from 'vitest';
import { LocalTime } from '../src/following/local-time.ts';

test('the time that a node tells is in whole milliseconds, and never goes back', () => {
  let now = 1000.25;
  const clock: Clock = { now: () => now, time: () => 5000, setTimeout: () => undefined, clearTimeout: () => {} };
  const local = new LocalTime(clock);
  local.begin({ time: 4000, now: 70 });
  expect(local.moment({ time: 4000, now: 70 })).toEqual({ time: 5000, now: 1070 });
  now += 10.7;
  const told = local.moment({ time: 4000, now: 70 });
  expect(told.now).toBe(1080);
  local.hear(told);
  now += 0.9;
  expect(local.moment(told).now).toBe(1081);
  expect(local.moment({ time: 5000, now: 2000 }).now).toBe(2000);
});
