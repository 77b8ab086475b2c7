import assert from 'node:assert/strict';
import type { NewEvent } from '../../entry.ts';
import { logCase, type LogCase, type LogCaseOptions } from '../log-case.ts';
import { EVERYTHING, message, pattern, range, select, statesOf, type LogProbe } from '../log-probe.ts';
import { kept, trimmed } from './retention-cases.ts';

/** Topics that begin with `now` keep the latest by key. */
export const retention: LogCaseOptions['retention'] = {
  perTopic: [{ topics: ['now', pattern('now/*')], keep: 'latest' }],
};

/** An event of a key, whose data is the key and a number. */
export function keyed(topics: string, latestKey: string, number: number | string): NewEvent {
  return { topics: topics.split(' '), fields: { data: `${latestKey}${number}` }, latestKey };
}

export function typed(topic: string, type: string | undefined, data: string): NewEvent {
  return { topics: [topic], fields: type === undefined ? { data } : { data, event: type } };
}

export function forgetting(topics: string, latestKey: string): NewEvent {
  return { topics: topics.split(' '), fields: { data: `-${latestKey}` }, latestKey, forget: true };
}

/** Publishes each in a batch of its own, and gives the sequence numbers. */
export async function each(probe: LogProbe, ...events: readonly NewEvent[]): Promise<number[]> {
  const numbers: number[] = [];
  for (const event of events) numbers.push((await probe.append(event)).seq);
  return numbers;
}

