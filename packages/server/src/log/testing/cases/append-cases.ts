import assert from 'node:assert/strict';
import type { NewEvent } from '../../entry.ts';
import { formatCursor } from '../../position.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { assertRising, dataOf, event, EVERYTHING, message, plain, range, refused, select, seqs } from '../log-probe.ts';

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
    "an id that looks like another log's cursors": event('a', { id: 'zz9.4711' }),
    'a negative reconnection time': event('a', { retry: -1 }),
    'a reconnection time with a fraction': event('a', { retry: 0.5 }),
    'the topic "."': event('.'),
    'the topic ".." beside a good one': { topics: ['good', '..'], fields: { data: 'x' } },
    'topics that are a string': { ...event('a'), topics: 'a' as unknown as string[] },
    'a privacy that is a number': { ...event('a'), private: 1 as unknown as boolean },
    'a privacy that is a text': { ...event('a'), private: 'yes' as unknown as boolean },
    'a privacy that is null': { ...event('a'), private: null as unknown as boolean },
    'a heartbeat': event('a', { event: 'tidings-heartbeat', data: 'x' }),
    'a type that is reserved': event('a', { event: 'tidings-x', data: 'x' }),
    'a gap without data': event('a', { event: 'tidings-gap' }),
    'a gap whose data is no JSON': event('a', { event: 'tidings-gap', data: 'x' }),
    'a gap whose data is null': event('a', { event: 'tidings-gap', data: 'null' }),
    'a gap without a reason': event('a', { event: 'tidings-gap', data: '{"after":"o.1","resumedAt":"o.5"}' }),
    'a gap after a number': event('a', { event: 'tidings-gap', data: '{"after":1,"resumedAt":"o.5","reason":"x"}' }),
    'no fields': event('a', {}),
    'a comment alone': event('a', { comment: 'x' }),
    'an event that is null': null as unknown as NewEvent,
    'an event that is a text': 'a' as unknown as NewEvent,
    'a misspelled member': { ...event('a'), privat: true } as NewEvent,
    'a field that does not exist': event('a', { daat: 'x' } as NewEvent['fields']),
  };
}

