import assert from 'node:assert/strict';
import { logCase, type LogCase } from '../log-case.ts';
import { event, refused, statesOf } from '../log-probe.ts';
import { publish } from './lease-cases.ts';

const SECOND_MS = 1000;

export const leaseListCases: readonly LogCase[] = [
  logCase(
    'the leases that are held are told, with who holds them',
    async (probe) => {
      const states = statesOf(probe);
      const told = async (): Promise<unknown> =>
        (await states.leases())
          .map(({ topic, token, holder }) => [topic, token, holder])
          .toSorted(([one = ''], [other = '']) => (one < other ? -1 : 1));
      assert.deepEqual(await told(), []);
      const a = await states.lease('a', 30 * SECOND_MS, { holder: 'ann' });
      const b = await states.lease('b', 20 * SECOND_MS);
      await states.lease('a', 40 * SECOND_MS, { token: a.token, holder: 'bob' });
      await publish(probe, 'a', a.token);
      assert.deepEqual(await told(), [
        ['a', a.token, 'ann'],
        ['b', b.token, undefined],
      ]);
      await states.release('b', b.token);
      assert.deepEqual(await told(), [['a', a.token, 'ann']]);
      await refused(states.lease('c', SECOND_MS, { holder: '' }), 'ERR_INVALID_OPTION', 'an empty holder');
    },
    { needs: ['states'] },
  ),

  logCase(
    'the list of topics says which are leased, to who gets their private events',
    async (probe) => {
      const states = statesOf(probe);
      const leased = async (publicOnly: boolean): Promise<unknown> => {
        const page = await probe.log.directory?.list({ order: 'name', limit: 10, publicOnly });
        return page?.topics.map(({ topic, isLeased }) => [topic, isLeased]);
      };
      await probe.append(event('a'), event('b'));
      const { token } = await states.lease('b', 30 * SECOND_MS);
      assert.deepEqual(await leased(false), [
        ['a', false],
        ['b', true],
      ]);
      assert.deepEqual(await leased(true), [
        ['a', false],
        ['b', false],
      ]);
      await states.release('b', token);
      assert.deepEqual(await leased(false), await leased(true));
    },
    { needs: ['states', 'directory'] },
  ),
];