export const latestCases: readonly LogCase[] = [
  logCase(
    'a topic that keeps the latest keeps the newest event of each key, and others keep all',
    async (probe) => {
      await each(
        probe,
        keyed('now', 'a', 1),
        keyed('now', 'b', 1),
        keyed('other', 'a', 1),
        keyed('now/too', 'a', 'of another topic'),
        keyed('now', 'a', 2),
        keyed('other', 'a', 2),
        keyed('now', 'a', 3),
      );
      assert.equal(await kept(probe), 'b1 a1 aof another topic a2 a3');
      assert.equal(await kept(probe, select('now')), 'b1 a3');
    },
    { needs: ['trim'], retention },
  ),

  logCase(
    'the key of an event without one is its type, which is not the key of the same name',
    async (probe) => {
      await each(
        probe,
        typed('now', undefined, '1'),
        typed('now', 'price', '2'),
        typed('now', 'message', '3'),
        keyed('now', 'price', 4),
        { topics: ['now'], fields: { data: '5', event: 'price', comment: 'a comment\nof two lines', id: 'own' } },
        typed('now', 'prices', '6'),
      );
      assert.equal(await kept(probe), '3 price4 5 6');
    },
    { needs: ['trim'], retention },
  ),

  logCase(
    'of a batch with several events of one key the last one is kept, and followers are handed at least those that are kept',
    async (probe) => {
      const recorder = await probe.follow();
      await probe.append(keyed('now', 'a', 0));
      const { seq } = await probe.append(keyed('now', 'a', 1), keyed('now', 'b', 1), keyed('now', 'a', 2));
      await recorder.reached(seq);
      assert.equal(await kept(probe), 'b1 a2');
      const numbers = (await probe.read(EVERYTHING)).map((entry) => entry.seq);
      // If the connection was lost meanwhile, those before the new start have to be read.
      const read = recorder.starts.at(-1)?.seq ?? 0;
      const missing = numbers.filter((one) => one > read && !recorder.seqs.includes(one));
      assert.deepEqual(missing, []);
    },
    { needs: ['trim'], retention },
  ),

  logCase(
    'who was away gets the newest of each key that has changed, and is told of no gap',
    async (probe) => {
      const [, , third = 0] = await each(probe, keyed('now', 'a', 1), keyed('now', 'b', 1), keyed('now', 'c', 1));
      await each(probe, keyed('now', 'a', 2), keyed('now', 'b', 2), keyed('now', 'a', 3));
      await probe.trim();
      assert.deepEqual(await probe.data(select('now'), third), ['b2', 'a3']);
      assert.deepEqual(await probe.data(select('now')), ['c1', 'b2', 'a3']);
      assert.equal(await probe.trimmedThrough(select('now')), 0);
      assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
      const { after } = await probe.log.locateLast(select('now'), 2);
      assert.deepEqual(await probe.data(select('now'), after), ['b2', 'a3']);
    },
    { needs: ['trim', 'exact'], retention },
  ),

  logCase(
    'a topic that keeps the latest has the bounds of its rule, too, and what they take away is told',
    async (probe) => {
      const numbers = await each(
        probe,
        ...range(1, 5).map((n) => keyed('now', `k${n}`, '')),
        keyed('now', 'k5', 'new'),
      );
      assert.equal(await kept(probe), 'k3 k4 k5new');
      assert.deepEqual(await trimmed(probe, 'now'), [numbers[1]]);
      // Its key is as good as new.
      await each(probe, keyed('now', 'k1', 'again'), keyed('now', 'k1', 'more'));
      assert.equal(await kept(probe), 'k4 k5new k1more');
      assert.deepEqual(await trimmed(probe, 'now'), [numbers[2]]);
    },
    {
      needs: ['trim', 'exact'],
      retention: { perTopic: [{ topics: ['now'], keep: 'latest', maxEvents: 3 }] },
    },
  ),

  logCase(
    'an event of several topics is replaced when each of them keeps the latest and has a newer one',
    async (probe) => {
      await each(
        probe,
        keyed('now now/too', 'a', 1),
        keyed('now other', 'b', 1),
        keyed('now', 'a', 2),
        keyed('now', 'b', 2),
      );
      assert.equal(await kept(probe), 'a1 b1 a2 b2');
      await each(probe, keyed('now/too', 'a', 3), keyed('other', 'b', 3));
      assert.equal(await kept(probe), 'b1 a2 b2 a3 b3');
      assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
      await each(probe, keyed('now/too now', 'a', 4));
      assert.equal(await kept(probe), 'b1 b2 b3 a4');
    },
    { needs: ['trim', 'exact'], retention },
  ),

  logCase(
    'a private event replaces no public one, and one of several topics is not replaced, so that nobody misses what he may get',
    async (probe) => {
      const hidden = (topics: string, n: number): NewEvent => ({ ...keyed(topics, 'a', n), private: true });
      await each(probe, keyed('now', 'a', 1), hidden('now', 2), hidden('now', 3), hidden('now now/too', 4));
      assert.equal(await kept(probe, select('now')), 'a1');
      assert.equal(await kept(probe), 'a1 a4');
      await each(probe, hidden('now', 5), hidden('now/too', 6), keyed('now', 'a', 7));
      assert.equal(await kept(probe), 'a4 a5 a6 a7');
      assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
    },
    { needs: ['trim', 'exact'], retention },
  ),

  logCase(
    'a topic that is created to keep the latest does so, whatever its rule, also with the events that it has',
    async (probe) => {
      const topics = statesOf(probe);
      await each(probe, keyed('made', 'a', 1), keyed('made', 'b', 1), keyed('made', 'a', 2));
      await topics.create('made', { keep: 'latest' });
      assert.equal(await kept(probe), 'b1 a2');
      await topics.create('now', { keep: 'all' });
      await each(probe, keyed('made', 'a', 3), keyed('now', 'a', 1), keyed('now', 'a', 2), keyed('made', 'a', 4));
      assert.equal(await kept(probe), 'b1 a1 a2 a4');
      await topics.create('made', { keep: 'all' });
      await each(probe, keyed('made', 'a', 5), keyed('made', 'b', 2));
      assert.equal(await kept(probe, select('made')), 'b1 a4 a5 b2');
      await topics.create('made', { keep: 'latest' });
      assert.equal(await kept(probe), 'a1 a2 a5 b2');
      assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
    },
    { needs: ['trim', 'states', 'exact'], retention },
  ),

  logCase(
    'a topic with very many events comes to keep the latest while others have their turn, and has the newest of each key',
    async (probe) => {
      const topics = statesOf(probe);
      const batch = 5000;
      for (let from = 0; from < 2; from += 1) {
        await probe.append(
          ...range(1, batch).map((n) => keyed(n % 5 === 0 ? 'made other' : 'made', `k${n % 50}`, `-${from}`)),
        );
      }
      let isDone = false;
      const done = topics.create('made', { keep: 'latest' }).then(() => (isDone = true));
      let turns = 0;
      for (; !isDone; turns += 1) {
        if (turns < 20) await probe.append(keyed('made', `k${turns % 30}`, `+${turns}`));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await done;
      await probe.trim();
      const newest = new Map<string, string>();
      for (const entry of await probe.read(select('made'))) {
        const { topics: of, latestKey = '' } = entry;
        if (of.length === 1) assert.equal(newest.has(latestKey), false, `${latestKey} is there twice`);
        if (of.length === 1) newest.set(latestKey, message(entry).data);
      }
      const appended = Math.min(turns, 20);
      const expected = (n: number): string | undefined => {
        const own = n < appended ? n : -1;
        if (own >= 0) return `k${n}+${own}`;
        return n % 5 === 0 ? undefined : `k${n}-1`;
      };
      for (const n of range(0, 49)) assert.equal(newest.get(`k${n}`), expected(n));
      assert.equal((await probe.read(select('other'))).length, 2000);
      assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
    },
    { needs: ['trim', 'states', 'exact'], retention },
  ),

  logCase(
    'a topic that is created again to keep the latest still has the newest event of each key',
    async (probe) => {
      const topics = statesOf(probe);
      await topics.create('made', { keep: 'latest' });
      // The first one stays, because its other topic keeps all.
      await each(probe, keyed('made other', 'a', 1), keyed('made', 'a', 2));
      await topics.create('made', { keep: 'latest' });
      assert.equal(await kept(probe), 'a1 a2');
      await each(probe, keyed('made', 'a', 3));
      assert.equal(await kept(probe), 'a1 a3');
    },
    { needs: ['trim', 'states'], retention },
  ),

  logCase(
    'a log that is opened again knows which topics were created to keep the latest',
    async (probe) => {
      await statesOf(probe).create('made', { keep: 'latest' });
      await each(probe, keyed('made', 'a', 1), keyed('made', 'a', 2));
      await probe.reopen();
      await each(probe, keyed('made', 'a', 3), keyed('made', 'b', 1));
      assert.equal(await kept(probe), 'a3 b1');
    },
    { needs: ['durable', 'trim', 'states'] },
  ),

  logCase(
    'a log that is opened again knows the newest of each key',
    async (probe) => {
      await each(probe, keyed('now', 'a', 1), keyed('now', 'b', 1), keyed('now', 'a', 2), forgetting('now', 'c'));
      await probe.reopen();
      assert.deepEqual(await probe.data(select('now')), ['b1', 'a2', '-c']);
      await each(probe, keyed('now', 'b', 2), keyed('now', 'c', 3));
      await probe.reopen();
      assert.equal(await kept(probe), 'a2 b2 c3');
      await probe.reopen();
      await each(probe, keyed('now', 'a', 4));
      assert.equal(await kept(probe), 'b2 c3 a4');
      assert.deepEqual(await trimmed(probe, 'now'), [0]);
      const { topics = [] } = (await probe.log.directory?.list({ order: 'name', limit: 1 })) ?? {};
      assert.equal(topics[0]?.events, 3);
    },
    { needs: ['durable', 'trim', 'directory', 'exact'], retention },
  ),
];