export const appendCases: readonly LogCase[] = [
  logCase('an empty log gives nothing, and has an epoch', async (probe) => {
    const { epoch, seq } = await probe.position();
    assert.match(epoch, /^[a-z0-9]{1,16}$/);
    assert.equal(await probe.head(), seq);
    assert.deepEqual(await probe.read(EVERYTHING), []);
    assert.equal(await probe.trimmedThrough(EVERYTHING), 0);
  }),

  logCase('sequence numbers rise, and the receipt names the batch’s last event', async (probe) => {
    const { epoch } = await probe.position();
    const first = await probe.append(event('a'));
    const second = await probe.append(event('a'), event('b'), event('a'));
    const numbers = seqs(await probe.read(EVERYTHING));
    assert.equal(numbers.length, 4);
    assertRising(numbers);
    const cursors = numbers.map((seq) => formatCursor({ epoch, seq }));
    for (const [receipt, seq, ids] of [
      [first, numbers[0], cursors.slice(0, 1)],
      [second, numbers[3], cursors.slice(1)],
    ] as const) {
      assert.deepEqual(receipt, { seq, id: ids.at(-1), ids, repeated: false });
    }
    assert.equal(await probe.head(), second.seq);
  }),

  logCase('the receipt holds the publisher’s id where the last event has one', async (probe) => {
    const { id } = await probe.append(event('a'), event('a', { id: 'mine' }));
    assert.equal(id, 'mine');
  }),

  logCase('an entry holds what was appended, and its place', async (probe) => {
    const first = await probe.append({ topics: ['a', 'b', 'a'], fields: { data: '1' } });
    const second = await probe.append({ topics: ['c'], fields: { data: '2', id: 'mine' }, private: true });
    const entries = await probe.read(EVERYTHING);
    const times = entries.map(({ time }) => time);
    assert.deepEqual(plain(entries), [
      {
        seq: first.seq,
        id: first.id,
        topics: ['a', 'b'],
        time: times[0],
        private: false,
        frame: `id: ${first.id}\ndata: 1\n\n`,
      },
      {
        seq: second.seq,
        id: 'mine',
        topics: ['c'],
        time: times[1],
        private: true,
        frame: 'id: mine\ndata: 2\n\n',
      },
    ]);
  }),

  logCase(
    'an entry holds when it was appended',
    async (probe) => {
      const start = probe.time;
      await probe.append(event('a'));
      await probe.advance(5);
      await probe.append(event('a'));
      assert.deepEqual(
        (await probe.read(EVERYTHING)).map(({ time }) => time),
        [start, start + 5],
      );
    },
    { needs: ['time'] },
  ),

  logCase('appends that overlap are stored in the order of the calls, each batch whole', async (probe) => {
    const receipts = await Promise.all(
      range(1, 50).map((n) => probe.append(event('a', { data: `${n} a` }), event('b', { data: `${n} b` }))),
    );
    const entries = await probe.read(EVERYTHING);
    assertRising(seqs(entries));
    assert.deepEqual(
      dataOf(entries),
      range(1, 50).flatMap((n) => [`${n} a`, `${n} b`]),
    );
    assert.deepEqual(
      receipts.map((receipt) => receipt.seq),
      seqs(entries).filter((_, index) => index % 2 === 1),
    );
  }),

  logCase('an empty batch is refused', async (probe) => {
    const head = await probe.head();
    await refused(probe.log.append([]), 'ERR_INVALID_EVENT', 'an empty batch');
    assert.equal(await probe.head(), head);
  }),

  logCase('an event in the place of a batch is refused', async (probe) => {
    const head = await probe.head();
    for (const one of [event('a'), null, 'a']) {
      await refused(probe.log.append(one as unknown as NewEvent[]), 'ERR_INVALID_EVENT', 'what is no array');
    }
    assert.equal(await probe.head(), head);
  }),

  logCase('a gap can be appended, for the copy of a stream', async (probe) => {
    const data = JSON.stringify({ after: 'other.1', resumedAt: 'other.5', reason: 'trimmed' });
    await probe.append(event('a', { event: 'tidings-gap', data }));
    assert.deepEqual(
      (await probe.read(EVERYTHING)).map((entry) => message(entry).type),
      ['tidings-gap'],
    );
  }),

  logCase('an event that may not be published is refused, and nothing of its batch is stored', async (probe) => {
    const { epoch, seq } = await probe.position();
    const recorder = await probe.follow();
    for (const [what, bad] of Object.entries(badEvents(epoch))) {
      await refused(probe.append(event('good'), bad, event('good')), 'ERR_INVALID_EVENT', what);
    }
    assert.equal(await probe.head(), seq);
    assert.deepEqual(await probe.read(EVERYTHING), []);
    const receipt = await probe.append(event('good'));
    await recorder.reached(receipt.seq);
    assert.deepEqual(recorder.seqs, [receipt.seq]);
    assert.deepEqual(seqs(await probe.read(EVERYTHING)), [receipt.seq]);
  }),

  logCase(
    'an event that becomes larger than decoders take is refused, and nothing of its batch is stored',
    async (probe) => {
      const head = await probe.head();
      const lines = event('a', { data: '\n'.repeat(3_000_000) });
      await refused(probe.append(event('a'), lines), 'ERR_EVENT_TOO_LARGE', 'an event of very many lines');
      assert.equal(await probe.head(), head);
      await probe.publish('a', 'next');
      assert.deepEqual(await probe.data(EVERYTHING), ['next']);
    },
  ),

  logCase('a refused batch does not disturb those that overlap it', async (probe) => {
    const [first, bad, last] = await Promise.allSettled([
      probe.append(event('a', { data: '1' })),
      probe.append(event('')),
      probe.append(event('a', { data: '2' })),
    ]);
    assert.deepEqual([first?.status, bad?.status, last?.status], ['fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual(await probe.data(EVERYTHING), ['1', '2']);
  }),

  logCase('names of 1,024 bytes are taken, and ids that only resemble a cursor', async (probe) => {
    const { epoch } = await probe.position();
    const ids = [LONGEST, 'zz9.047', `${epoch}.`, `${epoch}.1.2`, `${epoch}.-1`, 'Earliest', 'a#', 'ünï→🎉'];
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
    for (const { id, seq } of entries) assert.equal((await probe.log.locate(id)).after, seq);
  }),

  logCase('a frame decodes to its event and its id', async (probe) => {
    const { epoch } = await probe.position();
    const published: NewEvent['fields'][] = [
      { data: 'plain' },
      { data: '' },
      { event: 'without data' },
      { id: 'without data' },
      { retry: 250 },
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
        lastEventId: id ?? formatCursor({ epoch, seq: entries[index]?.seq ?? 0 }),
      })),
    );
  }),

  logCase('close finishes the appends under way, refuses later ones and can be called again', async (probe) => {
    const { log } = probe;
    const underWay = range(1, 10).map(() => probe.append(event('a')));
    const closed = log.close();
    const receipts = await Promise.all(underWay);
    assertRising(receipts.map((receipt) => receipt.seq));
    await closed;
    await refused(log.append([event('a')]), 'ERR_CLOSED', 'an append after close()');
    await log.close();
  }),
];
