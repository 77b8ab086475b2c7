import assert from 'node:assert/strict';
import type { Since } from '../../event-log.ts';
import type { Selection } from '../../selection.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { event, EVERYTHING, HOUR_MS, privately, range, select } from '../log-probe.ts';

export const sinceCases: readonly LogCase[] = [
  logCase(
    'locateSince gives the place behind which everything follows since a time',
    async (probe) => {
      const start = probe.time;
      for (const data of ['1', '2', '3', '4', '5', '6', '7']) {
        await probe.publish(data === '3' ? 'b' : 'a', data);
        await probe.publish('c', 'x');
        await probe.advance(60_000);
      }
      await probe.append(privately('a'));
      const head = await probe.head();
      const data = async (since: Since, selection: Selection = select('a', 'b')): Promise<string> => {
        const place = await probe.log.locateSince(selection, since);
        assert.deepEqual([place.head, place.misplaced], [head, undefined]);
        return (await probe.data(selection, place.after)).join('');
      };
      assert.equal(await data({ at: 0 }), '1234567');
      assert.equal(await data({ at: start }), '1234567');
      assert.equal(await data({ at: start + 1 }), '234567');
      assert.equal(await data({ at: start + 60_000 }), '234567');
      assert.equal(await data({ at: start + 3 * 60_000 }), '4567');
      assert.equal(await data({ ago: 2 * 60_000 }), '67');
      assert.equal(await data({ ago: 2 * 60_000 - 1 }), '7');
      assert.equal(await data({ ago: 10 ** 12 }), '1234567');
      assert.equal(await data({ ago: 0 }), '');
      assert.equal(await data({ at: start + 10 ** 12 }), '');
      // Behind the newest public event there are private ones only.
      const { after } = await probe.log.locateSince(select('a'), { ago: 0 });
      assert.equal(after, (await probe.log.locateLast(select('a'), 0)).after);
      assert.ok((await probe.log.locateSince(EVERYTHING, { at: start + 10 ** 12 })).after === head && after < head);
    },
    { needs: ['time'] },
  ),

  logCase(
    'locateSince finds the time among very many events, of which some have been removed',
    async (probe) => {
      const start = probe.time;
      for (const minute of range(0, 49)) {
        await probe.append(
          ...range(1, 100).map(() => event(minute % 5 === 0 ? 'kept' : 'gone', { data: String(minute) })),
        );
        await probe.advance(60_000);
      }
      await probe.trim();
      for (const minute of [0, 5, 6, 23, 45, 46]) {
        const { after } = await probe.log.locateSince(select('kept'), { at: start + minute * 60_000 });
        const data = await probe.data(select('kept'), after);
        const first = Math.ceil(minute / 5) * 5;
        assert.equal(data[0], first === 50 ? undefined : String(first), `since minute ${minute}`);
        assert.equal(data.length, (10 - first / 5) * 100);
      }
    },
    { needs: ['time', 'trim'], retention: { perTopic: [{ topics: ['gone'], maxEvents: 10 }] } },
  ),

  logCase(
    'locateSince goes by a time that runs only forward, whatever the clock is set to',
    async (probe) => {
      await probe.publish('a', '1');
      await probe.advance(60_000);
      probe.setClock(-HOUR_MS);
      await probe.publish('a', '2');
      await probe.advance(60_000);
      probe.setClock(2 * HOUR_MS);
      await probe.publish('a', '3');
      const data = async (since: Since): Promise<string> =>
        (await probe.data(select('a'), (await probe.log.locateSince(select('a'), since)).after)).join('');
      assert.equal(await data({ ago: 0 }), '3');
      assert.equal(await data({ ago: 60_000 }), '23');
      assert.equal(await data({ ago: 120_000 }), '123');
      assert.equal(await data({ at: probe.time - 60_000 }), '23');
    },
    { needs: ['local', 'time'] },
  ),
];
