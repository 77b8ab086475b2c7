import { describe, expect, test } from 'vitest';
import { watchLeader } from '../dist/shared/leader-watch.js';
import { FakeClock } from './fake-clock.ts';

const MINUTE = 60_000;

function start({ answers }: { answers: boolean }) {
  const clock = new FakeClock();
  const calls: string[] = [];
  const watch = watchLeader(
    clock,
    () => {
      calls.push('ping');
      if (answers) watch.received();
    },
    () => calls.push('hung'),
  );
  return { clock, calls, watch };
}

describe('a leader', () => {
  test('that sends something now and then gets no ping', () => {
    const { clock, calls, watch } = start({ answers: false });
    for (let turn = 0; turn < 20; turn++) {
      watch.received();
      clock.advance(10_000);
    }
    expect(calls).toEqual([]);
  });

  test('that is silent gets a ping, and does not hang where it answers', () => {
    const { clock, calls } = start({ answers: true });
    clock.advance(2 * MINUTE);
    expect(calls.length).toBeGreaterThan(2);
    expect(new Set(calls)).toEqual(new Set(['ping']));
  });

  test('that does not answer either hangs, and so does the next one', () => {
    const { clock, calls } = start({ answers: false });
    clock.advance(45_000);
    expect(calls).toEqual(['ping', 'hung']);
    clock.advance(30_000);
    expect(calls).toEqual(['ping', 'hung', 'ping', 'hung']);
  });

  test('is not watched any more once that is stopped', () => {
    const { clock, calls, watch } = start({ answers: false });
    watch.stop();
    clock.advance(MINUTE);
    expect(calls).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
