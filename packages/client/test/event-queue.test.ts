import { describe, expect, test } from 'vitest';
import { createQueue } from '../dist/subscription/event-queue.js';

const event = (number: number) => ({ type: 'message', data: `${number}`, lastEventId: '' });

describe('the queue', () => {
  test('gives events in order, however many were taken while others waited', () => {
    const queue = createQueue(Infinity, Infinity);
    let pushed = 0;
    let taken = 0;
    for (let turn = 0; turn < 5_000; turn++) {
      queue.push(event(pushed++));
      queue.push(event(pushed++));
      expect(queue.take()).toEqual(event(taken++));
    }
    expect(queue.size).toBe(5_000);
    while (queue.size > 0) expect(queue.take()).toEqual(event(taken++));
    expect(taken).toBe(pushed);
    expect(queue.take()).toBeUndefined();
  });

  test('lets go of what was taken, while others wait', async () => {
    const queue = createQueue(Infinity, Infinity);
    queue.push(event(0));
    queue.push(event(1));
    const [first] = [new WeakRef(queue.take()!)];
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await new Promise((resolve) => setTimeout(resolve));
    collect();
    expect(first.deref()).toBeUndefined();
    expect(queue.size).toBe(1);
  });

  test('has room again when the bytes of its events were taken', async () => {
    const queue = createQueue(Infinity, 16);
    queue.push(event(0));
    expect(queue.room()).toBeDefined();
    const room = queue.room();
    queue.take();
    await room;
    expect(queue.room()).toBeUndefined();
  });
});
