import assert from 'node:assert/strict';
import { logCase, type LogCase } from './log-case.ts';
import { event, EVERYTHING, HOUR_MS, refused, seqs } from './log-probe.ts';

export const keyCases: readonly LogCase[] = [
  logCase('a key that is used again appends nothing and gives the first receipt', async (probe) => {
    const { log } = probe;
    const first = await log.append([event('a'), event('a', { id: 'mine' })], { key: 'k' });
    let told = 0;
    log.tail(() => {
      told += 1;
    });
    assert.deepEqual(await log.append([event('b')], { key: 'k' }), first);
    assert.deepEqual(first, { seq: 2, id: 'mine' });
    assert.equal(told, 0);
    assert.equal(log.head().seq, 2);
    assert.equal((await log.append([event('b')], { key: 'K' })).seq, 3);
    assert.equal((await log.append([event('b')])).seq, 4);
  }),

  logCase('appends with one key that overlap store one batch', async (probe) => {
    const { log } = probe;
    const receipts = await Promise.all([
      log.append([event('a')], { key: 'k' }),
      log.append([event('b')]),
      log.append([event('a')], { key: 'k' }),
    ]);
    assert.deepEqual(
      receipts.map((receipt) => receipt.seq),
      [1, 2, 1],
    );
    assert.deepEqual(seqs(await probe.read(EVERYTHING)), [1, 2]);
  }),

  logCase('a key is good for 24 hours and then like a new one', async (probe) => {
    const { log } = probe;
    const first = await log.append([event('a')], { key: 'k' });
    probe.time += 24 * HOUR_MS - 1;
    assert.deepEqual(await log.append([event('a')], { key: 'k' }), first);
    probe.time += 2;
    const second = await log.append([event('a')], { key: 'k' });
    assert.equal(second.seq, 2);
    probe.time += 24 * HOUR_MS - 1;
    assert.deepEqual(await log.append([event('a')], { key: 'k' }), second);
  }),

  logCase('a refused batch does not use up its key', async ({ log }) => {
    await refused(log.append([event('')], { key: 'k' }), 'ERR_INVALID_EVENT', 'a batch with a bad event');
    assert.equal((await log.append([event('a')], { key: 'k' })).seq, 1);
  }),

  logCase('keys of 1,536 bytes are told apart to the last byte', async ({ log }) => {
    const long = 'é'.repeat(767);
    assert.equal((await log.append([event('a')], { key: `${long}aa` })).seq, 1);
    assert.equal((await log.append([event('a')], { key: `${long}ab` })).seq, 2);
    assert.equal((await log.append([event('a')], { key: `${long}aa` })).seq, 1);
  }),

  logCase(
    'a key outlives the events of its batch',
    async (probe) => {
      const { log } = probe;
      const first = await log.append([event('a')], { key: 'k' });
      await probe.publish('a', '2', '3');
      await log.trim();
      assert.deepEqual(await log.append([event('a')], { key: 'k' }), first);
    },
    { retention: { maxEvents: 1 } },
  ),

  logCase(
    'a key survives that the log is opened again',
    async (probe) => {
      const first = await probe.log.append([event('a', { id: 'mine' })], { key: 'k' });
      await probe.reopen();
      assert.deepEqual(await probe.log.append([event('a')], { key: 'k' }), first);
      probe.time += 24 * HOUR_MS + 1;
      await probe.reopen();
      assert.equal((await probe.log.append([event('a')], { key: 'k' })).seq, 2);
    },
    { durable: true },
  ),
];
