import { entries, type EntryGap, type EventLog, fieldsOf, type ItemIterator, type LogEntry } from '@tidings/server/log';
import { FAULTS, ManualClock, RemoteStore, type RemoteHarness } from '@tidings/server/log/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SEED } from '../../../test/seed.ts';

let store: RemoteStore;
beforeAll(() => {
  store = new RemoteStore(SEED);
});
afterAll(() => store.close());

async function openStore(faults: boolean): Promise<RemoteHarness> {
  const harness = await store.open({ clock: new ManualClock(1_700_000_000_000) }, faults ? { faults: FAULTS } : {});
  onTestFinished(() => harness.dispose());
  return harness;
}

function open(log: EventLog, options: Parameters<typeof entries>[1] = {}): ItemIterator<LogEntry | EntryGap> {
  const iterator = entries(log, options);
  onTestFinished(() => void iterator.return());
  return iterator;
}

/** The next items: data, or the reason of a gap. */
async function take(iterator: ItemIterator<LogEntry | EntryGap>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { done, value } = await iterator.next();
    if (done === true) throw new Error('It ended');
    taken.push('gap' in value ? `gap ${value.gap.reason}` : fieldsOf(value).data!);
  }
  return taken;
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => String(from + n));

async function publish(log: EventLog, from: number, to: number): Promise<void> {
  for (const data of numbers(from, to)) await log.append([{ topics: ['a'], fields: { data } }]);
}

describe('entries() of a log in another process', () => {
  test('gives every entry once and in order over a connection with faults, which is cut, too', async () => {
    const harness = await openStore(true);
    const iterator = open(harness.another(), { after: 'earliest' });
    const taken = take(iterator, 60);
    for (let part = 0; part < 6; part += 1) {
      await publish(harness.log, 10 * part, 10 * part + 10);
      await harness.cut();
    }
    expect(await taken).toEqual(numbers(0, 60));
  });

  test('goes on from its place when the numbering begins anew', async () => {
    const harness = await openStore(false);
    const node = harness.another();
    const iterators = [open(node, { after: 'earliest' }), open(node, { after: 'earliest' })];
    const [ahead, behind] = iterators as [(typeof iterators)[0], (typeof iterators)[0]];
    await publish(harness.log, 0, 3);
    expect(await take(ahead, 3)).toEqual(numbers(0, 3));
    expect(await take(behind, 1)).toEqual(['0']);
    const next = take(ahead, 1);
    await harness.beginEpoch();
    await publish(harness.log, 3, 6);
    expect([...(await next), ...(await take(ahead, 2))]).toEqual(numbers(3, 6));
    expect(await take(behind, 5)).toEqual(numbers(1, 6));
  });

  test('begins with what is appended after the call, though following has not begun by then', async () => {
    const harness = await openStore(false);
    await publish(harness.log, 0, 1);
    const iterator = open(harness.log);
    await publish(harness.log, 1, 4);
    expect(await take(iterator, 3)).toEqual(numbers(1, 4));
  });

  test('tells of a gap where entries were trimmed while it lagged behind, and no false one', async () => {
    const harness = await openStore(false);
    const node = harness.another();
    const iterator = open(node, { after: 'earliest', selection: { topics: ['a'] } });
    await publish(harness.log, 0, 1);
    expect(await take(iterator, 1)).toEqual(['0']);
    await harness.hold(node, true);
    for (const topic of ['b', 'b', 'a']) await harness.log.append([{ topics: [topic], fields: { data: topic } }]);
    const { seq } = await harness.log.append([{ topics: ['b'], fields: { data: 'b' } }]);
    // Nothing that it selects, but the first.
    await harness.trim(seq - 2);
    const next = take(iterator, 1);
    await harness.hold(node, false);
    expect(await next).toEqual(['a']);
  });
});
