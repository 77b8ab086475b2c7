import assert from 'node:assert/strict';
import type { Selection } from '../event-log.ts';
import { logCase, type LogCase } from './log-case.ts';
import { event, EVERYTHING, privately, range, select, seqs, type LogProbe } from './log-probe.ts';

const ALL = (selection: Selection): Selection => ({ ...selection, private: true });

async function kept(probe: LogProbe, selection: Selection = EVERYTHING): Promise<number[]> {
  await probe.log.trim();
  return seqs(await probe.read(selection));
}

/** Trims, and asks for each topic how far it has been trimmed. */
async function trimmed(probe: LogProbe, ...topics: readonly string[]): Promise<number[]> {
  await probe.log.trim();
  return await Promise.all(topics.map((topic) => probe.trimmedThrough(select(topic))));
}

export const retentionCases: readonly LogCase[] = [
  logCase('without bounds nothing is trimmed', async (probe) => {
    await probe.publish('a', ...range(1, 20).map(String));
    probe.time += 1e12;
    assert.deepEqual(await kept(probe), range(1, 20));
    assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
  }),

  logCase(
    'retention by count keeps the newest events',
    async (probe) => {
      await probe.publish('a', '1', '2', '3');
      assert.deepEqual(await kept(probe), [1, 2, 3]);
      await probe.publish('a', '4', '5');
      assert.deepEqual(await kept(probe), [3, 4, 5]);
      assert.equal(await probe.trimmedThrough(select('a')), 2);
      assert.equal(probe.log.head().seq, 5);
    },
    { retention: { maxEvents: 3 } },
  ),

  logCase(
    'retention by age removes what is older, and keeps what is just as old',
    async (probe) => {
      await probe.publish('a', '1');
      probe.time += 600;
      await probe.publish('a', '2');
      probe.time += 400;
      assert.deepEqual(await kept(probe), [1, 2]);
      probe.time += 1;
      assert.deepEqual(await kept(probe), [2]);
      probe.time += 600;
      assert.deepEqual(await kept(probe), []);
      assert.equal(await probe.trimmedThrough(select('a')), 2);
    },
    { retention: { maxAgeMs: 1000 } },
  ),

  logCase(
    'retention by size keeps at most so many bytes of frames',
    async (probe) => {
      await probe.publish('a', ...range(1, 8).map(() => 'x'.repeat(80)));
      const entries = await kept(probe);
      const [size = 0] = (await probe.read(EVERYTHING)).map((entry) => entry.frame.length);
      assert.equal(entries.length, Math.floor(500 / size));
      assert.equal(entries.at(-1), 8);
      await probe.publish('a', 'x'.repeat(501));
      assert.deepEqual(await kept(probe), []);
    },
    { retention: { maxBytes: 500 } },
  ),

  logCase(
    'a log that keeps nothing still numbers and tells its events',
    async (probe) => {
      const told: number[] = [];
      probe.log.tail((batch) => told.push(...seqs(batch)));
      await probe.publish('a', '1', '2');
      assert.deepEqual(await kept(probe), []);
      assert.deepEqual(told, [1, 2]);
      assert.equal(probe.log.head().seq, 2);
      assert.equal(await probe.trimmedThrough(select('a')), 2);
    },
    { retention: { maxEvents: 0 } },
  ),

  logCase(
    'a topic has the bounds of the first rule that matches it, on its own',
    async (probe) => {
      for (const topic of ['news', 'room/1', 'room/2', 'room/vip', 'news', 'room/1', 'room/2', 'room/vip']) {
        await probe.publish(topic, 'x');
      }
      await probe.publish('room/1', 'x');
      assert.deepEqual(await kept(probe), [1, 4, 5, 7, 8, 9]);
      assert.deepEqual(await trimmed(probe, 'news', 'room/1', 'room/2', 'room/vip'), [0, 6, 3, 0]);
    },
    {
      retention: {
        perTopic: [
          { matches: (topic) => topic === 'room/vip', maxEvents: 2 },
          { matches: (topic) => topic.startsWith('room/'), maxEvents: 1 },
        ],
      },
    },
  ),

  logCase(
    'an event of several topics goes with the first of them that exceeds its bounds',
    async (probe) => {
      await probe.append({ topics: ['a', 'b'], fields: { data: '1' } });
      await probe.publish('a', '2');
      await probe.publish('b', '3');
      assert.deepEqual(await kept(probe), [2, 3]);
      assert.deepEqual(await trimmed(probe, 'a', 'b'), [1, 1]);
    },
    { retention: { perTopic: [{ matches: (topic) => topic === 'b', maxEvents: 1 }] } },
  ),

  logCase(
    'a topic may be kept for a shorter time, or smaller, than the rest',
    async (probe) => {
      await probe.publish('short', '1', '2');
      await probe.publish('small', 'x'.repeat(150), 'y');
      await probe.publish('long', '5');
      probe.time += 1001;
      await probe.publish('short', '6');
      assert.deepEqual(await kept(probe), [4, 5, 6]);
      probe.time += 5000;
      assert.deepEqual(await kept(probe), []);
      assert.deepEqual(await trimmed(probe, 'short', 'small', 'long'), [6, 4, 5]);
    },
    {
      retention: {
        maxAgeMs: 5000,
        perTopic: [
          { matches: (topic) => topic === 'short', maxAgeMs: 1000 },
          { matches: (topic) => topic === 'small', maxBytes: 150 },
        ],
      },
    },
  ),

  logCase(
    'how far a selection has been trimmed is exact for each topic and every set of them',
    async (probe) => {
      await probe.publish('a', '1');
      await probe.publish('b', '2');
      await probe.publish('a', '3');
      await probe.append({ topics: ['c', 'd'], fields: { data: '4' } });
      await probe.publish('e', '5', '6');
      assert.deepEqual(await trimmed(probe, 'a', 'b', 'c', 'd', 'e', 'nobody'), [3, 2, 4, 4, 0, 0]);
      assert.equal(await probe.trimmedThrough(select('b', 'e')), 2);
      assert.equal(await probe.trimmedThrough(select('a', 'b', 'd')), 4);
      assert.equal(await probe.trimmedThrough(select()), 0);
      assert.equal(await probe.trimmedThrough({ topics: [], test: (topic) => topic < 'c', private: false }), 3);
      assert.equal(await probe.trimmedThrough({ topics: ['b'], test: (topic) => topic === 'e', private: false }), 2);
      assert.equal(await probe.trimmedThrough(EVERYTHING), 4);
      await probe.publish('e', '7');
      assert.deepEqual(await trimmed(probe, 'a', 'e'), [3, 5]);
    },
    { retention: { maxEvents: 2 } },
  ),

  logCase(
    'a trimmed private event is missing for those with a right to it only',
    async (probe) => {
      await probe.append(event('a'), privately('a'), privately('b'), event('c'));
      assert.deepEqual(await trimmed(probe, 'a', 'b'), [1, 0]);
      assert.equal(await probe.trimmedThrough(ALL(select('a'))), 2);
      assert.equal(await probe.trimmedThrough(ALL(select('b'))), 3);
      assert.equal(await probe.trimmedThrough({ topics: [], test: () => true, private: false }), 1);
      assert.equal(await probe.trimmedThrough(EVERYTHING), 3);
    },
    { retention: { maxEvents: 1 } },
  ),

  logCase(
    'every page says how far its selection has been trimmed',
    async (probe) => {
      await probe.publish('a', '1', '2', '3', '4');
      await probe.log.trim();
      const read = (after: number) =>
        probe.log.read({ selection: select('a'), after, through: probe.log.head().seq, maxBytes: 1 });
      const first = await read(0);
      assert.deepEqual([seqs(first.entries), first.through, first.trimmedThrough], [[3], 3, 2]);
      await probe.publish('a', '5', '6');
      await probe.log.trim();
      const second = await read(first.through);
      assert.deepEqual([seqs(second.entries), second.through, second.trimmedThrough], [[5], 5, 4]);
    },
    { retention: { maxEvents: 2 } },
  ),

  logCase(
    'trimmed events are gone from the topics, the ids and the last ones',
    async (probe) => {
      const { log } = probe;
      await probe.append(event('a', { id: 'x' }), event('b', { id: 'y' }), event('c', { id: 'x' }), event('c'));
      await log.trim();
      assert.deepEqual(
        [...log.topics()].map((summary) => [summary.topic, summary.events]),
        [['c', 2]],
      );
      assert.equal(await log.find('x'), 3);
      assert.equal(await log.find('y'), undefined);
      assert.deepEqual(seqs(await probe.read(EVERYTHING, await log.beforeLast(EVERYTHING, 10))), [3, 4]);
      await probe.publish('c', '5', '6');
      await log.trim();
      assert.equal(await log.find('x'), undefined);
    },
    { retention: { maxEvents: 2 } },
  ),

  logCase(
    'what has been trimmed stays known after its topic is empty',
    async (probe) => {
      await probe.publish('a', '1', '2');
      probe.time += 2000;
      assert.deepEqual(await trimmed(probe, 'a', 'b'), [2, 0]);
      assert.deepEqual([...probe.log.topics()], []);
      await probe.publish('a', '3');
      assert.deepEqual(await trimmed(probe, 'a'), [2]);
      assert.deepEqual(await kept(probe), [3]);
    },
    { retention: { maxAgeMs: 1000 } },
  ),
];
