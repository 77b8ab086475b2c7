import { LogTime, systemClock, type LogTimeRecord } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

describe('the time of a log', () => {
  test('is what passes on the clock that never goes back, whatever the other one is set to', () => {
    const steps = fc.array(
      fc.record({
        pass: fc.nat({ max: 1e7 }),
        set: fc.oneof(fc.constant(0), fc.integer({ min: -1e12, max: 1e12 })),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (script) => {
        const clock = new ManualClock(1e12);
        const time = new LogTime(clock);
        const entries: { seq: number; time: number; own: number }[] = [];
        let [passed, skipped] = [0, 0];
        let before = time.now();
        for (const [index, { pass, set }] of script.entries()) {
          clock.set(set);
          clock.advance(pass);
          passed += pass;
          // A small step is taken for the clock running a little faster or slower.
          if (Math.abs(set) <= 1000) skipped += Math.abs(set);
          const now = time.now();
          expect(now).toBeGreaterThanOrEqual(before);
          expect(Math.abs(now - 1e12 - passed)).toBeLessThanOrEqual(skipped);
          before = now;
          time.append(index + 1);
          entries.push({ seq: index + 1, time: clock.time(), own: now });
        }
        for (const entry of entries) expect(Math.abs(time.of(entry) - entry.own)).toBeLessThanOrEqual(skipped);
      }),
    );
  });

  test('is no time of its own while the clock runs as clocks do', () => {
    const clock = new ManualClock(1e12);
    const time = new LogTime(clock);
    for (let n = 0; n < 100; n += 1) {
      clock.advance(60_000);
      // Slewed by NTP.
      clock.set(n % 3 === 0 ? 25 : -10);
      expect(time.now()).toBe(Math.max(clock.time(), time.now()));
      time.append(n + 1);
    }
    expect(time.record().shifts).toEqual([]);
    expect(Math.abs(time.now() - clock.time())).toBeLessThanOrEqual(25);
  });

  test('takes back what it noted of events that were not stored', () => {
    const clock = new ManualClock(1e12);
    const time = new LogTime(clock);
    time.append(1);
    clock.set(1e9);
    time.now();
    time.append(5);
    clock.set(-1e9);
    time.now();
    time.append(5);
    expect(time.of({ seq: 5, time: 1e12 })).toBe(1e12);
    expect(time.record().shifts).toEqual([]);
  });

  test('forgets what is of no event that is kept, and keeps a bounded number of shifts', () => {
    const clock = new ManualClock(1e12);
    const time = new LogTime(clock);
    for (let n = 1; n <= 3000; n += 1) {
      clock.set(n % 2 === 0 ? 1e6 : -1e6);
      time.now();
      time.append(n);
    }
    expect(time.record().shifts.length).toBe(1000);
    expect(time.of({ seq: 3000, time: 1e12 })).toBe(1e12);
    expect(time.of({ seq: 2999, time: 1e12 - 1e6 })).toBe(1e12);
    time.forget(2990);
    expect(time.record().shifts.length).toBe(11);
    time.forget(5000);
    expect(time.record().shifts.length).toBe(1);
  });

  test('goes on from where it was, by what has passed on the clock, and never back', () => {
    const clock = new ManualClock(1e12);
    const first = new LogTime(clock);
    clock.set(5e9);
    first.now();
    first.append(1);
    const record = JSON.parse(JSON.stringify(first.record())) as LogTimeRecord;
    clock.advance(3000);
    expect(new LogTime(clock, record).now()).toBe(1e12 + 3000);
    clock.set(-9e9);
    expect(new LogTime(clock, record).now()).toBe(1e12);
    expect(new LogTime(clock, record).of({ seq: 8, time: 1e12 + 5e9 })).toBe(1e12);
  });

  test('is the way that a time of a test has gone forward, where there is only the system’s clock beside it', () => {
    let told = 1e12;
    const time = new LogTime({ ...systemClock, time: () => told });
    told += 5e9;
    expect(time.now()).toBe(1e12 + 5e9);
    told -= 8e9;
    expect(time.now()).toBe(1e12 + 5e9);
    told += 1e6;
    expect(time.now()).toBe(1e12 + 5e9 + 1e6);
  });
});
