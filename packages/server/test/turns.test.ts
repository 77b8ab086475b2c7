import { Turns } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';

/** A clock that code moves by its work. */
class WorkClock {
  ms = 0;

  now(): number {
    return this.ms;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A scan that takes so many milliseconds in pieces of a tenth, and notes when each of its goes ended. */
function scan(clock: WorkClock, ms: number, onGo: () => void = () => {}): Parameters<Turns['run']>[0] {
  let left = ms * 10;
  return (turn) => {
    while (left > 0 && !turn.isOver) {
      left -= 1;
      clock.ms += 0.1;
      turn.steps += 10_000;
    }
    onGo();
    return left > 0 ? undefined : 'done';
  };
}

describe('those who scan', () => {
  test('take four milliseconds of a turn of the event loop together, however many they are', async () => {
    const clock = new WorkClock();
    const turns = new Turns(4, clock);
    const all = Promise.all(Array.from({ length: 20 }, () => turns.run(scan(clock, 3))));
    const taken: number[] = [];
    for (let before = 0; turns.waiting > 0; before = clock.ms) {
      taken.push(clock.ms - before);
      await nextTurn();
    }
    await all;
    expect(taken.length).toBeGreaterThanOrEqual(60 / 5);
    expect(Math.max(...taken)).toBeLessThanOrEqual(5);
  });

  test('go on one after the other, a millisecond at a time', async () => {
    const clock = new WorkClock();
    const turns = new Turns(4, clock);
    const order: string[] = [];
    const run = (name: string): Promise<unknown> => turns.run(scan(clock, 2, () => order.push(name)));
    await Promise.all(['a', 'b', 'c'].map(run));
    // The first one starts at once.
    expect(order).toEqual(['a', 'a', 'b', 'c', 'b', 'c']);
  });

  test('start at once where there is time, and those that an index helps do not wait behind the others', async () => {
    const clock = new WorkClock();
    const turns = new Turns(4, clock);
    const order: string[] = [];
    const done = [1, 2, 3, 4, 5, 6].map((n) => turns.run(scan(clock, 2, () => order.push(`long ${n}`))));
    expect(order).toEqual(['long 1']);
    const short = turns.run(
      scan(clock, 0.5, () => order.push('short')),
      { isShort: true },
    );
    expect(order).toEqual(['long 1', 'short']);
    await Promise.all([short, ...done]);
  });

  test('are never kept waiting for ever by those that an index helps', async () => {
    const clock = new WorkClock();
    const turns = new Turns(4, clock);
    let isOver = false;
    const long = turns.run(scan(clock, 5)).then(() => (isOver = true));
    const endless = Array.from({ length: 10 }, () =>
      turns.run(scan(clock, 1000), { isShort: true, signal: AbortSignal.timeout(60_000) }),
    );
    for (const each of endless) each.catch(() => {});
    for (let turn = 0; turn < 6 && !isOver; turn += 1) await nextTurn();
    await long;
    expect(turns.waiting).toBe(10);
  });

  test('that an index helps have their turn, however long a go of the others takes', async () => {
    const clock = new WorkClock();
    const turns = new Turns(4, clock);
    const left = new AbortController();
    const slow = [1, 2, 3].map(() => turns.run(() => void (clock.ms += 50), { signal: left.signal }).catch(() => {}));
    let isDone = false;
    void turns.run(scan(clock, 3), { isShort: true }).then(() => (isDone = true));
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    expect(isDone).toBe(true);
    left.abort();
    await Promise.all(slow);
  });

  test('stop when whoever asked has left', async () => {
    const clock = new WorkClock();
    const turns = new Turns(4, clock);
    const left = new AbortController();
    let goes = 0;
    const scans = [1, 2, 3].map(() =>
      turns.run(
        scan(clock, 1000, () => (goes += 1)),
        { signal: left.signal },
      ),
    );
    const answers = Promise.allSettled(scans);
    await nextTurn();
    left.abort(new Error('gone'));
    const before = goes;
    expect(turns.waiting).toBe(0);
    await nextTurn();
    await nextTurn();
    expect(goes).toBe(before);
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(turns.run(() => 1, { signal: left.signal })).rejects.toThrow('gone');
  });

  test('are told what their work throws', async () => {
    const turns = new Turns();
    await expect(
      turns.run(() => {
        throw new Error('broken');
      }),
    ).rejects.toThrow('broken');
    expect(turns.waiting).toBe(0);
  });

  test('stop by their work, too, where the clock stands still', async () => {
    const turns = new Turns(4, { now: () => 0 });
    let pieces = 0;
    let goes = 0;
    await turns.run((turn) => {
      goes += 1;
      for (; pieces < 1000; pieces += 1) {
        if (turn.isOver) return undefined;
        turn.steps += 10_000;
      }
      return pieces;
    });
    expect(goes).toBeGreaterThanOrEqual(9);
  });
});
