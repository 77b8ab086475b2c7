import assert from 'node:assert/strict';
import type { LogEntry, NewEvent } from '../../entry.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { EVERYTHING, HOUR_MS, statesOf } from '../log-probe.ts';
import { kept, trimmed } from './retention-cases.ts';
import { retention, keyed, typed, forgetting, each } from './latest-cases.ts';

/** How long a key that was forgotten is told to those who were away. */
const FORGOTTEN_MS = 24 * HOUR_MS;

export const forgetCases: readonly LogCase[] = [
  logCase(
    'an entry has the key of its event, and says whether the key was forgotten',
    async (probe) => {
      const recorder = await probe.follow();
      const { seq } = await probe.append(
        keyed('now', 'a', 1),
        forgetting('now', 'b'),
        typed('now', 't', 'x'),
        forgetting('other', 'c'),
      );
      await recorder.reached(seq);
      const about = ({ latestKey, forgets }: LogEntry): unknown => [latestKey, forgets];
      const expected = [
        ['a', undefined],
        ['b', true],
        [undefined, undefined],
        ['c', true],
      ];
      assert.deepEqual((await probe.read(EVERYTHING)).map(about), expected);
    },
    { retention },
  ),

  logCase(
    'a key that is forgotten is told to who was away for a day, and to who comes later as a gap',
    async (probe) => {
      const numbers = await each(
        probe,
        keyed('now', 'a', 1),
        keyed('now', 'b', 1),
        forgetting('now', 'a'),
        forgetting('other', 'a'),
      );
      assert.equal(await kept(probe), 'b1 -a -a');
      assert.deepEqual(await trimmed(probe, 'now'), [0]);
      await probe.advance(FORGOTTEN_MS);
      assert.equal(await kept(probe), 'b1 -a -a');
      await probe.advance(1);
      // A topic that keeps all keeps it.
      assert.equal(await kept(probe), 'b1 -a');
      assert.deepEqual(await trimmed(probe, 'now', 'other'), [numbers[2], 0]);
      await each(probe, keyed('now', 'a', 2), keyed('now', 'a', 3));
      assert.equal(await kept(probe), 'b1 -a a3');
    },
    { needs: ['trim', 'time', 'exact'], retention },
  ),

  logCase(
    'a key that is used again after it was forgotten is there for as long as others',
    async (probe) => {
      await each(probe, keyed('now', 'a', 1), forgetting('now', 'a'), keyed('now', 'a', 2));
      assert.equal(await kept(probe), 'a2');
      await probe.advance(2 * FORGOTTEN_MS);
      assert.equal(await kept(probe), 'a2');
      assert.deepEqual(await trimmed(probe, 'now'), [0]);
    },
    { needs: ['trim', 'time', 'exact'], retention },
  ),

  logCase(
    'a key that was forgotten before its topic was to keep the latest is told for a day, too',
    async (probe) => {
      const topics = statesOf(probe);
      await topics.create('back', { keep: 'latest' });
      const [old = 0] = await each(probe, forgetting('old', 'a'), forgetting('back', 'a'));
      await topics.create('back', { keep: 'all' });
      await probe.advance(2);
      const [made = 0] = await each(
        probe,
        forgetting('made', 'b'),
        forgetting('made other', 'c'),
        keyed('made', 'd', 1),
      );
      await probe.advance(FORGOTTEN_MS - 1);
      // They keep all, and so does one that keeps all again.
      assert.equal(await kept(probe), '-a -a -b -c d1');
      await topics.create('old', { keep: 'latest' });
      await topics.create('made', { keep: 'latest' });
      assert.equal(await kept(probe), '-a -b -c d1');
      await probe.advance(2);
      assert.equal(await kept(probe), '-a -c d1');
      assert.deepEqual(await trimmed(probe, 'old', 'made', 'back'), [old, made, 0]);
      await topics.create('back', { keep: 'latest' });
      await topics.create('other', { keep: 'latest' });
      assert.equal(await kept(probe), 'd1');
    },
    { needs: ['trim', 'time', 'states', 'exact'], retention },
  ),

  logCase(
    'an event that forgets a key has one, and both are what they should be',
    async (probe) => {
      const wrong: [object, RegExp][] = [
        [{ forget: true }, /needs a latestKey/],
        [{ forget: 'yes', latestKey: 'a' }, /forget .* must be true or false/],
        [{ latestKey: '' }, /key is empty/],
        [{ latestKey: 'k'.repeat(1025) }, /at most 1024/],
        [{ latestKey: 'a\nb' }, /control character/],
      ];
      for (const [members, reason] of wrong) {
        const event = { ...typed('now', undefined, 'x'), ...members } as NewEvent;
        await assert.rejects(probe.append(event), { code: 'ERR_INVALID_EVENT', message: reason });
      }
      const long = 'k'.repeat(1024);
      await each(probe, keyed('now', long, 1), keyed('now', `${long.slice(1)}l`, 1), keyed('now', long, 2));
      assert.equal((await probe.read(EVERYTHING)).at(-1)?.latestKey, long);
      await probe.trim();
      assert.equal((await probe.read(EVERYTHING)).length, 2);
    },
    { needs: ['trim'], retention },
  ),

  logCase(
    'a topic that keeps the latest can be deleted, and its keys are new after that',
    async (probe) => {
      const topics = statesOf(probe);
      await each(probe, keyed('now', 'a', 1), keyed('now', 'b', 1), keyed('now', 'a', 2), keyed('now other', 'c', 1));
      await topics.delete('now');
      assert.equal(await kept(probe), '');
      await each(probe, keyed('now', 'b', 2), keyed('now', 'b', 3));
      assert.equal(await kept(probe), 'b3');
      const { events } = await topics.status('now');
      assert.equal(events, 1);
    },
    { needs: ['trim', 'states'], retention },
  ),
];
