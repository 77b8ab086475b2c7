import { describe, expect, test } from 'vitest';
import { createAlarm } from '../dist/platform/alarm.js';
import { FakeClock } from './fake-clock.ts';

const HOUR = 3_600_000;

function start(clock = new FakeClock()) {
  const begun = clock.now();
  /** What was told, and after how many milliseconds. */
  const told: [string, number][] = [];
  const tell = (what: string) => (): void => void told.push([what, clock.now() - begun]);
  return { clock, told, tell, alarm: createAlarm(clock, tell('slept')) };
}

describe('an alarm', () => {
  test.each([0, 1, 9_999, 10_000, 10_001, 600_000])('set to %d ms rings once, when they are over', (ms) => {
    const { clock, told, tell, alarm } = start();
    alarm.set(ms, tell('due'));
    clock.advance(HOUR);
    expect(told).toEqual([['due', ms]]);
    expect(clock.pending).toBe(0);
  });

  test('without end never rings', () => {
    const { clock, told, tell, alarm } = start();
    alarm.set(Infinity, tell('due'));
    clock.advance(24 * HOUR);
    expect(told).toEqual([]);
  });

  test('does not ring where a timer came early', () => {
    /** The first timer goes off too early. */
    class EarlyClock extends FakeClock {
      #early = 400;

      override setTimeout(callback: () => void, ms: number): unknown {
        const timer = super.setTimeout(callback, ms - this.#early);
        this.#early = 0;
        return timer;
      }
    }
    const clock = new EarlyClock();
    const { told, tell, alarm } = start(clock);
    alarm.set(1_000, tell('due'));
    clock.advance(HOUR);
    expect(told).toEqual([['due', 1_000]]);
  });

  test('can be put off, and brought forward, and rings for what was set last', () => {
    const { clock, told, tell, alarm } = start();
    alarm.set(5_000, tell('first'));
    alarm.set(5_000, tell('due'));
    clock.advance(4_000);
    alarm.putOff(30_000);
    clock.advance(20_000);
    expect(told).toEqual([]);
    alarm.putOff(1_000);
    clock.advance(HOUR);
    expect(told).toEqual([['due', 25_000]]);
  });

  test('that is cleared, or has rung, is not set by being put off', () => {
    const { clock, told, tell, alarm } = start();
    alarm.set(1_000, tell('due'));
    alarm.clear();
    alarm.putOff(1_000);
    expect(clock.pending).toBe(0);
    alarm.set(1_000, tell('due'));
    clock.advance(1_000);
    alarm.putOff(1_000);
    expect(clock.pending).toBe(0);
    expect(told).toEqual([['due', 1_000]]);
  });

  test.each([
    ['at once', 0],
    ['later', 25_000],
  ])('notices that the machine slept, %s', (_, ms) => {
    const { clock, told, tell, alarm } = start();
    alarm.set(HOUR, tell('due'));
    clock.advance(ms);
    clock.sleep(HOUR);
    clock.advance(10_000);
    expect(told).toEqual([['slept', Math.ceil((ms + 1) / 10_000) * 10_000]]);
  });

  test('notices it where it is due anyway', () => {
    const { clock, told, tell, alarm } = start();
    alarm.set(1_000, tell('due'));
    clock.sleep(HOUR);
    clock.advance(1_000);
    expect(told).toEqual([['slept', 1_000]]);
  });

  test.each([
    ['timers that come once a minute', 60_000],
    ['a clock that is set back', -HOUR],
  ])('takes %s for no sleep', (_, ms) => {
    const { clock, told, tell, alarm } = start();
    alarm.set(45_000, tell('due'));
    for (let turn = 0; turn < 5; turn++) {
      clock.sleep(ms);
      clock.advance(10_000);
    }
    expect(told).toEqual([['due', 45_000]]);
  });
});
