import assert from 'node:assert/strict';
import type { LogEntry } from '../event-log.ts';
import { logCase, type LogCase } from './log-case.ts';
import { event, EVERYTHING, plain, range, seqs } from './log-probe.ts';

export const tailCases: readonly LogCase[] = [
  logCase('the tail has a batch before its append resolves', async (probe) => {
    const steps: string[] = [];
    probe.log.tail((batch) => steps.push(`tail ${seqs(batch).join()}`));
    const append = async (count: number): Promise<void> => {
      const { seq } = await probe.append(...range(1, count).map(() => event('a')));
      steps.push(`resolved ${seq}`);
    };
    await append(1);
    await append(2);
    assert.deepEqual(steps, ['tail 1', 'resolved 1', 'tail 2,3', 'resolved 3']);
  }),

  logCase('the tail gets the entries that a read gives', async (probe) => {
    const told: LogEntry[] = [];
    probe.log.tail((batch) => told.push(...batch));
    await probe.append({ topics: ['a', 'b'], fields: { data: 'x\ny', event: 't' } });
    await probe.append({ topics: ['c'], fields: { data: '', id: 'mine' }, private: true });
    assert.deepEqual(plain(told), plain(await probe.read(EVERYTHING)));
  }),

  logCase(
    'a tail starts behind its `after` and gets everything from there, in order and without holes',
    async (probe) => {
      await probe.publish('a', '1', '2');
      const told: number[] = [];
      const { after } = probe.log.tail((batch) => told.push(...seqs(batch)));
      assert.equal(after, 2);
      await Promise.all(range(1, 40).map((n) => probe.append(...range(1, 1 + (n % 3)).map(() => event('a')))));
      assert.deepEqual(told, range(3, probe.log.head().seq));
    },
  ),

  logCase('a tail that starts while appends are under way and a read up to it hold each event once', async (probe) => {
    const appends = range(1, 20).map((n) => probe.append(event('a', { data: String(n) })));
    await appends[4];
    const told: number[] = [];
    const { after } = probe.log.tail((batch) => told.push(...seqs(batch)));
    await Promise.all(appends);
    const before = seqs(await probe.read(EVERYTHING)).filter((seq) => seq <= after);
    assert.deepEqual([...before, ...told], range(1, 20));
  }),

  logCase('in a tail the head has reached the batch and a read sees it', async (probe) => {
    const { log } = probe;
    const checks: Promise<void>[] = [];
    log.tail((batch) => {
      const last = batch.at(-1)?.seq ?? 0;
      assert.ok(log.head().seq >= last);
      const request = { selection: EVERYTHING, after: 0, through: last, maxBytes: 64 * 1024 };
      checks.push(log.read(request).then((page) => assert.deepEqual(seqs(page.entries), range(1, last))));
    });
    await probe.publish('a', '1', '2', '3');
    assert.equal(checks.length, 3);
    await Promise.all(checks);
  }),

  logCase('several tails get the same, also where they share a listener', async (probe) => {
    const told = { one: [] as number[], other: [] as number[] };
    const listener = (batch: readonly LogEntry[]): number => told.one.push(...seqs(batch));
    probe.log.tail(listener);
    probe.log.tail((batch) => told.other.push(...seqs(batch)));
    await probe.publish('a', '1');
    probe.log.tail(listener);
    await probe.publish('a', '2');
    assert.deepEqual(told, { one: [1, 2, 2], other: [1, 2] });
  }),

  logCase('stop ends that tail alone, at once, and can be called again', async (probe) => {
    const told: string[] = [];
    const listen = (name: string) => (batch: readonly LogEntry[]) => told.push(`${name} ${seqs(batch).join()}`);
    const shared = listen('shared');
    const first = probe.log.tail(shared);
    probe.log.tail(shared);
    const once = probe.log.tail((batch) => {
      once.stop();
      listen('once')(batch);
    });
    await probe.publish('a', '1');
    first.stop();
    first.stop();
    await probe.publish('a', '2');
    assert.deepEqual(told.toSorted(), ['once 1', 'shared 1', 'shared 1', 'shared 2']);
  }),

  logCase('tails stay in order where a listener appends', async (probe) => {
    const told = { one: [] as number[], other: [] as number[] };
    let more: Promise<unknown> = Promise.resolve();
    probe.log.tail((batch) => {
      told.one.push(...seqs(batch));
      if (batch[0]?.seq === 1) more = probe.append(event('a'));
    });
    probe.log.tail((batch) => told.other.push(...seqs(batch)));
    await probe.append(event('a'));
    await more;
    assert.deepEqual(told, { one: [1, 2], other: [1, 2] });
  }),

  logCase('a tail that is started by a listener gets what lies behind its `after`', async (probe) => {
    const told: number[] = [];
    let after = -1;
    let more: Promise<unknown> = Promise.resolve();
    const first = probe.log.tail(() => {
      first.stop();
      more = probe.append(event('a'));
      ({ after } = probe.log.tail((batch) => told.push(...seqs(batch))));
    });
    await probe.append(event('a'));
    await more;
    await probe.append(event('a'));
    assert.deepEqual(told, range(after + 1, 3));
  }),
];
