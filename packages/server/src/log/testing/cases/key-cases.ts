import assert from 'node:assert/strict';
import type { NewEvent } from '../../entry.ts';
import { formatCursor } from '../../position.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { event, EVERYTHING, HOUR_MS, refused, seqs } from '../log-probe.ts';

export const keyCases: readonly LogCase[] = [
  logCase('a key that is used again appends nothing and gives the first receipt', async (probe) => {
    const { log } = probe;
    const recorder = await probe.follow();
    const append = () => log.append([event('a'), event('a', { id: 'mine' })], { key: 'k' });
    const first = await append();
    const [start = 0] = seqs(await probe.read(EVERYTHING));
    const { epoch } = await probe.position();
    const ids = [formatCursor({ epoch, seq: start }), 'mine'];
    assert.deepEqual(first, { seq: first.seq, id: 'mine', ids, repeated: false });
    assert.deepEqual(await append(), { ...first, repeated: true });
    assert.deepEqual(await append(), { ...first, repeated: true });
    assert.equal(await probe.head(), first.seq);
    const other = await log.append([event('b')], { key: 'K' });
    const last = await log.append([event('b')]);
    assert.deepEqual([other.repeated, last.repeated], [false, false]);
    await recorder.reached(last.seq);
    assert.deepEqual(recorder.seqs.slice(1), [first.seq, other.seq, last.seq]);
  }),

  logCase('appends with one key that overlap store one batch', async (probe) => {
    const { log } = probe;
    const [first, between, again] = await Promise.all([
      log.append([event('a')], { key: 'k' }),
      log.append([event('b')]),
      log.append([event('a')], { key: 'k' }),
    ]);
    assert.deepEqual(again, { ...first, repeated: true });
    assert.deepEqual([first.repeated, between.repeated], [false, false]);
    assert.deepEqual(seqs(await probe.read(EVERYTHING)), [first.seq, between.seq]);
  }),

  logCase(
    'a key is bound to what was appended with it: another digest is refused, and appends nothing',
    async (probe) => {
      const { log } = probe;
      const first = await log.append([event('a')], { key: 'k', digest: 'one' });
      await refused(log.append([event('b')], { key: 'k', digest: 'two' }), 'ERR_KEY_REUSED', 'another digest');
      assert.equal(await probe.head(), first.seq);
      assert.deepEqual(await log.append([event('a')], { key: 'k', digest: 'one' }), { ...first, repeated: true });
      // What is appended does not matter, if the digests are the same.
      assert.deepEqual(await log.append([event('b')], { key: 'k', digest: 'one' }), { ...first, repeated: true });
      await refused(log.append([event('a')], { key: 'k' }), 'ERR_KEY_REUSED', 'the digest of the events');
      assert.equal((await log.append([event('b')], { key: 'l', digest: 'two' })).repeated, false);
    },
  ),

  logCase('without a digest a key is bound to all that makes the events of its batch', async (probe) => {
    const { log } = probe;
    const one: NewEvent = { topics: ['a', 'b'], fields: { data: '1', event: 'e', id: 'i', retry: 5 }, private: true };
    const first = await log.append([one, event('a')], { key: 'k' });
    const others: Record<string, readonly NewEvent[]> = {
      'another topic': [{ ...one, topics: ['a', 'c'] }, event('a')],
      'fewer topics': [{ ...one, topics: ['a'] }, event('a')],
      'another canonical topic': [{ ...one, topics: ['b', 'a'] }, event('a')],
      'other data': [{ ...one, fields: { ...one.fields, data: '2' } }, event('a')],
      'another type': [{ ...one, fields: { ...one.fields, event: 'f' } }, event('a')],
      'another id': [{ ...one, fields: { ...one.fields, id: 'j' } }, event('a')],
      'another reconnection time': [{ ...one, fields: { ...one.fields, retry: 6 } }, event('a')],
      'a public event': [{ ...one, private: false }, event('a')],
      'another latestKey': [{ ...one, latestKey: 'l' }, event('a')],
      'another order': [event('a'), one],
      'fewer events': [one],
      'more events': [one, event('a'), event('a')],
    };
    for (const [what, batch] of Object.entries(others)) {
      await refused(log.append(batch, { key: 'k' }), 'ERR_KEY_REUSED', what);
    }
    assert.equal(await probe.head(), first.seq);
    const again = await log.append(
      [
        { ...one, topics: ['a', 'b', 'a'] },
        { ...event('a'), private: false },
      ],
      {
        key: 'k',
      },
    );
    assert.deepEqual(again, { ...first, repeated: true });
  }),

  logCase(
    'what a key is bound to is still known when the log is opened again',
    async (probe) => {
      const first = await probe.log.append([event('a')], { key: 'k' });
      await probe.reopen();
      await refused(probe.log.append([event('b')], { key: 'k' }), 'ERR_KEY_REUSED', 'another batch');
      assert.deepEqual(await probe.log.append([event('a')], { key: 'k' }), { ...first, repeated: true });
    },
    { needs: ['durable'] },
  ),

  logCase(
    'of appends with one key that overlap only those that are the same get a receipt, and the others go on',
    async (probe) => {
      const { log } = probe;
      const [first, other, again, last] = await Promise.allSettled([
        log.append([event('a')], { key: 'k', digest: 'one' }),
        log.append([event('b')], { key: 'k', digest: 'two' }),
        log.append([event('a')], { key: 'k', digest: 'one' }),
        log.append([event('c')]),
      ]);
      assert.ok(first.status === 'fulfilled' && again.status === 'fulfilled' && last.status === 'fulfilled');
      assert.ok(other.status === 'rejected' && (other.reason as { code?: string }).code === 'ERR_KEY_REUSED');
      assert.deepEqual(again.value, { ...first.value, repeated: true });
      assert.deepEqual(seqs(await probe.read(EVERYTHING)), [first.value.seq, last.value.seq]);
    },
  ),

  logCase('a digest that is no string, is empty, is longer than 128 bytes or has no key is refused', async (probe) => {
    for (const digest of [5 as unknown as string, '', 'x'.repeat(129)]) {
      await refused(probe.log.append([event('a')], { key: 'k', digest }), 'ERR_INVALID_OPTION', 'such a digest');
    }
    await refused(probe.log.append([event('a')], { digest: 'one' }), 'ERR_INVALID_OPTION', 'a digest without a key');
    assert.deepEqual(await probe.read(EVERYTHING), []);
  }),

  logCase(
    'a digest is still known when the log is opened again',
    async (probe) => {
      await probe.log.append([event('a')], { key: 'k', digest: 'one' });
      await probe.reopen();
      await refused(probe.log.append([event('b')], { key: 'k', digest: 'two' }), 'ERR_KEY_REUSED', 'another digest');
      assert.equal((await probe.log.append([event('a')], { key: 'k', digest: 'one' })).repeated, true);
    },
    { needs: ['durable'] },
  ),

  logCase(
    'a key is good for 24 hours and then like a new one',
    async (probe) => {
      const { log } = probe;
      const append = () => log.append([event('a')], { key: 'k' });
      const first = await append();
      await probe.advance(24 * HOUR_MS - 1);
      assert.deepEqual(await append(), { ...first, repeated: true });
      await probe.advance(2);
      const second = await append();
      assert.ok(second.seq > first.seq && !second.repeated);
      await probe.advance(24 * HOUR_MS - 1);
      assert.deepEqual(await append(), { ...second, repeated: true });
    },
    { needs: ['time'] },
  ),

  logCase('a refused batch does not use up its key', async ({ log }) => {
    await refused(log.append([event('')], { key: 'k' }), 'ERR_INVALID_EVENT', 'a batch with a bad event');
    assert.equal((await log.append([event('a')], { key: 'k' })).repeated, false);
  }),

  logCase('keys of 1,536 bytes are told apart to the last byte', async ({ log }) => {
    const long = 'é'.repeat(767);
    const first = await log.append([event('a')], { key: `${long}aa` });
    const other = await log.append([event('a')], { key: `${long}ab` });
    assert.deepEqual([first.repeated, other.repeated], [false, false]);
    assert.deepEqual(await log.append([event('a')], { key: `${long}aa` }), { ...first, repeated: true });
  }),

  logCase('a key that is no string, is empty or longer is refused', async (probe) => {
    for (const key of [5 as unknown as string, '', `${'é'.repeat(768)}a`]) {
      await refused(probe.log.append([event('a')], { key }), 'ERR_INVALID_OPTION', 'such a key');
    }
    assert.deepEqual(await probe.read(EVERYTHING), []);
  }),

  logCase(
    'a key outlives the events of its batch',
    async (probe) => {
      const { log } = probe;
      const first = await log.append([event('a')], { key: 'k' });
      await probe.publish('a', '2', '3');
      await probe.trim();
      assert.deepEqual(await log.append([event('a')], { key: 'k' }), { ...first, repeated: true });
    },
    { needs: ['trim'], retention: { maxEvents: 1 } },
  ),

  logCase(
    'a key survives that the log is opened again',
    async (probe) => {
      const append = () => probe.log.append([event('a', { id: 'mine' })], { key: 'k' });
      const first = await append();
      await probe.reopen();
      assert.deepEqual(await append(), { ...first, repeated: true });
    },
    { needs: ['durable'] },
  ),

  logCase(
    'a key that has become too old is forgotten when the log is opened again',
    async (probe) => {
      const first = await probe.log.append([event('a')], { key: 'k' });
      await probe.advance(24 * HOUR_MS + 1);
      await probe.reopen();
      const second = await probe.log.append([event('a')], { key: 'k' });
      assert.ok(second.seq > first.seq && !second.repeated);
    },
    { needs: ['durable', 'time'] },
  ),
];
