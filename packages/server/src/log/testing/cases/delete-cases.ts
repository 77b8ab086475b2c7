import assert from 'node:assert/strict';
import { formatCursor } from '../../position.ts';
import type { FollowStart, LogPage } from '../../event-log.ts';
import type { Selection } from '../../selection.ts';
import { logCase, type LogCase } from '../log-case.ts';
import {
  closing,
  dataOf,
  event,
  EVERYTHING,
  pattern,
  privately,
  range,
  refused,
  select,
  seqs,
  statesOf,
  type LogProbe,
} from '../log-probe.ts';

async function pageOf(probe: LogProbe, selection: Selection, after = 0): Promise<LogPage> {
  const through = await probe.head();
  return await probe.log.read({ selection, after, through, maxBytes: 2 ** 20 });
}

/** The newest position, and the newest public event, of which a follower knows when it has come to the head. */
async function reached(probe: LogProbe): Promise<FollowStart> {
  const recorder = await probe.follow();
  const seq = await probe.head();
  await recorder.reached(seq);
  // A log that is elsewhere may start it before its newest event.
  const { epoch, publicSeq } = recorder.starts.at(-1) ?? (await probe.position());
  return { epoch, seq, publicSeq: recorder.entries.findLast((entry) => !entry.private)?.seq ?? publicSeq };
}

