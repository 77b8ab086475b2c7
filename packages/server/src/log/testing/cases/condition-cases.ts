import assert from 'node:assert/strict';
import type { TopicCondition } from '../../topic-states.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { closing, event, refused, seqs, statesOf, type LogProbe, EVERYTHING } from '../log-probe.ts';

function appendIf(probe: LogProbe, ...conditions: readonly TopicCondition[]): Promise<unknown> {
  return probe.log.append([event('a')], { conditions });
}

export const conditionCases: readonly LogCase[] = [
  logCase(
    'an append is stored if its conditions hold, and refused whole if one does not',
    async (probe) => {
      await refused(appendIf(probe, { topic: 'a', state: 'open' }), 'ERR_CONDITION', 'open, for an unknown topic');
      await appendIf(probe, { topic: 'a', state: 'unknown' }, { topic: 'a', lastSeq: 0 });
      await refused(appendIf(probe, { topic: 'a', state: 'unknown' }), 'ERR_CONDITION', 'unknown, for an open topic');
      await refused(appendIf(probe, { topic: 'a', lastSeq: 0 }), 'ERR_CONDITION', 'none, where there is an event');
      const { seq } = await probe.append(event('a'));
      await refused(appendIf(probe, { topic: 'a', lastSeq: seq - 1 }), 'ERR_CONDITION', 'an earlier event');
      await probe.append(event('b'));
      await appendIf(probe, { topic: 'a', state: 'open', lastSeq: seq });
      // Of a topic that is not in the batch, too.
      await probe.append(closing('c'));
      await refused(appendIf(probe, { topic: 'c', state: 'open' }), 'ERR_CONDITION', 'open, for a closed topic');
      await appendIf(probe, { topic: 'c', state: 'closed' });
      await refused(
        appendIf(probe, { topic: 'c', state: 'closed' }, { topic: 'b', state: 'closed' }),
        'ERR_CONDITION',
        'two conditions of which one does not hold',
      );
      assert.equal((await probe.read({ topics: ['a'] })).length, 4);
    },
    { needs: ['states'] },
  ),

  logCase(
    'of many appends that overlap and name the same position, one is stored',
    async (probe) => {
      const { seq } = await probe.append(event('a'));
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, () => appendIf(probe, { topic: 'a', lastSeq: seq })),
      );
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal((await probe.read(EVERYTHING)).length, 2);
    },
    { needs: ['states'] },
  ),

  logCase(
    'conditions see the events, leases and closings of appends that overlap',
    async (probe) => {
      const outcomes = await Promise.allSettled([
        appendIf(probe, { topic: 'a', state: 'unknown' }),
        appendIf(probe, { topic: 'a', state: 'unknown' }),
        appendIf(probe, { topic: 'a', state: 'open' }),
        probe.append(closing('b')),
        appendIf(probe, { topic: 'b', state: 'closed' }),
        appendIf(probe, { topic: 'b', state: 'open' }),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status === 'fulfilled'),
        [true, false, true, true, true, false],
      );
    },
    { needs: ['states'] },
  ),

  logCase(
    'a repeat of a known key is answered before its conditions are looked at',
    async (probe) => {
      const options = { key: 'k', conditions: [{ topic: 'a', lastSeq: 0 }] };
      const { seq } = await probe.log.append([event('a')], options);
      const again = await probe.log.append([event('a')], options);
      assert.deepEqual([again.seq, again.repeated], [seq, true]);
      // A refused append leaves its key for another try.
      await refused(probe.log.append([event('a')], { ...options, key: 'l' }), 'ERR_CONDITION', 'a condition');
      assert.equal((await probe.log.append([event('b')], { key: 'l' })).repeated, false);
    },
    { needs: ['states'] },
  ),

  logCase(
    'leases and conditions that are none are refused',
    async (probe) => {
      const bad = [
        { conditions: [{ topic: 'a', state: 'shut' }] },
        { conditions: [{ topic: 'a', lastSeq: -1 }] },
        { conditions: [{ topic: 'a', seq: 1 }] },
        { conditions: [{ topic: 'a' }] },
        { conditions: [{ state: 'open' }] },
        { conditions: { topic: 'a' } },
        { leases: 'token' },
        { leases: [1] },
        { leases: Array.from({ length: 1001 }, () => 'token') },
      ];
      for (const options of bad) {
        const append = probe.log.append([event('a')], options as object);
        await refused(append, 'ERR_INVALID_OPTION', JSON.stringify(options).slice(0, 60));
      }
      await refused(
        probe.append({ ...event('a'), final: 'yes' as unknown as boolean }),
        'ERR_INVALID_EVENT',
        'a final that is no boolean',
      );
      await refused(
        probe.append({ topics: ['a'], fields: { event: 'tidings-closed' } }),
        'ERR_INVALID_EVENT',
        'the type of a closing event for one that is not final',
      );
      await probe.log.append([event('a')], { leases: [], conditions: [] });
      await probe.append({ topics: ['a'], fields: { event: 'tidings-closed' }, final: true });
      assert.equal(seqs(await probe.read(EVERYTHING)).length, 2);
      assert.equal((await statesOf(probe).status('a')).state, 'closed');
    },
    { needs: ['states'] },
  ),
];
