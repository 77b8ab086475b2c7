import assert from 'node:assert/strict';
import { logCase, type LogCase } from '../log-case.ts';
import { event, HOUR_MS, range } from '../log-probe.ts';
import { kept } from './retention-cases.ts';

const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

const needs = ['local', 'time', 'trim'] as const;

/** The system's clock is set ahead or back: time runs on all the same. */
export const clockCases: readonly LogCase[] = [
  logCase(
    'events that were appended while the clock was ahead or behind are kept as long as others',
    async (probe) => {
      for (const ms of [YEAR_MS, -YEAR_MS, -50 * YEAR_MS, 50 * YEAR_MS]) {
        await probe.publish('a', `before ${ms}`);
        probe.setClock(ms);
        await probe.publish('a', `while ${ms}`);
        probe.setClock(-ms);
        await probe.publish('a', `after ${ms}`);
        await probe.advance(DAY_MS);
        assert.equal(await kept(probe), `before ${ms} while ${ms} after ${ms}`);
        await probe.advance(1);
        assert.equal(await kept(probe), '');
      }
    },
    { needs, retention: { maxAgeMs: DAY_MS } },
  ),

  logCase(
    'a clock that is set ahead or back removes nothing and keeps nothing for longer, by topic too',
    async (probe) => {
      await probe.publish('a', '1');
      await probe.publish('b', '2');
      await probe.advance(HOUR_MS / 2);
      probe.setClock(YEAR_MS);
      assert.equal(await kept(probe), '1 2');
      await probe.publish('b', '3');
      probe.setClock(-2 * YEAR_MS);
      await probe.publish('b', '4');
      assert.equal(await kept(probe), '1 2 3 4');
      await probe.advance(HOUR_MS / 2 + 1);
      assert.equal(await kept(probe), '1 3 4');
      await probe.advance(HOUR_MS / 2);
      assert.equal(await kept(probe), '1');
      await probe.advance(DAY_MS);
      assert.equal(await kept(probe), '');
    },
    { needs, retention: { maxAgeMs: DAY_MS, perTopic: [{ topics: ['b'], maxAgeMs: HOUR_MS }] } },
  ),

  logCase(
    'a key is good for 24 hours, whatever the clock is set to',
    async (probe) => {
      const { log } = probe;
      const append = (key: string) => log.append([event('a')], { key });
      const first = await append('k');
      probe.setClock(YEAR_MS);
      const ahead = await append('ahead');
      assert.deepEqual(await append('k'), { ...first, repeated: true });
      probe.setClock(-2 * YEAR_MS);
      await probe.advance(DAY_MS);
      assert.deepEqual(await append('k'), { ...first, repeated: true });
      assert.deepEqual(await append('ahead'), { ...ahead, repeated: true });
      await probe.advance(1);
      for (const key of ['k', 'ahead']) assert.equal((await append(key)).repeated, false);
    },
    { needs },
  ),

  logCase(
    'events have the time that the clock shows',
    async (probe) => {
      const times: number[] = [];
      for (const ms of [0, YEAR_MS, -2 * YEAR_MS, YEAR_MS]) {
        probe.setClock(ms);
        times.push(probe.time);
        await probe.publish('a', 'x');
      }
      const entries = await probe.read({ topics: 'all' });
      assert.deepEqual(
        entries.map(({ time }) => time),
        times,
      );
    },
    { needs },
  ),

  logCase(
    'the clock may be set again and again',
    async (probe) => {
      for (const n of range(1, 900)) {
        probe.setClock(n % 2 === 0 ? DAY_MS : -DAY_MS);
        await probe.publish('a', String(n));
      }
      assert.equal((await kept(probe)).split(' ').length, 900);
      await probe.advance(HOUR_MS + 1);
      assert.equal(await kept(probe), '');
    },
    { needs, retention: { maxAgeMs: HOUR_MS } },
  ),

  logCase(
    'while a log is closed the time passes that the clock shows, and none if it was set back',
    async (probe) => {
      await probe.publish('a', '1');
      probe.setClock(YEAR_MS);
      await probe.publish('a', '2');
      await probe.reopen();
      assert.equal(await kept(probe), '1 2');
      // The clock is set right while the log is closed.
      probe.setClock(-YEAR_MS);
      await probe.reopen();
      await probe.publish('a', '3');
      assert.equal(await kept(probe), '1 2 3');
      await probe.advance(DAY_MS);
      await probe.reopen();
      assert.equal(await kept(probe), '1 2 3');
      await probe.advance(1);
      await probe.reopen();
      assert.equal(await kept(probe), '');
    },
    { needs: [...needs, 'durable'], retention: { maxAgeMs: DAY_MS } },
  ),
];
