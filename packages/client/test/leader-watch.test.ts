import { describe, expect, test } from 'vitest';
import { watchLeader } from '../dist/shared/leader-watch.js';
import { FakeClock } from './fake-clock.ts';

const MINUTE = 60_000;

function start({ answers }: { answers: boolean }) {
  const clock = new FakeClock();
  const told: string[] = [];
  const watch = watchLeader(
    clock,
    () => {
      told.push('ask');
      if (answers) watch.heard();
    },
    () => told.push('hung'),
  );
  return { clock, told, watch };
}

describe('a leader', () => {
  test('that says something now and then is not asked', () => {
    const { clock, told, watch } = start({ answers: false });
    for (let turn = 0; turn < 20; turn++) {
      watch.heard();
      clock.advance(10_000);
    }
    expect(told).toEqual([]);
  });

  test('that is silent is asked, and does not hang where it answers', () => {
    const { clock, told } = start({ answers: true });
    clock.advance(2 * MINUTE);
    expect(told.length).toBeGreaterThan(2);
    expect(new Set(told)).toEqual(new Set(['ask']));
  });

  test('that does not answer either hangs, and so does the next one', () => {
    const { clock, told } = start({ answers: false });
    clock.advance(45_000);
    expect(told).toEqual(['ask', 'hung']);
    clock.advance(30_000);
    expect(told).toEqual(['ask', 'hung', 'ask', 'hung']);
  });

  test('is not watched any more once that is stopped', () => {
    const { clock, told, watch } = start({ answers: false });
    watch.stop();
    clock.advance(MINUTE);
    expect(told).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
