import assert from 'node:assert/strict';
import { ServerError } from '../../../errors.ts';
import { logCase, type LogCase } from '../log-case.ts';
import {
  closing,
  event,
  message,
  privately,
  refused,
  select,
  statesOf,
  type LogProbe,
  EVERYTHING,
} from '../log-probe.ts';

const SECOND_MS = 1000;

function publish(probe: LogProbe, topic: string, ...leases: readonly string[]): Promise<unknown> {
  return probe.log.append([event(topic)], { leases });
}

/** The state of a topic, and in how many milliseconds its lease ends. */
async function brief(probe: LogProbe, topic: string): Promise<unknown[]> {
  const { state, leasedUntil } = await statesOf(probe).status(topic);
  return [state, leasedUntil === undefined ? undefined : leasedUntil - probe.time];
}

export const leaseCases: readonly LogCase[] = [
  logCase(
    'a lease makes a topic known, and its holder the only one who publishes',
    async (probe) => {
      const states = statesOf(probe);
      const { token, until } = await states.lease('a', 30 * SECOND_MS);
      assert.match(token, /^[0-9a-f]{32}$/);
      assert.equal(until, probe.time + 30 * SECOND_MS);
      assert.deepEqual(await states.status('a'), { topic: 'a', state: 'open', events: 0, leasedUntil: until });
      await refused(publish(probe, 'a'), 'ERR_LEASE_LOST', 'an event without the token');
      await refused(publish(probe, 'a', 'another'), 'ERR_LEASE_LOST', 'an event with another token');
      await refused(publish(probe, 'b', token), 'ERR_LEASE_LOST', 'an event of another topic with the token');
      await refused(probe.append(event('b'), event('a')), 'ERR_LEASE_LOST', 'a batch without the token');
      assert.deepEqual(await probe.read(EVERYTHING), []);
      await publish(probe, 'a', token);
      const other = await states.lease('b', 30 * SECOND_MS);
      await probe.log.append([event('a'), event('b')], { leases: [token, other.token] });
      await probe.log.append([{ topics: ['b', 'a'], fields: { data: '' } }], { leases: [token, other.token] });
      await refused(
        probe.log.append([event('a')], { leases: [token, other.token] }),
        'ERR_LEASE_LOST',
        'a token of no topic of the batch',
      );
      assert.equal((await probe.read(EVERYTHING)).length, 4);
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'a leased topic is not leased to another, who learns until when',
    async (probe) => {
      const states = statesOf(probe);
      const { token, until } = await states.lease('a', 30 * SECOND_MS);
      await probe.advance(10 * SECOND_MS);
      await assert.rejects(states.lease('a', 30 * SECOND_MS), (error) => {
        assert.ok(error instanceof ServerError);
        assert.deepEqual([error.code, error.until], ['ERR_LEASED', until]);
        return true;
      });
      await refused(states.lease('a', SECOND_MS, 'another'), 'ERR_LEASE_LOST', 'renewing with another token');
      await refused(states.lease('b', SECOND_MS, token), 'ERR_LEASE_LOST', 'renewing the lease of another topic');
      assert.equal((await states.status('b')).state, 'unknown');
      const renewed = await states.lease('a', 40 * SECOND_MS, token);
      assert.deepEqual(renewed, { token, until: probe.time + 40 * SECOND_MS });
      await probe.append(closing('c'));
      await refused(states.lease('c', SECOND_MS), 'ERR_TOPIC_CLOSED', 'a closed topic');
      for (const ms of [0, 1.5, 86_400_001]) await refused(states.lease('d', ms), 'ERR_INVALID_OPTION', String(ms));
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'of many who lease a topic at the same time, one gets it',
    async (probe) => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, () => statesOf(probe).lease('a', 30 * SECOND_MS)),
      );
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'publishing renews a lease',
    async (probe) => {
      const { token } = await statesOf(probe).lease('a', 10 * SECOND_MS);
      for (let time = 0; time < 3; time += 1) {
        await probe.advance(8 * SECOND_MS);
        await publish(probe, 'a', token);
      }
      assert.deepEqual(await brief(probe, 'a'), ['open', 10 * SECOND_MS]);
      await probe.advance(3 * SECOND_MS);
      await publish(probe, 'b');
      assert.deepEqual(await brief(probe, 'a'), ['open', 7 * SECOND_MS]);
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'a lease that is given back is lost, and the topic stays open for all',
    async (probe) => {
      const states = statesOf(probe);
      const { token } = await states.lease('a', 10 * SECOND_MS);
      await publish(probe, 'a', token);
      await refused(states.release('a', 'another'), 'ERR_LEASE_LOST', 'giving back with another token');
      await states.release('a', token);
      await refused(states.release('a', token), 'ERR_LEASE_LOST', 'giving back twice');
      await refused(publish(probe, 'a', token), 'ERR_LEASE_LOST', 'an event with a token that was given back');
      await publish(probe, 'a');
      const second = await states.lease('a', 10 * SECOND_MS);
      assert.notEqual(second.token, token);
      await refused(publish(probe, 'a', token), 'ERR_LEASE_LOST', 'an event with the earlier token');
      await states.release('a', second.token);
      await probe.advance(20 * SECOND_MS);
      assert.deepEqual(await brief(probe, 'a'), ['open', undefined]);
      const { token: third } = await states.lease('c', 10 * SECOND_MS);
      await states.release('c', third);
      assert.deepEqual(await brief(probe, 'c'), ['unknown', undefined]);
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'a lease that ends closes the topic within a second, also if nobody asks',
    async (probe) => {
      const recorder = await probe.follow();
      const { token } = await statesOf(probe).lease('a', 10 * SECOND_MS);
      await publish(probe, 'a', token);
      await probe.advance(9 * SECOND_MS);
      assert.deepEqual(await brief(probe, 'a'), ['open', SECOND_MS]);
      await probe.advance(2 * SECOND_MS);
      await recorder.until(() => recorder.entries.at(-1)?.final === true);
      const last = recorder.entries.at(-1);
      assert.ok(last);
      const { type, data } = message(last);
      assert.deepEqual([type, data, last.private], ['tidings-closed', '{"reason":"lease-expired"}', false]);
      assert.deepEqual(await brief(probe, 'a'), ['closed', undefined]);
      await refused(publish(probe, 'a', token), 'ERR_TOPIC_CLOSED', 'an event with the token that ended');
      await refused(statesOf(probe).release('a', token), 'ERR_LEASE_LOST', 'giving back a lease that ended');
      assert.equal((await probe.read(select('a'))).length, 2);
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'a topic that is closed by its holder has no lease, and is closed once',
    async (probe) => {
      const { token } = await statesOf(probe).lease('a', 10 * SECOND_MS);
      await refused(probe.append(closing('a')), 'ERR_LEASE_LOST', 'a final event without the token');
      await probe.log.append([closing('a')], { leases: [token] });
      assert.deepEqual(await brief(probe, 'a'), ['closed', undefined]);
      await probe.advance(20 * SECOND_MS);
      assert.deepEqual(await probe.data(EVERYTHING), ['the end']);
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'a topic of which only private events are known is closed by a private event when its lease ends',
    async (probe) => {
      const secret = await statesOf(probe).lease('secret', SECOND_MS);
      const empty = await statesOf(probe).lease('empty', SECOND_MS);
      const mixed = await statesOf(probe).lease('mixed', SECOND_MS);
      await probe.log.append([privately('secret')], { leases: [secret.token] });
      await probe.log.append([event('mixed'), privately('mixed')], { leases: [mixed.token] });
      assert.notEqual(empty.token, secret.token);
      await probe.advance(3 * SECOND_MS);
      const finals = async (topic: string): Promise<unknown[]> => {
        // A log may close it when it is asked for it.
        assert.equal((await statesOf(probe).status(topic)).state, 'closed');
        const entries = await probe.read({ topics: [topic], private: 'all' });
        return [entries.at(-1)?.final, entries.at(-1)?.private];
      };
      assert.deepEqual(await finals('secret'), [true, true]);
      assert.deepEqual(await finals('empty'), [true, false]);
      assert.deepEqual(await finals('mixed'), [true, false]);
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'a topic with a time to live is not forgotten while it is leased',
    async (probe) => {
      const states = statesOf(probe);
      await states.create('a', { ttlMs: 2 * SECOND_MS });
      const { token } = await states.lease('a', 10 * SECOND_MS);
      await probe.advance(8 * SECOND_MS);
      assert.equal((await states.status('a')).state, 'open');
      await states.release('a', token);
      assert.equal((await states.status('a')).state, 'unknown');
      await states.create('b', { ttlMs: 2 * SECOND_MS });
      await states.lease('b', 10 * SECOND_MS);
      await probe.advance(11 * SECOND_MS);
      assert.equal((await states.status('b')).state, 'closed');
      await probe.advance(2 * SECOND_MS);
      assert.equal((await states.status('b')).state, 'unknown');
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'a lease goes on when the log is opened again, and one that ended meanwhile closes the topic at once',
    async (probe) => {
      const { token, until } = await statesOf(probe).lease('a', 10 * SECOND_MS);
      const other = await statesOf(probe).lease('b', 5 * SECOND_MS);
      await probe.advance(4 * SECOND_MS);
      await probe.reopen();
      assert.equal((await statesOf(probe).status('a')).leasedUntil, until);
      await refused(publish(probe, 'a'), 'ERR_LEASE_LOST', 'an event without the token');
      await publish(probe, 'a', token);
      await probe.reopen();
      await publish(probe, 'b', other.token);
      await probe.passWhileClosed(7 * SECOND_MS);
      assert.deepEqual(await brief(probe, 'a'), ['open', 3 * SECOND_MS]);
      const [last] = (await probe.read(select('b'))).slice(-1);
      assert.ok(last);
      assert.deepEqual([last.final, message(last).data], [true, '{"reason":"lease-expired"}']);
      await refused(publish(probe, 'b', other.token), 'ERR_TOPIC_CLOSED', 'an event with the token that ended');
      await probe.reopen();
      assert.equal((await probe.read(select('b'))).length, 2);
    },
    { needs: ['states', 'durable', 'time'] },
  ),
];
