import assert from 'node:assert/strict';
import { ServerError } from '../../../errors.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { closing, event, range, refused, select, statesOf, type LogProbe, EVERYTHING } from '../log-probe.ts';

const SECOND_MS = 1000;
const ROUNDS = 4;

export function publish(probe: LogProbe, topic: string, ...leases: readonly string[]): Promise<unknown> {
  return probe.log.append([event(topic)], { leases });
}

/** The state of a topic, and in how many milliseconds its lease ends. */
export async function brief(probe: LogProbe, topic: string): Promise<unknown[]> {
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
      await refused(
        states.lease('a', SECOND_MS, { token: 'another' }),
        'ERR_LEASE_LOST',
        'renewing with another token',
      );
      await refused(states.lease('b', SECOND_MS, { token }), 'ERR_LEASE_LOST', 'renewing the lease of another topic');
      assert.equal((await states.status('b')).state, 'unknown');
      const renewed = await states.lease('a', 40 * SECOND_MS, { token });
      assert.deepEqual(renewed, { token, until: probe.time + 40 * SECOND_MS });
      await probe.append(closing('c'));
      await refused(states.lease('c', SECOND_MS), 'ERR_TOPIC_CLOSED', 'a closed topic');
      for (const ms of [0, 1.5, 86_400_001]) await refused(states.lease('d', ms), 'ERR_INVALID_OPTION', String(ms));
    },
    { needs: ['states', 'time'] },
  ),

  logCase(
    'who asks again for a lease with the same key gets it, renewed, for as long as it lasts',
    async (probe) => {
      const states = statesOf(probe);
      const { token } = await states.lease('a', 10 * SECOND_MS, { key: 'k' });
      await probe.advance(4 * SECOND_MS);
      const again = await states.lease('a', 10 * SECOND_MS, { key: 'k' });
      assert.deepEqual(again, { token, until: probe.time + 10 * SECOND_MS });
      await refused(states.lease('a', SECOND_MS, { key: 'l' }), 'ERR_LEASED', 'another key');
      await refused(states.lease('a', SECOND_MS), 'ERR_LEASED', 'no key');
      await refused(states.lease('a', SECOND_MS, { key: 'k', token }), 'ERR_INVALID_OPTION', 'a key and a token');
      await refused(states.lease('b', SECOND_MS, { key: '' }), 'ERR_INVALID_OPTION', 'an empty key');
      await states.lease('a', 10 * SECOND_MS, { token });
      await publish(probe, 'a', token);
      assert.equal((await states.lease('a', 10 * SECOND_MS, { key: 'k' })).token, token);
      const other = await states.lease('b', 10 * SECOND_MS, { key: 'k' });
      assert.notEqual(other.token, token);
      await states.release('a', token);
      const next = await states.lease('a', 10 * SECOND_MS, { key: 'k' });
      assert.notEqual(next.token, token);
      await states.release('b', other.token);
      const keyless = await states.lease('b', 10 * SECOND_MS);
      await refused(states.lease('b', SECOND_MS, { key: 'k' }), 'ERR_LEASED', 'a key after a lease without one');
      await probe.log.append([closing('b')], { leases: [keyless.token] });
      await refused(states.lease('b', SECOND_MS, { key: 'k' }), 'ERR_TOPIC_CLOSED', 'a closed topic');
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
    'no event of a holder that gave its lease back is stored behind an event of the next one, however they overlap',
    async (probe) => {
      const states = statesOf(probe);
      const outcomes = { stored: 0, refused: 0 };
      const append = (topic: string, data: string, token: string): Promise<unknown> =>
        probe.log.append([event(topic, { data })], { leases: [token] });
      /** The holder of a topic publishes on and on while another one takes over. Gives the token of that one. */
      const takeOver = async (topic: string, round: number, earlier: string): Promise<string> => {
        let next: string | undefined;
        const taking = (async () => {
          await append(topic, `old ${round}`, earlier);
          await states.release(topic, earlier);
          const { token } = await states.lease(topic, 30 * SECOND_MS);
          await append(topic, `new ${round}`, token);
          next = token;
          return token;
        })();
        const appends: Promise<void>[] = [];
        for (let n = 0; n < 2 || (next === undefined && n < 16); n += 1) {
          appends.push(
            append(topic, `old ${round}`, earlier).then(
              () => void (outcomes.stored += 1),
              (error: unknown) => {
                assert.ok(error instanceof ServerError && error.code === 'ERR_LEASE_LOST', String(error));
                outcomes.refused += 1;
              },
            ),
          );
          // A log that stores many at once is not to have all of them before the other one asks.
          await appends[n - 4];
          await (n % 2 === 0 ? Promise.resolve() : new Promise((resolve) => void setImmediate(resolve)));
        }
        await Promise.all([taking, ...appends]);
        return taking;
      };
      const topics = range(1, 3).map(String);
      await Promise.all(
        topics.map(async (topic) => {
          let { token } = await states.lease(topic, 30 * SECOND_MS);
          for (const round of range(1, ROUNDS)) token = await takeOver(topic, round, token);
        }),
      );
      assert.ok(outcomes.stored > 0 && outcomes.refused > 0, `nothing overlapped: ${JSON.stringify(outcomes)}`);
      for (const topic of topics) {
        const data = await probe.data(select(topic));
        for (const round of range(1, ROUNDS)) {
          const [taken, last] = [data.indexOf(`new ${round}`), data.lastIndexOf(`old ${round}`)];
          assert.ok(taken > last, `an event of holder ${round} of ${topic} is behind the first one of the next holder`);
        }
      }
    },
    { needs: ['states'] },
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
];
