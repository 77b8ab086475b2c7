import assert from 'node:assert/strict';
import type { NewEvent } from '../event-log.ts';
import { formatCursor } from '../position.ts';
import { logCase, type LogCase } from './log-case.ts';
import { event, EVERYTHING, message, plain, range, refused, select, seqs } from './log-probe.ts';

const LONGEST = 'é'.repeat(512);

/** Events that no log may take, by what is wrong with them. */
function badEvents(epoch: string): Record<string, NewEvent> {
  return {
    'no topic': { topics: [], fields: { data: 'x' } },
    'an empty topic': event(''),
    'an empty topic beside a good one': { topics: ['good', ''], fields: { data: 'x' } },
    'a topic with a line end': event('a\nb'),
    'a topic with NUL': event('a\0'),
    'a topic with DEL': event('a\u007F'),
    'a topic with a C1 control character': event('a\u0085'),
    'a topic with a lone surrogate': event('a\uD800'),
    'a topic of 1,025 bytes': event(`${LONGEST}a`),
    'a type with CR': event('a', { event: 'x\r' }),
    'a type with LF': event('a', { event: 'x\ndata: forged' }),
    'a type of 1,025 bytes': event('a', { event: `${LONGEST}a` }),
    'an empty id': event('a', { id: '' }),
    'an id with CR': event('a', { id: 'x\rdata: forged' }),
    'an id with LF': event('a', { id: 'x\n\ndata: forged' }),
    'an id with NUL': event('a', { id: 'x\0' }),
    'an id with a tab': event('a', { id: 'x\ty' }),
    'an id with a lone surrogate': event('a', { id: '\uDC00' }),
    'an id of 1,025 bytes': event('a', { id: `${LONGEST}a` }),
    'the id "earliest"': event('a', { id: 'earliest' }),
    'an id that begins with #': event('a', { id: '#1' }),
    "an id that is this log's first position": event('a', { id: formatCursor({ epoch, seq: 0 }) }),
    "an id that looks like this log's cursors": event('a', { id: formatCursor({ epoch, seq: 4711 }) }),
    'a negative reconnection time': event('a', { retry: -1 }),
    'a reconnection time with a fraction': event('a', { retry: 0.5 }),
    'a field that does not exist': event('a', { daat: 'x' } as NewEvent['fields']),
  };
}

