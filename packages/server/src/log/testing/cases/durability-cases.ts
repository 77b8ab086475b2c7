import assert from 'node:assert/strict';
import { formatCursor } from '../../position.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { dataOf, event, EVERYTHING, plain, privately, range, select, type LogProbe, where } from '../log-probe.ts';

/** Everything that can be asked of a log. */
async function contents(probe: LogProbe): Promise<unknown> {
  return {
    head: await probe.head(),
    entries: plain(await probe.read(EVERYTHING)),
    mine: await where(probe.log.locate('mine')),
    last: await where(probe.log.locateLast(select('a'), 1)),
    byName: await probe.log.directory?.list({ order: 'name', limit: 10 }),
    byTime: await probe.log.directory?.list({ order: 'time', limit: 10 }),
  };
}

export const durabilityCases: readonly LogCase[] = [
  logCase(
    'a log that is opened again has its head and every entry as it was, and honours the cursors it gave, in this epoch or another',
    async (probe) => {
      await probe.append({ topics: ['a', 'b'], fields: { data: 'x\ny', event: 't', retry: 5 } });
      await probe.advance(5);
      await probe.append(privately('c'));
      await probe.advance(5);
      await probe.append(event('a', { id: 'mine' }));
      const before = await contents(probe);
      const position = await probe.position();
      await probe.advance(5);
      await probe.reopen();
      assert.deepEqual(await contents(probe), before);
      const { after, misplaced } = await probe.log.locate(formatCursor(position));
      assert.deepEqual({ after, misplaced }, { after: position.seq, misplaced: undefined });
      assert.deepEqual(await probe.data(select('a')), ['x\ny', '']);
    },
    { needs: ['durable'] },
  ),

  logCase(
    'a log that is opened again knows its newest public event',
    async (probe) => {
      const { seq } = await probe.append(event('a'));
      await probe.append(privately('a'), privately('a'));
      for (let time = 0; time < 2; time += 1) {
        await probe.reopen();
        const { epoch, publicSeq } = await probe.position();
        assert.equal(publicSeq, seq);
        const cursor = (at: number): string => formatCursor({ epoch, seq: at });
        assert.equal((await probe.log.locate(cursor(seq), select('a'))).after, seq);
        for (const at of [seq + 1, seq + 2, seq + 9]) {
          assert.equal((await probe.log.locate(cursor(at), select('a'))).misplaced, 'ahead');
        }
        assert.equal((await probe.log.locateLast(select('a'), 0)).after, seq);
      }
    },
    { needs: ['durable'] },
  ),

  logCase(
    'a log that is opened again goes on where it was',
    async (probe) => {
      await probe.publish('a', '1', '2');
      const head = await probe.head();
      await probe.reopen();
      const recorder = await probe.follow();
      await probe.publish('a', '3', '4');
      await recorder.reached(await probe.head());
      assert.equal(recorder.starts[0]?.seq, head);
      assert.deepEqual(dataOf(recorder.entries), ['3', '4']);
      assert.deepEqual(await probe.data(select('a')), ['1', '2', '3', '4']);
    },
    { needs: ['durable'] },
  ),

  logCase(
    'every append that was answered is there after opening again',
    async (probe) => {
      await Promise.all(range(1, 500).map((n) => probe.append(event('a', { data: String(n) }))));
      await probe.reopen();
      assert.deepEqual(await probe.data(select('a')), range(1, 500).map(String));
    },
    { needs: ['durable'] },
  ),

  logCase(
    'what has been trimmed is known after opening again, also of topics that are empty',
    async (probe) => {
      const numbers: number[] = [];
      for (const each of [event('a'), privately('a'), privately('b', 'd'), event('b')]) {
        numbers.push((await probe.append(each)).seq);
      }
      await probe.append(event('c'), event('c'));
      await probe.trim();
      await probe.reopen();
      const [first, second, third, fourth] = numbers;
      const through = (topic: string, ...seen: string[]): Promise<number> =>
        probe.trimmedThrough({ topics: [topic], private: seen });
      assert.deepEqual(
        await Promise.all([through('a'), through('a', 'a'), through('b'), through('d'), through('d', 'b')]),
        [first, second, fourth, 0, third],
      );
      assert.equal(await through('c', 'c'), 0);
      assert.deepEqual(await probe.data(EVERYTHING), ['c', 'c']);
    },
    { needs: ['durable', 'trim', 'exact'], retention: { maxEvents: 2 } },
  ),

  logCase(
    'a log whose events have all been trimmed goes on with its numbering when it is opened again',
    async (probe) => {
      await probe.publish('a', '1', '2');
      await probe.advance(2000);
      await probe.trim();
      const position = await probe.position();
      await probe.reopen();
      assert.equal(await probe.head(), position.seq);
      assert.ok((await probe.append(event('a'))).seq > position.seq);
      assert.equal(await probe.trimmedThrough(select('a')), position.seq);
    },
    { needs: ['durable', 'trim', 'time'], retention: { maxAgeMs: 1000 } },
  ),
];
