import assert from 'node:assert/strict';
import { logCase, type LogCase } from '../log-case.ts';
import { closing, event, refused, select, statesOf, EVERYTHING } from '../log-probe.ts';

const SECOND_MS = 1000;

export const createCases: readonly LogCase[] = [
  logCase(
    'a created topic is known without events, and remembered when it is closed and its events are trimmed',
    async (probe) => {
      const states = statesOf(probe);
      assert.deepEqual(await states.create('a', { ttlMs: 60 * SECOND_MS, keep: 'all' }), { created: true });
      assert.deepEqual(await states.create('a', { keep: 'latest' }), { created: false });
      assert.deepEqual(await states.status('a'), {
        topic: 'a',
        state: 'open',
        events: 0,
        options: { keep: 'latest' },
        keep: 'latest',
      });
      // That it was created shows no event.
      assert.equal((await states.status('a', { publicOnly: true })).state, 'open');
      const { seq } = await probe.append(closing('a'));
      await probe.publish('b', '1', '2');
      await probe.trim();
      const closed = {
        topic: 'a',
        state: 'closed',
        events: 0,
        finalSeq: seq,
        options: { keep: 'latest' },
        keep: 'latest',
      };
      assert.deepEqual(await states.status('a'), closed);
      assert.deepEqual(await states.status('a', { publicOnly: true }), closed);
      await refused(probe.append(event('a')), 'ERR_TOPIC_CLOSED', 'an event of a closed topic');
    },
    { needs: ['states', 'trim'], retention: { maxEvents: 1 } },
  ),

  logCase(
    'the status of a topic says what is kept of it: as its own options say, else as the first rule for it',
    async (probe) => {
      const states = statesOf(probe);
      const keepOf = async (topic: string): Promise<string> => (await states.status(topic)).keep ?? 'all';
      const told = async (): Promise<readonly string[]> => await Promise.all(['a', 'b', 'c', 'd'].map(keepOf));
      assert.deepEqual(await told(), ['latest', 'latest', 'all', 'all'], 'before there are events');
      await states.create('a', { ttlMs: 60 * SECOND_MS });
      await states.create('b', { keep: 'all' });
      await states.create('d', { keep: 'latest' });
      assert.deepEqual(await told(), ['latest', 'all', 'all', 'latest'], 'of created topics');
      for (const topic of ['a', 'b', 'c', 'd']) await probe.publish(topic, 'old', 'new');
      assert.deepEqual(await told(), ['latest', 'all', 'all', 'latest'], 'of topics with events');
    },
    {
      needs: ['states', 'time'],
      retention: {
        perTopic: [
          { topics: ['a', 'b'], keep: 'latest' },
          { topics: ['a', 'c'], keep: 'all' },
        ],
      },
    },
  ),

  logCase(
    'a topic that is made by its events can be given options, and one that had to be unknown is refused if it is not',
    async (probe) => {
      const states = statesOf(probe);
      await probe.append(event('a'));
      await refused(states.create('a', {}, { onlyUnknown: true }), 'ERR_TOPIC_EXISTS', 'a topic with events');
      assert.deepEqual(await states.create('a', {}), { created: false });
      assert.deepEqual(await states.create('b', {}, { onlyUnknown: true }), { created: true });
      await refused(states.create('b', {}, { onlyUnknown: true }), 'ERR_TOPIC_EXISTS', 'a created topic');
      await refused(states.create('c', { ttlMs: 0 }), 'ERR_INVALID_OPTION', 'a time of 0');
      await refused(states.create('c', { keep: 'some' as 'all' }), 'ERR_INVALID_OPTION', 'keep: some');
      await refused(states.create('c', { ttl: 1 } as object), 'ERR_INVALID_OPTION', 'an unknown option');
      await refused(states.create('', {}), 'ERR_INVALID_EVENT', 'an empty name');
      await refused(states.status('..'), 'ERR_INVALID_EVENT', 'a name that URLs drop');
      assert.equal((await states.status('c')).state, 'unknown');
    },
    { needs: ['states'] },
  ),

  logCase(
    'a topic with a time to live is forgotten with its events so long after the last of them, and only then',
    async (probe) => {
      const states = statesOf(probe);
      await states.create('a', { ttlMs: 10 * SECOND_MS });
      await states.create('empty', { ttlMs: 10 * SECOND_MS });
      await probe.append(event('other'));
      await probe.advance(9 * SECOND_MS);
      const { seq } = await probe.append(event('a'), { topics: ['a', 'b'], fields: { data: '' } });
      await probe.advance(2 * SECOND_MS);
      assert.equal((await states.status('empty')).state, 'unknown');
      assert.equal((await states.status('a')).events, 2);
      await probe.advance(7 * SECOND_MS);
      assert.equal((await states.status('a')).events, 2);
      await probe.advance(2 * SECOND_MS);
      assert.deepEqual(await states.status('a'), { topic: 'a', state: 'unknown', events: 0 });
      assert.deepEqual(await probe.data(EVERYTHING), ['other']);
      assert.deepEqual(await states.create('a', {}), { created: true });
      // It is told as trimming, in the other topic as well.
      const head = await probe.head();
      for (const topic of ['a', 'b']) {
        const page = await probe.log.read({ selection: select(topic), after: 0, through: head, maxBytes: 1 });
        assert.deepEqual([page.trimmedThrough, page.deletedThrough ?? 0], [seq, 0]);
      }
    },
    { needs: ['states', 'time', 'exact'] },
  ),

  logCase(
    'setting the clock neither ends a lease nor forgets a topic',
    async (probe) => {
      const states = statesOf(probe);
      await states.create('a', { ttlMs: 10 * SECOND_MS });
      await states.lease('b', 10 * SECOND_MS);
      for (const ms of [3_600_000, -7_200_000]) {
        probe.setClock(ms);
        await probe.advance(SECOND_MS);
        assert.deepEqual([(await states.status('a')).state, (await states.status('b')).state], ['open', 'open']);
      }
      await probe.advance(9 * SECOND_MS);
      assert.deepEqual([(await states.status('a')).state, (await states.status('b')).state], ['unknown', 'closed']);
    },
    { needs: ['states', 'local', 'time'] },
  ),
];
