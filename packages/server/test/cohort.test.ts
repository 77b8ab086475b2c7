import type { Sink, View } from '@tidings/server/live';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cohort } from '../dist/live/cohort.js';
import { ReadQueue } from '../dist/live/read-queue.js';
import type { Listener } from '../dist/live/listener.js';
import type { ListenerState } from '../dist/live/listener-state.js';
import { FakeSink } from './model/fake-sink.ts';

const VIEW: View = { key: 'a', selection: { topics: ['a'], private: false } };

function listener(cohort: Cohort, state: ListenerState = { phase: 'live' }): Listener {
  const sink: Sink = new FakeSink(1);
  return { sink, onEnd: undefined, cohort, state, index: -1, reason: 'left' };
}

test('a cohort has exactly the members that joined and did not leave, each of which knows its index', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (toggles) => {
      const cohort = new Cohort(VIEW, 0);
      const all = Array.from({ length: 10 }, () => listener(cohort));
      const expected = new Set<Listener>();
      for (const index of toggles) {
        const one = all[index]!;
        if (expected.delete(one)) cohort.leave(one);
        else {
          expected.add(one);
          cohort.join(one);
        }
        expect(new Set(cohort.members)).toEqual(expected);
        expect(cohort.members).toHaveLength(expected.size);
        for (const member of all) expect(member.index).toBe(cohort.members.indexOf(member));
      }
    }),
  );
});

const reading = (position: number): ListenerState => ({ phase: 'reading', position, told: position });

test('those that want the same page in a tick share it, whoever else reads', () => {
  const [cohort, other] = [new Cohort(VIEW, 0), new Cohort({ ...VIEW, key: 'b' }, 0)];
  const queue = new ReadQueue();
  for (let n = 0; n < 100; n += 1) queue.push(listener(n % 2 ? cohort : other, reading(n % 3)));
  queue.push(listener(cohort, { phase: 'held', position: 1, told: 1 }));
  const wanted = queue.take();
  expect(wanted.map(({ cohort: { view }, after, readers }) => [view.key, after, readers.length])).toEqual([
    ['b', 0, 17],
    ['a', 1, 17],
    ['b', 2, 17],
    ['a', 0, 17],
    ['b', 1, 16],
    ['a', 2, 16],
  ]);
  for (const { after, readers } of wanted) {
    for (const { listener: reader, state } of readers)
      expect([reader.state, after]).toEqual([state, state.phase === 'reading' && state.position]);
  }
  expect(queue.length).toBe(0);
});

test('a tick reads for a bounded number of listeners, the others have their turn', () => {
  const cohort = new Cohort(VIEW, 0);
  const queue = new ReadQueue();
  for (let n = 0; n < 1200; n += 1) queue.push(listener(cohort, reading(7)));
  const counts: number[] = [];
  while (queue.length > 0) counts.push(...queue.take().map(({ readers }) => readers.length));
  expect(counts).toEqual([512, 512, 176]);
});
