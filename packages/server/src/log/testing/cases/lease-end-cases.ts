import assert from 'node:assert/strict';
import { type NewEvent } from '../../entry.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { event, message, privately, refused, select, statesOf } from '../log-probe.ts';
import { publish, brief } from './lease-cases.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;

export const leaseEndCases: readonly LogCase[] = [
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
    'a lease lasts as long as it was given, whatever the clock is set to',
    async (probe) => {
      const recorder = await probe.follow();
      const { token } = await statesOf(probe).lease('a', 10 * SECOND_MS);
      for (const ms of [DAY_MS, -2 * DAY_MS, DAY_MS]) {
        probe.setClock(ms);
        assert.equal((await statesOf(probe).status('a')).state, 'open');
        await refused(publish(probe, 'a'), 'ERR_LEASE_LOST', `an event without the token, ${ms} ms later`);
        // It is renewed by this.
        await publish(probe, 'a', token);
        await probe.advance(9 * SECOND_MS);
        assert.equal((await statesOf(probe).status('a')).state, 'open');
      }
      probe.setClock(-DAY_MS);
      assert.equal(recorder.entries.length, 3);
      await probe.advance(2 * SECOND_MS);
      await recorder.until(() => recorder.entries.at(-1)?.final === true);
      assert.equal((await statesOf(probe).status('a')).state, 'closed');
    },
    { needs: ['states', 'time', 'local'] },
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
    'so is one whose private events were all removed before its lease ended',
    async (probe) => {
      const states = statesOf(probe);
      const tokens = new Map<string, string>();
      for (const topic of ['secret', 'mixed', 'turned', 'open']) {
        tokens.set(topic, (await states.lease(topic, 10 * SECOND_MS)).token);
      }
      const append = async (topic: string, ...events: NewEvent[]): Promise<void> => {
        await probe.log.append(events, { leases: [tokens.get(topic) ?? ''] });
      };
      /** What everyone may know of a topic, and whether its final event is private. A log may close it when it is asked for it. */
      const finalOf = async (topic: string): Promise<unknown[]> => {
        const { state } = await states.status(topic, { publicOnly: true });
        const [last] = (await probe.read({ topics: [topic], private: 'all' })).slice(-1);
        return [state, last?.final, last?.private];
      };
      await append('secret', privately('secret'));
      await append('mixed', privately('mixed'), event('mixed'));
      await append('turned', privately('turned'));
      await append('open', event('open'));
      await probe.advance(7 * SECOND_MS);
      await probe.trim();
      for (const topic of tokens.keys()) assert.equal((await states.status(topic)).events, 0, topic);
      await append('turned', event('turned'));
      await probe.advance(4 * SECOND_MS);
      assert.deepEqual(await finalOf('secret'), ['unknown', true, true]);
      assert.deepEqual(await finalOf('mixed'), ['closed', true, false]);
      assert.deepEqual(await finalOf('open'), ['closed', true, false]);
      await probe.advance(2 * SECOND_MS);
      await probe.trim();
      assert.equal((await states.status('turned')).events, 0);
      await probe.advance(5 * SECOND_MS);
      assert.deepEqual(await finalOf('turned'), ['closed', true, false]);
    },
    { needs: ['states', 'time', 'trim'], retention: { maxAgeMs: 5 * SECOND_MS } },
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
      const { token, until } = await statesOf(probe).lease('a', 10 * SECOND_MS, { key: 'k' });
      const other = await statesOf(probe).lease('b', 5 * SECOND_MS);
      await probe.advance(4 * SECOND_MS);
      await probe.reopen();
      assert.equal((await statesOf(probe).status('a')).leasedUntil, until);
      assert.equal((await statesOf(probe).lease('a', 10 * SECOND_MS, { key: 'k' })).token, token);
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