export const deleteCases: readonly LogCase[] = [
  logCase(
    'a deleted topic has no events and no state, and begins anew',
    async (probe) => {
      const states = statesOf(probe);
      await states.create('a', { keep: 'all' });
      await probe.publish('a', '1', '2');
      await probe.publish('b', '3');
      await probe.append(closing('a'));
      const before = await probe.head();
      assert.deepEqual(await states.delete('a'), { existed: true });
      assert.deepEqual(await states.status('a'), { topic: 'a', state: 'unknown', events: 0 });
      assert.deepEqual(await probe.data(EVERYTHING), ['3']);
      assert.ok((await probe.head()) > before);
      assert.deepEqual(await probe.log.locateLast(select('a'), 10).then(({ after }) => after >= before), true);
      await probe.publish('a', '4');
      assert.deepEqual(await probe.data(select('a')), ['4']);
      assert.equal((await states.status('a')).events, 1);
      assert.equal((await pageOf(probe, select('a'))).finalSeq, undefined);
    },
    { needs: ['states'] },
  ),

  logCase(
    'deleting an unknown topic changes nothing, and a topic is deleted once',
    async (probe) => {
      const states = statesOf(probe);
      await probe.append(event('b'));
      const before = await probe.head();
      assert.deepEqual(await states.delete('a'), { existed: false });
      assert.equal(await probe.head(), before);
      await probe.append(event('a'));
      const outcomes = await Promise.all([states.delete('a'), states.delete('a'), states.delete('a')]);
      assert.equal(outcomes.filter(({ existed }) => existed).length, 1);
      await states.create('c');
      assert.deepEqual(await states.delete('c'), { existed: true });
      const { token } = await states.lease('d', 1000);
      assert.deepEqual(await states.delete('d'), { existed: true });
      await refused(states.release('d', token), 'ERR_LEASE_LOST', 'giving back the lease of a deleted topic');
      await refused(states.delete('..'), 'ERR_INVALID_EVENT', 'a name that no topic may have');
    },
    { needs: ['states'] },
  ),

  logCase(
    'followers are told of a deletion in its place, once, without a frame',
    async (probe) => {
      const recorder = await probe.follow();
      const { seq: first } = await probe.append(event('a'));
      await recorder.reached(first);
      await statesOf(probe).delete('a');
      const { seq } = await probe.append(event('a', { data: 'new' }));
      await recorder.reached(seq);
      const told = recorder.entries.filter(({ deletes }) => deletes === true);
      assert.deepEqual(
        told.map(({ topics, frame, private: isPrivate }) => [topics, frame.length, isPrivate]),
        [[['a'], 0, false]],
      );
      const [deletion] = told;
      assert.ok(deletion);
      assert.deepEqual(recorder.seqs, [first, deletion.seq, seq]);
      assert.equal((await pageOf(probe, select('a'))).deletedThrough, deletion.seq);
      assert.deepEqual(seqs(await probe.read(EVERYTHING)), [seq]);
    },
    { needs: ['states'] },
  ),

  logCase(
    'a cursor from before a deletion is told, also if it had everything, and one from behind it is not',
    async (probe) => {
      const { seq } = await probe.append(event('a'), event('b'));
      await statesOf(probe).delete('a');
      const head = await probe.head();
      const selections: Selection[] = [select('a'), select('a', 'b'), { topics: [pattern('*')] }, EVERYTHING];
      for (const selection of selections) {
        for (const after of [0, seq]) {
          const page = await pageOf(probe, selection, after);
          assert.equal(page.deletedThrough, head, JSON.stringify(selection));
          assert.ok(page.trimmedThrough >= head);
        }
        const { after, misplaced } = await probe.log.locate(formatCursor(await reached(probe)), selection);
        assert.deepEqual([after, misplaced], [head, undefined]);
      }
      const other = await pageOf(probe, select('b'));
      assert.deepEqual([other.trimmedThrough, other.deletedThrough ?? 0], [0, 0]);
      assert.deepEqual(dataOf(other.entries), ['b']);
    },
    { needs: ['states', 'exact'] },
  ),

  logCase(
    'an event of several topics goes with the first that is deleted, which is told in the others as trimming',
    async (probe) => {
      const [one = 0, both = 0] = await probe.publishTo('b', 'a b', 'b');
      await statesOf(probe).delete('a');
      assert.deepEqual(await probe.data(select('b')), ['1', '3']);
      const page = await pageOf(probe, select('b'), one);
      assert.deepEqual([page.trimmedThrough, page.deletedThrough ?? 0], [both, 0]);
      assert.equal((await statesOf(probe).status('b')).events, 2);
    },
    { needs: ['states', 'exact'] },
  ),

  logCase(
    'the deletion of a topic without public events shows nothing to those who see only these',
    async (probe) => {
      await probe.append(event('b'));
      await probe.append(privately('a'), privately('a'));
      const before = await reached(probe);
      await statesOf(probe).delete('a');
      assert.equal((await reached(probe)).publicSeq, before.publicSeq);
      const page = await pageOf(probe, select('a'));
      assert.deepEqual([page.trimmedThrough, page.deletedThrough ?? 0], [0, 0]);
      const seen = await pageOf(probe, { topics: ['a'], private: ['a'] });
      assert.equal(seen.deletedThrough, await probe.head());
      const ahead = formatCursor({ epoch: before.epoch, seq: await probe.head() });
      assert.equal((await probe.log.locate(ahead, select('a'))).misplaced, 'ahead');
      await probe.append(privately('c'), event('c'));
      await statesOf(probe).delete('c');
      assert.equal((await reached(probe)).publicSeq, await probe.head());
      assert.equal((await pageOf(probe, select('c'))).deletedThrough, await probe.head());
    },
    { needs: ['states', 'exact'] },
  ),

  logCase(
    'a private event of several topics goes with the first that is deleted, which is told to all with a right to it and to nobody else',
    async (probe) => {
      const { seq: shared } = await probe.append(privately('a', 'b', 'c'));
      await probe.append(privately('a'));
      const last = await probe.append(event('z'));
      const told = async (topics: Selection['topics'], seen: Selection['topics']): Promise<number> =>
        (await pageOf(probe, { topics, private: seen })).trimmedThrough;
      await statesOf(probe).delete('a');
      const head = await probe.head();
      for (const [topics, seen] of [
        [['a'], ['b']],
        [['b'], ['a']],
        [['c'], ['a', 'z']],
        [['b'], ['b']],
        [['b'], ['c']],
        [[pattern(':any')], ['b']],
        [['b', 'z'], [pattern('a')]],
        ['all', ['c']],
      ] as const) {
        assert.equal(await told(topics, seen), shared, JSON.stringify({ topics, seen }));
      }
      for (const topics of [['a'], [pattern(':any')], 'all'] as const) assert.equal(await told(topics, ['a']), head);
      for (const topics of [['a', 'b', 'c'], [pattern(':any')], 'all'] as const) {
        assert.equal(await told(topics, ['z']), 0);
        assert.equal(await told(topics, []), 0);
      }
      const page = await pageOf(probe, { topics: ['a'], private: ['b'] }, shared);
      assert.deepEqual([page.trims, page.deletedThrough ?? 0, last.seq < head], [0, 0, true]);
    },
    { needs: ['states', 'exact'] },
  ),

  logCase(
    'a topic with very many events is gone for reads at once, and others go on while they are removed',
    async (probe) => {
      const many = range(1, 5000).map((n) => event(n % 2 === 0 ? 'a' : 'b', { data: String(n) }));
      await probe.log.append(many);
      await probe.log.append(many.map(({ topics, ...rest }) => ({ ...rest, topics: [...topics, 'c'] })));
      const recorder = await probe.follow();
      const deleted = statesOf(probe).delete('a');
      await recorder.until(() => recorder.entries.some(({ deletes }) => deletes === true));
      const appended = probe.append(event('a', { data: 'new' }));
      const [{ existed }] = await Promise.all([deleted, appended]);
      assert.equal(existed, true);
      assert.deepEqual(await probe.data(select('a')), ['new']);
      assert.equal((await probe.data(select('b'))).length, 5000);
      assert.equal((await probe.data(select('c'))).length, 2500);
      const { events, state } = await statesOf(probe).status('a');
      assert.deepEqual([events, state], [1, 'open']);
    },
    { needs: ['states'] },
  ),

  logCase(
    'a deletion is remembered when the log is opened again',
    async (probe) => {
      const { seq } = await probe.append(event('a'), closing('a'));
      await statesOf(probe).delete('a');
      const head = await probe.head();
      for (let time = 0; time < 2; time += 1) {
        await probe.reopen();
        assert.equal(await probe.head(), head);
        assert.deepEqual(await probe.read(EVERYTHING), []);
        const page = await pageOf(probe, select('a'), seq);
        assert.deepEqual([page.trimmedThrough, page.deletedThrough], [head, head]);
        assert.equal((await statesOf(probe).status('a')).state, 'unknown');
      }
      const next = await probe.append(event('a'));
      assert.ok(next.seq > head);
    },
    { needs: ['states', 'durable', 'exact'] },
  ),
];
