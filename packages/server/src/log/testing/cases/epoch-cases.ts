import assert from 'node:assert/strict';
import { formatCursor } from '../../position.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { event, EVERYTHING, refused, where } from '../log-probe.ts';

export const epochCases: readonly LogCase[] = [
  logCase(
    'cursors of an earlier epoch are honoured up to where it ended, and foreign behind it',
    async (probe) => {
      const before = await probe.position();
      const first = await probe.append(event('a', { data: '1' }));
      const last = await probe.append(event('a', { data: '2' }));
      await probe.beginEpoch();
      const after = await probe.position();
      assert.notEqual(after.epoch, before.epoch);
      assert.equal(after.seq, last.seq);

      const { log } = probe;
      assert.deepEqual(await where(log.locate(last.id)), { after: last.seq, head: last.seq });
      assert.deepEqual(await where(log.locate(first.id)), { after: first.seq, head: last.seq });
      const behind = formatCursor({ epoch: before.epoch, seq: last.seq + 1 });
      assert.deepEqual(await where(log.locate(behind)), { after: 0, head: last.seq, misplaced: 'foreign' });

      const next = await probe.append(event('a', { data: '3' }));
      assert.equal(next.id, formatCursor({ epoch: after.epoch, seq: next.seq }));
      assert.ok(next.seq > last.seq);
      assert.deepEqual(await probe.data(EVERYTHING, last.seq), ['3']);
      // What the original has published since is not known here, though the numbers are taken now.
      assert.equal((await log.locate(behind)).misplaced, 'foreign');
      const ahead = formatCursor({ epoch: after.epoch, seq: next.seq + 1 });
      assert.equal((await log.locate(ahead)).misplaced, 'ahead');
    },
    { needs: ['epochs'] },
  ),

  logCase(
    'what an earlier epoch held is still given, or told to be missing',
    async (probe) => {
      const first = await probe.append(event('a', { data: '1' }));
      const last = await probe.append(event('a', { data: '2', id: 'mine' }));
      const ids = (await probe.read(EVERYTHING)).map(({ id }) => id);
      await probe.beginEpoch();
      const entries = await probe.read(EVERYTHING);
      if (entries.length > 0) {
        assert.deepEqual(
          entries.map(({ id }) => id),
          ids,
        );
        assert.equal((await probe.log.locate('mine')).after, last.seq);
      } else {
        assert.ok((await probe.trimmedThrough(EVERYTHING)) >= last.seq);
        assert.ok((await probe.trimmedThrough({ topics: ['a'] })) > first.seq);
      }
    },
    { needs: ['epochs'] },
  ),

  logCase(
    'a log goes through several epochs, also such in which nothing was published',
    async (probe) => {
      const ids: string[] = [];
      for (const count of [1, 0, 2]) {
        for (let n = 0; n < count; n += 1) ids.push((await probe.append(event('a'))).id);
        const { epoch } = await probe.position();
        ids.push(formatCursor({ epoch, seq: await probe.head() }));
        await probe.beginEpoch();
      }
      for (const id of ids) assert.equal((await probe.log.locate(id)).misplaced, undefined, id);
    },
    { needs: ['epochs'] },
  ),

  logCase(
    'an id that looks like a cursor of an earlier epoch is refused',
    async (probe) => {
      const { epoch } = await probe.position();
      await probe.append(event('a'));
      await probe.beginEpoch();
      for (const seq of [0, 1, 4711]) {
        const bad = probe.append(event('a', { id: formatCursor({ epoch, seq }) }));
        await refused(bad, 'ERR_INVALID_EVENT', `the id ${formatCursor({ epoch, seq })}`);
      }
    },
    { needs: ['epochs'] },
  ),
];
