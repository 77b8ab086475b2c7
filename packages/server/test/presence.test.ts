import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PresenceObserver, Present, View } from '@tidings/server/live';
import { PresentList } from '../src/live/present-list.ts';
import { Rig, VIEW } from './fan-out-rig.ts';
import { FakeSink } from './model/fake-sink.ts';

const BASE = 'https://hub.test/topics/';
const PATTERN: View = { key: 'pattern', selection: { topics: [{ pattern: 'a*', base: BASE }] } };
const ALL: View = { key: 'all', selection: { topics: 'all' } };
const BOTH: View = { key: 'both', selection: { topics: ['a', 'b'] } };

function present(number: number): Present {
  return { number, subject: `${number}`, since: 0 };
}

test('a list has its listeners in the order of their numbers, however they come and go', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.boolean()), { maxLength: 200 }),
      fc.nat(40),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 5 }),
      (steps, after, through, limit) => {
        const list = new PresentList();
        const model = new Set<number>();
        const known = Array.from({ length: 41 }, (_, number) => present(number));
        for (const [number, isAdded] of steps) {
          if (isAdded) list.add(known[number]!);
          else list.delete(known[number]!);
          if (isAdded) model.add(number);
          else model.delete(number);
        }
        const sorted = [...model].toSorted((one, other) => one - other);
        const copied = (...args: [number, number, number]): number[] => {
          const found: Present[] = [];
          list.copy(...args, found);
          return found.map(({ number }) => number);
        };
        expect(list.size).toBe(model.size);
        expect(copied(0, Infinity, Infinity)).toEqual(sorted);
        const within = sorted.filter((number) => number > after && number <= through);
        expect(copied(after, through, limit)).toEqual(within.slice(0, limit));
      },
    ),
  );
});

/** A fan-out with listeners that others are told of. */
class Presences {
  readonly rig = new Rig();
  #last = 0;

  /** Lets a listener in. Gives what ends it. */
  listen(view: View): { readonly number: number; readonly end: () => void; readonly move: (view: View) => void } {
    const { fanOut } = this.rig;
    this.#last += 1;
    const number = this.#last;
    const listener = fanOut.listen(new FakeSink(100), view, { type: 'now' }, undefined, false, present(number))!;
    return {
      number,
      end: () => fanOut.breakOff(listener, 'left'),
      move: (other) => {
        fanOut.hold(listener);
        fanOut.release(listener, other);
      },
    };
  }

  async numbers(topic: string, after = 0, limit = 100): Promise<[number[], number, boolean]> {
    const { listeners, count, isLast } = await this.rig.fanOut.presence.page(topic, after, limit);
    return [listeners.map(({ number }) => number), count, isLast];
  }
}

class Recorder implements PresenceObserver {
  readonly told: string[] = [];

  onCome({ number }: Present): void {
    this.told.push(`+${number}`);
  }

  onGo({ number }: Present): void {
    this.told.push(`-${number}`);
  }

  take(): string[] {
    return this.told.splice(0);
  }
}

