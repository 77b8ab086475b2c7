import assert from 'node:assert/strict';
import type { Place } from '../../event-log.ts';
import { EARLIEST, formatCursor } from '../../position.ts';
import type { Selection } from '../../selection.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { dataOf, event, EVERYTHING, pattern, privately, range, select, seqs, where } from '../log-probe.ts';

export const locateCases: readonly LogCase[] = [
  logCase('a cursor is found up to the newest event, and is ahead behind it', async (probe) => {
    const { epoch } = await probe.position();
    await probe.append(event('a'), event('b'), event('a', { id: 'mine' }));
    const entries = await probe.read(EVERYTHING);
    const head = entries.at(-1)?.seq ?? 0;
    const locate = (seq: number): Promise<Place> => probe.log.locate(formatCursor({ epoch, seq }));
    for (const { seq } of entries) assert.deepEqual(await where(locate(seq)), { after: seq, head });
    assert.deepEqual(await where(locate(0)), { after: 0, head });
    assert.deepEqual(await where(locate(head + 1)), { after: 0, head, misplaced: 'ahead' });
    assert.deepEqual(await where(locate(999_999_999_999_999)), { after: 0, head, misplaced: 'ahead' });
  }),

  logCase('who gets no private events cannot find any by asking for cursors', async (probe) => {
    const { epoch } = await probe.position();
    const cursor = (seq: number): string => formatCursor({ epoch, seq });
    await probe.append(privately('a'), event('a'), privately('a'));
    const { seq: open } = await probe.append(event('b'));
    const { seq: head } = await probe.append(privately('a'), privately('c'), privately('a'));
    const secret = seqs(await probe.read(EVERYTHING, open));
    for (const topics of [['a'], 'all'] as const) {
      const locate = (seq: number): Promise<Omit<Place, 'trims'>> => where(probe.log.locate(cursor(seq), { topics }));
      for (const seq of [0, open - 1, open]) assert.deepEqual(await locate(seq), { after: seq, head });
      for (const seq of [...secret, head + 1, 10 * head, 999_999_999_999_999]) {
        assert.deepEqual(await locate(seq), { after: 0, head, misplaced: 'ahead' });
      }
      assert.equal((await probe.log.locateLast({ topics }, 0)).after, open);
    }
    // Who has a right to any of them comes back with the position of the log.
    for (const seen of ['all', ['a'], ['elsewhere']] as const) {
      const selection: Selection = { topics: ['a'], private: seen };
      for (const seq of secret)
        assert.deepEqual(await where(probe.log.locate(cursor(seq), selection)), { after: seq, head });
      assert.equal((await probe.log.locate(cursor(head + 1), selection)).misplaced, 'ahead');
      assert.equal((await probe.log.locateLast(selection, 0)).after, head);
    }
  }),

  logCase(
    'a cursor of the newest public event is found though it has been trimmed',
    async (probe) => {
      const { id, seq } = await probe.append(event('a'));
      const { seq: head } = await probe.append(privately('a'), privately('a'), privately('a'));
      await probe.trim();
      assert.deepEqual(await probe.data(select('a')), []);
      assert.deepEqual(await where(probe.log.locate(id, select('a'))), { after: seq, head });
      assert.equal((await probe.position()).publicSeq, seq);
    },
    { needs: ['trim'], retention: { maxEvents: 2 } },
  ),

  logCase('locate knows an event as soon as its append has resolved', async (probe) => {
    for (const n of range(1, 20)) {
      const { seq, id } = await probe.append(event('a', { data: String(n) }));
      assert.deepEqual(await where(probe.log.locate(id)), { after: seq, head: seq });
    }
  }),

  logCase('a publisher’s id is the place of the earliest event that has it', async (probe) => {
    const ids = ['x', 'y', 'other', 'x'];
    for (const id of ids) await probe.append(event('a', { id }));
    const entries = await probe.read(EVERYTHING);
    const head = await probe.head();
    for (const id of ids) {
      const earliest = entries.find((entry) => entry.id === id)?.seq ?? 0;
      assert.deepEqual(await where(probe.log.locate(id)), { after: earliest, head });
    }
  }),

  logCase('an id is found among the selected events only', async (probe) => {
    const append = (topic: string, isPrivate: boolean): Promise<{ readonly seq: number }> =>
      probe.append({ topics: [topic], fields: { id: 'x' }, private: isPrivate });
    const { seq: planted } = await append('b', false);
    const { seq: secret } = await append('a', true);
    const { seq: open } = await append('a', false);
    const head = (await append('c/d', false)).seq;
    const find = (selection?: Selection): Promise<unknown> => where(probe.log.locate('x', selection));
    assert.deepEqual(await find(), { after: planted, head });
    assert.deepEqual(await find({ topics: 'all' }), { after: planted, head });
    assert.deepEqual(await find(select('a')), { after: open, head });
    assert.deepEqual(await find({ ...select('a'), private: ['a'] }), { after: secret, head });
    assert.deepEqual(await find(select('b', 'a')), { after: planted, head });
    assert.deepEqual(await find({ topics: [pattern('c/:one')] }), { after: head, head });
    for (const selection of [select('nobody'), { ...select('a'), types: ['odd'] }]) {
      assert.deepEqual(await find(selection), { after: 0, head, misplaced: 'unknown' });
    }
  }),

  logCase('an id is found behind very many events of other topics that have it', async (probe) => {
    for (const _ of range(1, 5)) await probe.append(...range(1, 1000).map(() => event('other', { id: 'x' })));
    const { seq: head } = await probe.append(event('a', { id: 'x' }));
    await probe.append(...range(1, 4000).map(() => event('other', { id: 'x' })));
    assert.equal((await probe.log.locate('x', select('a'))).after, head);
    assert.equal((await probe.log.locate('x', select('nobody'))).misplaced, 'unknown');
  }),

  logCase('an id that nobody gave has no place, and a cursor of another log is foreign', async (probe) => {
    const { seq: head } = await probe.append(event('a'));
    const { epoch } = await probe.position();
    const unknown = ['', 'z', 'Earliest', `${epoch}.01`, `${epoch}.`, 'é'.repeat(1024), 'x'.repeat(100_000)];
    for (const id of unknown)
      assert.deepEqual(await where(probe.log.locate(id)), { after: 0, head, misplaced: 'unknown' });
    for (const id of ['other.0', 'other.1', `${'z'.repeat(16)}.5`]) {
      assert.deepEqual(await where(probe.log.locate(id)), { after: 0, head, misplaced: 'foreign' });
    }
  }),

  logCase('earliest is the place before everything', async (probe) => {
    assert.equal((await probe.log.locate(EARLIEST)).after, 0);
    const { seq: head } = await probe.append(event('a'));
    assert.deepEqual(await where(probe.log.locate(EARLIEST)), { after: 0, head });
  }),

  logCase('locateLast gives the place behind which the last events follow', async (probe) => {
    for (const [index, topics] of ['a', 'b', 'a', 'a b', 'b'].entries()) {
      await probe.append({ topics: topics.split(' '), fields: { data: String(index + 1) } });
    }
    await probe.append({ ...privately('a'), fields: { data: '6' } });
    const head = await probe.head();
    const last = async (selection: Selection, count: number): Promise<string> => {
      const place = await probe.log.locateLast(selection, count);
      assert.equal(place.head, head);
      assert.equal(place.misplaced, undefined);
      assert.ok(place.after >= 0 && place.after <= head);
      return dataOf(await probe.read(selection, place.after)).join();
    };
    assert.equal(await last(select('a'), 0), '');
    assert.equal(await last(select('a'), 1), '4');
    assert.equal(await last(select('a'), 2), '3,4');
    assert.equal(await last(select('a'), 10_000), '1,3,4');
    assert.equal(await last({ ...select('a'), private: 'all' }, 2), '4,6');
    assert.equal(await last({ ...select('a'), private: ['b'] }, 2), '3,4');
    assert.equal(await last(select('a', 'b'), 3), '3,4,5');
    assert.equal(await last({ topics: 'all' }, 2), '4,5');
    assert.equal(await last(select('nobody'), 5), '');
    assert.equal(await last(select(), 5), '');
  }),

  logCase('locateLast finds few events among very many others', async (probe) => {
    await probe.append(event('rare', { data: '1' }), event('rare', { data: '2', event: 'odd' }));
    for (const _ of range(1, 10)) await probe.append(...range(1, 1000).map(() => event('common', { data: 'x' })));
    const data = async (selection: Selection): Promise<string[]> =>
      (await probe.data(selection, (await probe.log.locateLast(selection, 3)).after)).slice(0, 3);
    assert.deepEqual(await data(select('rare')), ['1', '2']);
    assert.deepEqual(await data(select('rare', 'nobody')), ['1', '2']);
    assert.deepEqual(await data({ topics: 'all', types: ['odd'] }), ['2']);
  }),

  logCase(
    'looking for few events among very many lets others go first',
    async (probe) => {
      // No index leads past private events.
      await probe.append(event('a'));
      for (const _ of range(1, 4)) await probe.append(...range(1, 10_000).map(() => privately('a')));
      const order: string[] = [];
      const found = probe.log.locateLast({ topics: 'all', private: ['b'] }, 1).then(() => order.push('found'));
      await new Promise<void>((resolve) => void setImmediate(resolve)).then(() => order.push('other'));
      await found;
      assert.deepEqual(order, ['other', 'found']);
    },
    // With a clock that stands still, a few thousand events are examined before that.
    { needs: ['local', 'time'] },
  ),

  logCase(
    'the last events of exact topics are found in their indexes, however many others lie behind them',
    async (probe) => {
      const many = async (topic: string, count: number): Promise<number> => {
        let last = 0;
        for (let left = count; left > 0; left -= 10_000) {
          ({ seq: last } = await probe.append(...range(1, Math.min(left, 10_000)).map(() => event(topic))));
        }
        return last;
      };
      await many('a', 29_999);
      const before = await probe.head();
      await many('a', 1);
      await many('b', 1);
      await many('c', 20_000);
      const order: string[] = [];
      const found = probe.log.locateLast(select('a', 'b'), 2).then(({ after }) => {
        order.push('found');
        return after;
      });
      await new Promise<void>((resolve) => void setImmediate(resolve)).then(() => order.push('other'));
      const after = await found;
      assert.deepEqual(order, ['found', 'other']);
      assert.ok(after >= before && after < before + 3);
      assert.equal((await probe.read(select('a', 'b'), after)).length, 2);
    },
    { needs: ['local', 'time'] },
  ),

  logCase(
    'the last events of topics that patterns match are found in their indexes, too',
    async (probe) => {
      await probe.append(event('a/1', { data: '1' }), event('b', { data: 'b' }), event('a/2', { data: '2' }));
      await probe.append({ topics: ['a/1', 'a/2'], fields: { data: '3' } }, event('a/1', { data: '4', event: 'odd' }));
      for (const _ of range(1, 4)) await probe.append(...range(1, 10_000).map((n) => event(`c/${n % 1000}`)));
      await probe.append({ ...privately('a/1'), fields: { data: '5' } });
      const order: string[] = [];
      const data = async (count: number, more: Partial<Selection> = {}): Promise<string> => {
        const selection: Selection = { topics: [pattern('a/:n')], ...more };
        const found = probe.log.locateLast(selection, count).then(({ after }) => {
          order.push('found');
          return after;
        });
        await new Promise<void>((resolve) => void setImmediate(resolve)).then(() => order.push('other'));
        return (await probe.data(selection, await found)).join('');
      };
      assert.equal(await data(1), '4');
      assert.equal(await data(2), '34');
      assert.equal(await data(3), '234');
      assert.equal(await data(10), '1234');
      assert.equal(await data(2, { private: 'all' }), '45');
      assert.equal(await data(1, { types: ['message'] }), '3');
      assert.equal(await data(2, { topics: [pattern('a/:n'), 'b'] }), '34');
      assert.equal(await data(1, { topics: [pattern('x/:n')] }), '');
      assert.deepEqual(
        order.filter((_, index) => index % 2 === 0),
        Array.from({ length: 8 }, () => 'found'),
      );
    },
    { needs: ['local', 'time'] },
  ),

  logCase(
    'what is appended behind the last events that were found is read on, too, also of new topics',
    async (probe) => {
      await probe.append(event('a/1', { data: '1' }), event('a/1', { data: '2', event: 'x' }));
      await probe.append(...range(1, 1000).map(() => event('c')));
      for (const types of [undefined, ['message'], ['x', 'message']]) {
        const selection: Selection = { topics: [pattern('a/:n')], ...(types ? { types } : {}) };
        const { after } = await probe.log.locateLast(selection, 2);
        const before = await probe.data(selection, after);
        const data = `new ${String(types)}`;
        await probe.append(event(`a/${data}`, { data }), event('b', { data: 'other' }), event('a/1', { data }));
        assert.deepEqual(await probe.data(selection, after), [...before, data, data]);
      }
    },
  ),

  logCase('a listener that has left is not answered, and the others are', async (probe) => {
    for (const _ of range(1, 20)) await probe.append(...range(1, 1000).map(() => privately('common')));
    const head = await probe.head();
    const none: Selection = { topics: 'all', private: ['none'] };
    const before = AbortSignal.abort(new Error('left before'));
    await assert.rejects(probe.log.locateLast(none, 1, { signal: before }), /left before/);
    const request = { selection: none, after: 0, through: head, maxBytes: 1 };
    await assert.rejects(probe.log.read(request, { signal: before }), /left before/);
    await assert.rejects(probe.log.locate('x', none, { signal: before }), /left before/);
    const left = new AbortController();
    const asked = [1, 2, 3].map(() => probe.log.locateLast(none, 1, { signal: left.signal }));
    const other = probe.log.locateLast(none, 1);
    left.abort(new Error('left meanwhile'));
    for (const answer of await Promise.allSettled(asked)) {
      // It may have been found by then.
      if (answer.status === 'rejected') assert.match(String(answer.reason), /left meanwhile/);
      else assert.equal(answer.value.after, head);
    }
    assert.equal((await other).after, head);
  }),
];
