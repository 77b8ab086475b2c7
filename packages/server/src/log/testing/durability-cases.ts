import assert from 'node:assert/strict';
import { logCase, type LogCase } from './log-case.ts';
import { event, EVERYTHING, plain, privately, range, select, seqs } from './log-probe.ts';

const durable = true;

export const durabilityCases: readonly LogCase[] = [
  logCase(
    'a log that is opened again has its epoch, its head and every entry as it was',
    async (probe) => {
      await probe.append({ topics: ['a', 'b'], fields: { data: 'x\ny', event: 't', retry: 5 } });
      probe.time += 5;
      await probe.append(privately('c'), event('a', { id: 'mine' }));
      const before = {
        head: probe.log.head(),
        entries: plain(await probe.read(EVERYTHING)),
        topics: [...probe.log.topics()],
      };
      probe.time += 5;
      await probe.reopen();
      assert.deepEqual(
        { head: probe.log.head(), entries: plain(await probe.read(EVERYTHING)), topics: [...probe.log.topics()] },
        before,
      );
      assert.deepEqual(await probe.data(select('a')), ['x\ny', '']);
      assert.equal(await probe.log.find('mine'), 3);
      assert.equal(await probe.log.beforeLast(select('a'), 1), 2);
    },
    { durable },
  ),

  logCase(
    'a log that is opened again goes on where it was',
    async (probe) => {
      await probe.publish('a', '1', '2');
      await probe.reopen();
      const told: number[] = [];
      const { after } = probe.log.tail((batch) => told.push(...seqs(batch)));
      await probe.publish('a', '3', '4');
      assert.equal(after, 2);
      assert.deepEqual(told, [3, 4]);
      assert.deepEqual(seqs(await probe.read(select('a'))), [1, 2, 3, 4]);
    },
    { durable },
  ),

  logCase(
    'every append that was answered is there after opening again',
    async (probe) => {
      await Promise.all(range(1, 500).map((n) => probe.append(event('a', { data: String(n) }))));
      await probe.reopen();
      assert.deepEqual(await probe.data(select('a')), range(1, 500).map(String));
    },
    { durable },
  ),

  logCase(
    'what has been trimmed is known after opening again, also of topics that are empty',
    async (probe) => {
      await probe.append(event('a'), privately('a'), event('b'), event('c'), event('c'));
      await probe.log.trim();
      await probe.reopen();
      const through = (topic: string, isPrivate: boolean): Promise<number> =>
        probe.trimmedThrough({ topics: [topic], private: isPrivate });
      assert.deepEqual(
        await Promise.all([through('a', false), through('a', true), through('b', false), through('c', true)]),
        [1, 2, 3, 0],
      );
      assert.deepEqual(seqs(await probe.read(EVERYTHING)), [4, 5]);
    },
    { durable, retention: { maxEvents: 2 } },
  ),

  logCase(
    'a log whose events have all been trimmed keeps its epoch and its numbering when it is opened again',
    async (probe) => {
      await probe.publish('a', '1', '2');
      probe.time += 2000;
      await probe.log.trim();
      const head = probe.log.head();
      await probe.reopen();
      assert.deepEqual(probe.log.head(), head);
      assert.equal((await probe.append(event('a'))).seq, 3);
      assert.equal(await probe.trimmedThrough(select('a')), 2);
    },
    { durable, retention: { maxAgeMs: 1000 } },
  ),
];
