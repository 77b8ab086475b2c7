import { describe, expect, test } from 'vitest';
import { look, type Watch, watchFor } from '../dist/watch.js';

const TODAY = 1_700_000_000_000;
const HOUR = 3_600_000;

/** Looks when the watch wants it until it tells something, and answers what and when. */
function lookOn(first: Watch, sleeps: readonly number[] = []): [string, number] {
  let watch = first;
  let slept = 0;
  for (let turn = 0; turn < 1_000; turn++) {
    slept += sleeps[turn] ?? 0;
    const seen = look(watch, watch.lookAt, TODAY + watch.lookAt + slept);
    if (typeof seen === 'string') return [seen, watch.lookAt];
    watch = seen;
  }
  return ['nothing', watch.lookAt];
}

describe('a watch', () => {
  test.each([0, 1, 9_999, 10_000, 10_001, 600_000])('for %d ms is due when they are over', (ms) => {
    expect(lookOn(watchFor(ms, 5, TODAY + 5))).toEqual(['due', 5 + ms]);
  });

  test('without end is never due', () => {
    expect(lookOn(watchFor(Infinity, 0, TODAY))[0]).toBe('nothing');
  });

  test('is not due where a timer came early', () => {
    expect(look(watchFor(1_000, 0, TODAY), 999, TODAY + 999)).toMatchObject({
      dueAt: 1_000,
      lookAt: 1_000,
    });
  });

  test('notices that the machine slept, whenever it did', () => {
    expect(lookOn(watchFor(HOUR, 0, TODAY), [HOUR])[0]).toBe('slept');
    expect(lookOn(watchFor(HOUR, 0, TODAY), [0, 0, HOUR])).toEqual(['slept', 30_000]);
    expect(lookOn(watchFor(1_000, 0, TODAY), [HOUR])).toEqual(['slept', 1_000]);
  });

  test.each([
    ['timers that come once a minute', 60_000],
    ['a clock that is set back', -HOUR],
  ])('takes %s for no sleep', (_, ms) => {
    expect(lookOn(watchFor(45_000, 0, TODAY), [ms, ms, ms])).toEqual(['due', 45_000]);
  });
});