describe('who listens to a topic', () => {
  test('is found by its name and by patterns, page by page, in the order of their coming', async () => {
    const presences = new Presences();
    for (const view of [VIEW, PATTERN, ALL, BOTH, { key: 'c', selection: { topics: ['c'] } }, VIEW])
      presences.listen(view);
    expect(await presences.numbers('a')).toEqual([[1, 2, 3, 4, 6], 5, true]);
    expect(await presences.numbers('a', 0, 2)).toEqual([[1, 2], 5, false]);
    expect(await presences.numbers('a', 2, 2)).toEqual([[3, 4], 5, false]);
    expect(await presences.numbers('a', 4, 2)).toEqual([[6], 5, true]);
    expect(await presences.numbers('a', 6, 2)).toEqual([[], 5, true]);
    expect(await presences.numbers('b')).toEqual([[3, 4], 2, true]);
    expect(await presences.numbers('nobody')).toEqual([[3], 1, true]);
  });

  test('is given in order, too, if each of very many listeners has a cohort of its own', async () => {
    const presences = new Presences();
    for (let n = 0; n < 300; n += 1)
      presences.listen({ key: `${(n * 7) % 300}`, selection: { topics: ['a', `own ${n}`] } });
    expect(await presences.numbers('a', 0, 3)).toEqual([[1, 2, 3], 300, false]);
    expect(await presences.numbers('a', 297, 3)).toEqual([[298, 299, 300], 300, true]);
  });

  test('is told of each that comes and goes, and of no one else', async () => {
    const presences = new Presences();
    const first = presences.listen(VIEW);
    const recorder = new Recorder();
    const watch = presences.rig.fanOut.presence.watch('a', recorder);
    await watch.refresh();
    expect([recorder.take(), watch.page(0, 10).listeners.map(({ number }) => number)]).toEqual([[], [1]]);
    const others = [presences.listen(BOTH), presences.listen({ key: 'b', selection: { topics: ['b'] } })];
    expect(recorder.take()).toEqual(['+2']);
    // Only a search finds a new pattern, once for all who listen with it.
    const matching = [presences.listen(PATTERN), presences.listen(PATTERN)];
    expect(recorder.take()).toEqual([]);
    await watch.refresh();
    expect([recorder.take(), watch.page(3, 10).listeners.map(({ number }) => number)]).toEqual([
      ['+4', '+5'],
      [4, 5],
    ]);
    presences.listen(PATTERN);
    expect(recorder.take()).toEqual(['+6']);
    for (const each of [first, ...others, ...matching]) each.end();
    expect(recorder.take()).toEqual(['-1', '-2', '-4', '-5']);
  });

  test('is not told of a listener whose view changes and still selects the topic', async () => {
    const presences = new Presences();
    const recorder = new Recorder();
    const watch = presences.rig.fanOut.presence.watch('a', recorder);
    const listener = presences.listen(VIEW);
    expect(recorder.take()).toEqual(['+1']);
    listener.move(BOTH);
    expect(recorder.take()).toEqual(['+1', '-1']);
    expect(watch.page(0, 10).listeners.map(({ number }) => number)).toEqual([1]);
    listener.move(PATTERN);
    expect(recorder.take()).toEqual(['-1']);
    await watch.refresh();
    expect(recorder.take()).toEqual(['+1']);
    listener.move(PATTERN);
    expect(recorder.take()).toEqual([]);
    listener.move({ key: 'b', selection: { topics: ['b'] } });
    expect([recorder.take(), await presences.numbers('a')]).toEqual([['-1'], [[], 0, true]]);
  });

  test('leaves nothing behind when the listeners and the watches end', async () => {
    const presences = new Presences();
    const { presence } = presences.rig.fanOut;
    const recorders = [new Recorder(), new Recorder()];
    const listeners = [VIEW, PATTERN, ALL, BOTH].map((view) => presences.listen(view));
    const watches = recorders.map((recorder) => presence.watch('a', recorder));
    const other = presence.watch('b', recorders[0]!);
    await Promise.all([...watches, other].map((watch) => watch.refresh()));
    expect(presence.watched).toEqual({ topics: 2, cohorts: 2 });
    recorders[1]!.take();
    listeners[1]!.end();
    expect(presence.watched).toEqual({ topics: 2, cohorts: 1 });
    watches[0]!.end();
    expect(presence.watched).toEqual({ topics: 2, cohorts: 1 });
    watches[1]!.end();
    watches[1]!.end();
    expect(presence.watched).toEqual({ topics: 1, cohorts: 1 });
    other.end();
    expect(presence.watched).toEqual({ topics: 0, cohorts: 0 });
    for (const each of listeners) each.end();
    expect(await presences.numbers('a')).toEqual([[], 0, true]);
    expect(recorders[1]!.take()).toEqual(['-2']);
  });
});