export const appendCases: readonly LogCase[] = [
  logCase('an empty log has its head at sequence number 0', async ({ log }) => {
    assert.equal(log.head().seq, 0);
    assert.match(log.head().epoch, /^[a-z0-9]{1,16}$/);
  }),

  logCase('appends are numbered from 1 without holes, and the receipt names the last event', async (probe) => {
    const { log } = probe;
    const first = await probe.append(event('a'));
    assert.deepEqual(first, { seq: 1, id: formatCursor({ epoch: log.head().epoch, seq: 1 }) });
    const second = await probe.append(event('a'), event('b'), event('a'));
    assert.deepEqual(second, { seq: 4, id: formatCursor({ epoch: log.head().epoch, seq: 4 }) });
    assert.equal(log.head().seq, 4);
    assert.deepEqual(seqs(await probe.read(EVERYTHING)), [1, 2, 3, 4]);
  }),

  logCase('the receipt holds the publisher’s id where the last event has one', async (probe) => {
    const { seq, id } = await probe.append(event('a'), event('a', { id: 'mine' }));
    assert.deepEqual({ seq, id }, { seq: 2, id: 'mine' });
  }),

  logCase('an entry holds what was appended, when, and its place', async (probe) => {
    const { log } = probe;
    await probe.append({ topics: ['a', 'b', 'a'], fields: { data: '1' } });
    probe.time += 5;
    await probe.append({ topics: ['c'], fields: { data: '2', id: 'mine' }, private: true });
    const id = formatCursor({ epoch: log.head().epoch, seq: 1 });
    const frames = [`id: ${id}\ndata: 1\n\n`, 'id: mine\ndata: 2\n\n'];
    assert.deepEqual(plain(await probe.read(EVERYTHING)), [
      { seq: 1, id, topics: ['a', 'b'], time: probe.time - 5, private: false, frame: frames[0] },
      { seq: 2, id: 'mine', topics: ['c'], time: probe.time, private: true, frame: frames[1] },
    ]);
  }),

  logCase('appends that overlap are stored in the order of the calls, each batch whole', async (probe) => {
    const receipts = await Promise.all(
      range(1, 50).map((n) => probe.append(event('a', { data: `${n} a` }), event('b', { data: `${n} b` }))),
    );
    assert.deepEqual(
      receipts.map((receipt) => receipt.seq),
      range(1, 50).map((n) => 2 * n),
    );
    assert.deepEqual(
      await probe.data(EVERYTHING),
      range(1, 50).flatMap((n) => [`${n} a`, `${n} b`]),
    );
  }),

  logCase('an empty batch is refused', async ({ log }) => {
    await refused(log.append([]), 'ERR_INVALID_EVENT', 'an empty batch');
    assert.equal(log.head().seq, 0);
  }),

  logCase('an event that may not be published is refused, and nothing of its batch is stored', async (probe) => {
    const { log } = probe;
    let told = 0;
    log.tail((batch) => {
      told += batch.length;
    });
    for (const [what, bad] of Object.entries(badEvents(log.head().epoch))) {
      await refused(probe.append(event('good'), bad, event('good')), 'ERR_INVALID_EVENT', what);
    }
    assert.equal(log.head().seq, 0);
    assert.equal(told, 0);
    assert.deepEqual(await probe.read(EVERYTHING), []);
    assert.deepEqual([...log.topics()], []);
    assert.deepEqual(await probe.append(event('good')), { seq: 1, id: formatCursor({ ...log.head(), seq: 1 }) });
  }),

  logCase('a refused batch does not disturb those that overlap it', async (probe) => {
    const [first, bad, last] = await Promise.allSettled([
      probe.append(event('a')),
      probe.append(event('')),
      probe.append(event('a')),
    ]);
    assert.deepEqual([first?.status, bad?.status, last?.status], ['fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual(seqs(await probe.read(EVERYTHING)), [1, 2]);
  }),

  logCase('names of 1,024 bytes are taken, and ids that only resemble a cursor', async (probe) => {
    const { epoch } = probe.log.head();
    const ids = [LONGEST, 'zz9.4711', `${epoch}.`, `${epoch}.1.2`, `${epoch}.-1`, 'Earliest', 'a#', 'ünï→🎉'];
    for (const id of ids) await probe.append(event(LONGEST, { id, event: LONGEST, data: 'x' }));
    const entries = await probe.read(select(LONGEST));
    assert.deepEqual(
      entries.map((entry) => entry.id),
      ids,
    );
    assert.deepEqual(
      entries.map((entry) => message(entry)),
      ids.map((id) => ({ type: LONGEST, data: 'x', lastEventId: id })),
    );
    for (const [index, id] of ids.entries()) assert.equal(await probe.log.find(id), index + 1);
  }),

  logCase('a frame decodes to its event and its id', async (probe) => {
    const { epoch } = probe.log.head();
    const published: NewEvent['fields'][] = [
      { data: 'plain' },
      { data: '' },
      {},
      { data: ' two  spaces ' },
      { data: 'a\nb\r\nc\rd\n' },
      { data: '\r\n\r\n' },
      { data: 'id: forged\n\nevent: forged\n\n' },
      { data: 'ünï→🎉\0\t\u0085\u2028' },
      { data: '{"a":1}', event: 'added' },
      { data: 'x', event: '' },
      { data: 'x', id: 'mine', retry: 250, event: 'ünï' },
      { data: 'x', comment: 'a\nb' },
    ];
    await probe.append(...published.map((fields) => event('a', fields)));
    const entries = await probe.read(select('a'));
    assert.deepEqual(
      entries.map((entry) => message(entry)),
      published.map(({ data = '', event: type = '', id }, index) => ({
        type: type || 'message',
        data: data.replaceAll(/\r\n?/g, '\n'),
        lastEventId: id ?? formatCursor({ epoch, seq: index + 1 }),
      })),
    );
  }),

  logCase('close finishes the appends under way, refuses later ones and can be called again', async (probe) => {
    const { log } = probe;
    const underWay = range(1, 10).map(() => probe.append(event('a')));
    const closed = log.close();
    assert.deepEqual(
      (await Promise.all(underWay)).map((receipt) => receipt.seq),
      range(1, 10),
    );
    await closed;
    await refused(log.append([event('a')]), 'ERR_CLOSED', 'an append after close()');
    await log.close();
  }),
];
