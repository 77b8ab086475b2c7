import assert from 'node:assert/strict';
import { logCase, type LogCase } from '../log-case.ts';
import { EVERYTHING, range, select, statesOf } from '../log-probe.ts';
import { each, forgetting, keyed, retention } from './latest-cases.ts';
import { kept } from './retention-cases.ts';

/** What becomes of the newest values of keys when their topics end and begin again, and beside others that change often. */
export const latestLifeCases: readonly LogCase[] = [
  logCase(
    'a topic that was deleted and is to keep the latest again does so, for the events that it has by then, too',
    async (probe) => {
      const states = statesOf(probe);
      for (const life of [1, 2, 3]) {
        await states.create('prices', { keep: 'latest' });
        await each(probe, keyed('prices', 'a', life), keyed('prices', 'b', life), keyed('prices', 'a', `${life}.1`));
        assert.equal(await kept(probe), `b${life} a${life}.1`);
        await states.delete('prices');
        assert.equal(await kept(probe), '');
        await each(
          probe,
          keyed('prices', 'a', 1),
          keyed('prices', 'b', 1),
          keyed('prices', 'a', 2),
          forgetting('prices', 'c'),
        );
        assert.equal(await kept(probe), 'a1 b1 a2 -c');
        await states.create('prices', { keep: 'latest' });
        assert.equal(await kept(probe), 'b1 a2 -c');
        await each(probe, keyed('prices', 'b', 3));
        assert.equal(await kept(probe), 'a2 -c b3');
        await states.delete('prices');
      }
    },
    { needs: ['trim', 'states'] },
  ),

  logCase(
    'a topic of a rule that keeps the latest does so after it was deleted, and what it cost is free again',
    async (probe) => {
      const states = statesOf(probe);
      const left: number[] = [];
      for (const topic of ['old/a', 'now/a', 'now/b', 'now/a', 'old/a']) {
        await each(probe, keyed(topic, 'a', 1), keyed(topic, 'b', 1), keyed(topic, 'a', 2));
        assert.equal(await kept(probe), topic.startsWith('now') ? 'b1 a2' : 'a1 b1 a2');
        await states.delete(topic);
        assert.equal(await kept(probe), '');
        left.push(probe.log.totals?.().bytes ?? Number.NaN);
      }
      // Neither more each time, nor more than a topic that keeps all.
      assert.deepEqual(new Set(left).size, 1, `bytes left: ${left.join(', ')}`);
    },
    { needs: ['trim', 'states', 'totals'], retention },
  ),

  logCase(
    'what was replaced is counted no more, though it may still be on disk',
    async (probe) => {
      const states = statesOf(probe);
      for (const n of range(1, 6)) {
        await each(probe, keyed('now/a', 'k', n), { ...keyed('now/a', 'p', n), private: true }, keyed('now/a', 'k', n));
        assert.equal((await states.status('now/a')).events, 2);
        assert.equal((await states.status('now/a', { publicOnly: true })).events, 1);
        const all = await probe.log.directory?.list({ order: 'name', limit: 10, publicOnly: false });
        assert.deepEqual(
          all?.topics.map(({ topic, events }) => [topic, events]),
          [['now/a', 2]],
        );
        const shown = await probe.log.directory?.list({ order: 'name', limit: 10, publicOnly: true });
        assert.deepEqual(
          shown?.topics.map(({ topic, events }) => [topic, events]),
          [['now/a', 1]],
        );
      }
    },
    { needs: ['directory', 'trim', 'states'], retention },
  ),

  logCase(
    'values that replace each other take the room of no others, however many come at once',
    async (probe) => {
      await each(probe, ...range(1, 4).map((n) => keyed('now', `k${n}`, '')), keyed('other', 'plain', ''));
      await probe.append(...range(1, 40).map((n) => keyed('now/hot', 'hot', n)));
      await Promise.all(range(41, 80).map((n) => probe.append(keyed('now/hot', 'hot', n))));
      assert.deepEqual((await kept(probe)).split(' ').toSorted(), ['hot80', 'k1', 'k2', 'k3', 'k4', 'plain']);
      assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
      assert.equal(await probe.trimmedThrough(select('now')), 0);
    },
    { needs: ['trim', 'exact'], retention: { ...retention, maxEvents: 10 } },
  ),
];
