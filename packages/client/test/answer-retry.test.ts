import { expect, test } from 'vitest';
import { answerRetry } from '../dist/answers/requests.js';

test.each([
  [undefined, 5_000],
  [{}, 5_000],
  [{ maxMs: undefined, initialMs: undefined }, 5_000],
  [{ maxMs: 9_000 }, 9_000],
  [{ initialMs: 2_000 }, 5_000],
  [{ initialMs: 8_000 }, 8_000],
])('with the retries %j the longest wait for an answer is %d ms', (given, maxMs) => {
  expect(answerRetry(given, 7)).toEqual({ ...given, maxMs, maxAttempts: 7 });
});
