import assert from 'node:assert/strict';
import type { Selection } from '../../selection.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { dataOf, event, EVERYTHING, pattern, range, select, type LogProbe } from '../log-probe.ts';

/** Trims, and gives the data of what is kept. */
export async function kept(probe: LogProbe, selection: Selection = EVERYTHING): Promise<string> {
  await probe.trim();
  return (await probe.data(selection)).join(' ');
}

/** Trims, and asks for each topic how far it has been trimmed. */
export async function trimmed(probe: LogProbe, ...topics: readonly string[]): Promise<number[]> {
  await probe.trim();
  return await Promise.all(topics.map((topic) => probe.trimmedThrough(select(topic))));
}

export const retentionCases: readonly LogCase[] = [
  logCase(
    'without bounds nothing is trimmed',
    async (probe) => {
      const numbers = await probe.publishTo(...range(1, 20).map(() => 'a'));
      await probe.advance(1e12);
      assert.equal(await kept(probe), range(1, numbers.length).join(' '));
      assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
    },
    { needs: ['trim', 'time'] },
  ),

  logCase(
    'retention by count keeps the newest events',
    async (probe) => {
      const [, second = 0, third] = await probe.publishTo('a', 'a', 'a');
      assert.equal(await kept(probe), '1 2 3');
      await probe.publish('a', '4', '5');
      const head = await probe.head();
      assert.equal(await kept(probe), '3 4 5');
      assert.equal(await probe.trimmedThrough(select('a')), second);
      assert.equal(await probe.head(), head);
      assert.ok(third !== undefined && third > second);
    },
    { needs: ['trim'], retention: { maxEvents: 3 } },
  ),

  logCase(
    'retention by age removes what is older, and keeps what is just as old',
    async (probe) => {
      await probe.publish('a', '1');
      await probe.advance(600);
      const { seq } = await probe.append(event('a', { data: '2' }));
      await probe.advance(400);
      assert.equal(await kept(probe), '1 2');
      await probe.advance(1);
      assert.equal(await kept(probe), '2');
      await probe.advance(600);
      assert.equal(await kept(probe), '');
      assert.equal(await probe.trimmedThrough(select('a')), seq);
    },
    { needs: ['trim', 'time'], retention: { maxAgeMs: 1000 } },
  ),

  logCase(
    'retention by size keeps at most that many bytes, whatever an event costs beside its frame',
    async (probe) => {
      for (const n of range(1, 8)) await probe.append(event('a', { data: `${n}${'x'.repeat(79_999)}` }));
      await probe.trim();
      const entries = await probe.read(EVERYTHING);
      const bytes = entries.reduce((sum, { frame }) => sum + frame.length, 0);
      assert.ok(bytes <= 500_000 && bytes > 300_000, `${bytes} bytes of frames are kept`);
      assert.ok(dataOf(entries).at(-1)?.startsWith('8'));
      await probe.publish('a', 'x'.repeat(500_001));
      assert.equal(await kept(probe), '');
    },
    { needs: ['trim'], retention: { maxBytes: 500_000 } },
  ),

  logCase(
    'retention by size counts what events cost beside their frames: names, indexes and keys',
    async (probe) => {
      const name = 'n'.repeat(1000);
      for (const n of range(1, 200)) {
        await probe.log.append([event(`${name}${n}`, { data: '' })], { key: `${name}${n}` });
      }
      await probe.trim();
      const entries = await probe.read(EVERYTHING);
      const names = entries.reduce((sum, { topics: [topic = ''] }) => sum + topic.length, 0);
      assert.ok(names <= 100_000 && names > 3000, `the names of what is kept have ${names} bytes`);
      assert.ok(entries.at(-1)?.topics[0]?.endsWith('n200'));
    },
    { needs: ['trim'], retention: { maxBytes: 100_000 } },
  ),

  logCase(
    'a topic that is trimmed is counted no longer',
    async (probe) => {
      for (const n of range(1, 300)) await probe.publish(`${'n'.repeat(1000)}${n}`, 'x');
      await probe.trim();
      // There is as much room again as there was.
      await probe.publish('a', 'y'.repeat(60_000));
      await probe.publish('a', 'z'.repeat(30_000));
      await probe.trim();
      assert.deepEqual(
        (await probe.data(select('a'))).map((data) => data[0]),
        ['y', 'z'],
      );
    },
    { needs: ['trim'], retention: { maxBytes: 100_000 } },
  ),

  logCase(
    'a log that keeps nothing still numbers its events and hands them over',
    async (probe) => {
      const recorder = await probe.follow();
      const [, second = 0] = await probe.publishTo('a', 'a');
      assert.equal(await kept(probe), '');
      assert.equal(await probe.head(), second);
      assert.equal(await probe.trimmedThrough(select('a')), second);
      // If a batch was trimmed before it could be handed over, the follower learns that it has to read.
      await recorder.reached(second);
    },
    { needs: ['trim'], retention: { maxEvents: 0 } },
  ),

  logCase(
    'a topic has the bounds of the first rule that is for it, on its own',
    async (probe) => {
      const topics = ['news', 'room/1', 'room/2', 'room/vip', 'news', 'room/1', 'room/2', 'room/vip', 'room/1'];
      const numbers = await probe.publishTo(...topics);
      assert.equal(await kept(probe), '1 4 5 7 8 9');
      assert.deepEqual(await trimmed(probe, 'news', 'room/1', 'room/2', 'room/vip'), [0, numbers[5], numbers[2], 0]);
    },
    {
      needs: ['trim', 'exact'],
      retention: {
        perTopic: [
          { topics: ['room/vip'], maxEvents: 2 },
          { topics: [pattern('room/:name')], maxEvents: 1 },
        ],
      },
    },
  ),

  logCase(
    'an event of several topics goes with the first of them that exceeds its bounds',
    async (probe) => {
      const [first = 0] = await probe.publishTo('a b', 'a', 'b');
      assert.equal(await kept(probe), '2 3');
      assert.deepEqual(await trimmed(probe, 'a', 'b'), [first, first]);
    },
    { needs: ['trim'], retention: { perTopic: [{ topics: ['b'], maxEvents: 1 }] } },
  ),

  logCase(
    'events that are too much for several of their topics go once',
    async (probe) => {
      const numbers = await probe.publishTo('a b', 'b c', 'a c', 'a b c', 'd', 'c', 'b');
      assert.equal(await kept(probe), '5 6 7');
      assert.deepEqual(await trimmed(probe, 'a', 'b', 'c', 'd'), [numbers[3], numbers[3], numbers[3], 0]);
    },
    {
      needs: ['trim', 'exact'],
      retention: {
        perTopic: [
          { topics: ['a'], maxEvents: 1 },
          { topics: ['b', 'c'], maxEvents: 1 },
        ],
      },
    },
  ),

  logCase(
    'a topic may be kept for a shorter time, or smaller, than the rest',
    async (probe) => {
      await probe.publish('short', '1', '2');
      await probe.publish('small', 'x'.repeat(50_000), '4');
      await probe.publish('long', '5');
      await probe.advance(1001);
      await probe.publish('short', '6');
      assert.equal(await kept(probe), '4 5 6');
      await probe.advance(1001);
      assert.equal(await kept(probe), '4 5');
      await probe.advance(4000);
      assert.equal(await kept(probe), '');
    },
    {
      needs: ['trim', 'time'],
      retention: {
        maxAgeMs: 5000,
        perTopic: [
          { topics: ['short'], maxAgeMs: 1000 },
          { topics: ['small'], maxBytes: 50_000 },
        ],
      },
    },
  ),

  logCase(
    'events that are too old for their topic are found among many others, also after their topic was empty',
    async (probe) => {
      const others = range(1, 50).map((n) => event(`other/${n}`));
      for (const name of ['x', 'y']) {
        await probe.append(...others, event('short/1', { data: `${name}1` }), ...others);
        await probe.advance(600);
        await probe.append(event('short/2', { data: `${name}2` }), event('shorter', { data: `${name}3` }), ...others);
        await probe.advance(401);
        assert.equal(await kept(probe, select('short/1', 'short/2', 'shorter')), `${name}2`);
        await probe.advance(600);
        assert.equal(await kept(probe, select('short/1', 'short/2', 'shorter')), '');
      }
      assert.equal((await probe.read(EVERYTHING)).length, 300);
    },
    {
      needs: ['trim', 'time'],
      retention: {
        perTopic: [
          { topics: ['none'], maxAgeMs: 1 },
          { topics: [pattern('short/*')], maxAgeMs: 1000 },
          { topics: ['shorter'], maxAgeMs: 400 },
        ],
      },
    },
  ),

  logCase(
    'a rule may have no bound, so that those after it are not for its topics',
    async (probe) => {
      await probe.publishTo('a/1', 'a/2', 'a/1', 'a/2', 'b', 'b');
      assert.equal(await kept(probe), '1 3 4 6');
    },
    {
      needs: ['trim'],
      retention: {
        perTopic: [
          { topics: ['a/1'], keep: 'all' },
          { topics: [pattern('*')], maxEvents: 1 },
        ],
      },
    },
  ),

  logCase(
    'an event that is too old for one of its topics goes, whatever the others allow',
    async (probe) => {
      await probe.publishTo('hour day', 'day', 'hour', 'none');
      await probe.advance(1001);
      assert.equal(await kept(probe), '2 4');
      await probe.publishTo('day hour');
      await probe.advance(1001);
      assert.equal(await kept(probe), '4');
    },
    {
      needs: ['trim', 'time'],
      retention: {
        perTopic: [
          { topics: ['day'], maxAgeMs: 2001 },
          { topics: ['hour'], maxAgeMs: 1000 },
        ],
      },
    },
  ),
];
