import { expect, test } from 'vitest';
import { readRetryAfter } from '../dist/connection/retry-after.js';

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
