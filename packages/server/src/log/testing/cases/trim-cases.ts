import assert from 'node:assert/strict';
import type { LogTotals } from '../../event-log.ts';
import type { Selection } from '../../selection.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { dataOf, event, EVERYTHING, pattern, privately, range, select } from '../log-probe.ts';
import { Recorder } from '../recorder.ts';
import { kept, trimmed } from './retention-cases.ts';

export const trimCases: readonly LogCase[] = [
  logCase(
    'what is kept is counted, and no longer when it has been trimmed',
    async (probe) => {
      const totals = (): LogTotals => probe.log.totals?.() ?? { events: Number.NaN, bytes: Number.NaN };
      assert.equal(totals().events, 0);
      await probe.publishTo('a', 'a b');
      const { events, bytes } = totals();
      assert.equal(events, 2);
      assert.ok(bytes > 0);
      await probe.publishTo('a', 'a');
      await probe.trim();
      assert.equal(totals().events, 3);
    },
    { needs: ['trim', 'totals'], retention: { maxEvents: 3 } },
  ),

  logCase(
    'how far a selection has been trimmed is never less than it is',
    async (probe) => {
      const numbers = await probe.publishTo('a', 'b', 'a', 'c d', 'e', 'e', 'e');
      await probe.trim();
      const selections: [Selection, number][] = [
        [select('a'), 3],
        [select('b', 'e'), 5],
        [{ topics: 'all' }, 5],
        [{ topics: [pattern(':any')] }, 5],
        [{ topics: ['d'], types: ['message'] }, 4],
      ];
      for (const [selection, index] of selections) {
        assert.ok((await probe.trimmedThrough(selection)) >= (numbers[index - 1] ?? Infinity));
      }
    },
    { needs: ['trim'], retention: { maxEvents: 2 } },
  ),

  logCase(
    'how far a selection has been trimmed is exact for each topic and every set of them',
    async (probe) => {
      const [, second, third, fourth, fifth] = await probe.publishTo('a', 'b', 'a', 'c d', 'e', 'e');
      assert.deepEqual(await trimmed(probe, 'a', 'b', 'c', 'd', 'e', 'nobody'), [third, second, fourth, fourth, 0, 0]);
      assert.equal(await probe.trimmedThrough(select('b', 'e')), second);
      assert.equal(await probe.trimmedThrough(select('a', 'b', 'd')), fourth);
      assert.equal(await probe.trimmedThrough(select()), 0);
      assert.equal(await probe.trimmedThrough({ topics: [pattern('a'), pattern('b')] }), third);
      assert.equal(await probe.trimmedThrough({ topics: ['b', pattern('e')] }), second);
      assert.equal(await probe.trimmedThrough({ topics: 'all' }), fourth);
      assert.equal(await probe.trimmedThrough(EVERYTHING), fourth);
      await probe.publish('e', '7');
      assert.deepEqual(await trimmed(probe, 'a', 'e'), [third, fifth]);
    },
    { needs: ['trim', 'exact'], retention: { maxEvents: 2 } },
  ),

  logCase(
    'a trimmed private event is missing for those with a right to its topic only',
    async (probe) => {
      const numbers: number[] = [];
      for (const each of [event('a'), privately('a'), privately('b'), event('c')]) {
        numbers.push((await probe.append(each)).seq);
      }
      const [first, second, third] = numbers;
      assert.deepEqual(await trimmed(probe, 'a', 'b'), [first, 0]);
      const through = (topics: Selection['topics'], seen: Selection['topics']): Promise<number> =>
        probe.trimmedThrough({ topics, private: seen });
      assert.equal(await through(['a'], 'all'), second);
      assert.equal(await through(['a'], ['a']), second);
      assert.equal(await through(['a'], ['b']), first);
      assert.equal(await through(['b'], [pattern(':any')]), third);
      assert.equal(await through(['a', 'b'], ['b']), third);
      assert.equal(await through(['a', 'b'], ['a']), second);
      assert.equal(await probe.trimmedThrough({ topics: 'all' }), first);
      assert.equal(await through('all', ['a']), second);
      assert.equal(await through('all', ['c']), first);
      assert.equal(await through([pattern(':any')], ['b']), third);
      assert.equal(await probe.trimmedThrough(EVERYTHING), third);
    },
    { needs: ['trim', 'exact'], retention: { maxEvents: 1 } },
  ),

  logCase(
    'a trimmed private event of several topics is missing for those with a right to any of them',
    async (probe) => {
      const { seq } = await probe.append(privately('t', 'u'));
      await probe.publish('other', 'x');
      await probe.trim();
      const through = (topics: Selection['topics'], seen: Selection['topics']): Promise<number> =>
        probe.trimmedThrough({ topics, private: seen });
      for (const seen of [['t'], ['u'], [pattern('u')], 'all'] as const) {
        for (const topics of [['t'], ['u'], ['u', 't'], [pattern(':any')], 'all'] as const) {
          assert.equal(await through(topics, seen), seq, JSON.stringify({ topics, seen }));
        }
      }
      assert.equal(await through(['t', 'u'], []), 0);
      assert.equal(await through('all', []), 0);
    },
    { needs: ['trim', 'exact'], retention: { maxEvents: 1 } },
  ),

  logCase(
    'a trimmed private event of several topics is not missing for those with a right to none of them',
    async (probe) => {
      const first = await probe.append(privately('book', 'alice'));
      const second = await probe.append(privately('book', 'bob', 'carol'));
      await probe.publish('other', 'x');
      await probe.trim();
      const through = (topics: Selection['topics'], seen: Selection['topics']): Promise<number> =>
        probe.trimmedThrough({ topics, private: seen });
      for (const topics of [['book'], [pattern('book')], ['book', 'zed'], 'all'] as const) {
        for (const seen of [['zed'], [pattern('zed')], ['zed', pattern('zed/:any')]] as const) {
          assert.equal(await through(topics, seen), 0, JSON.stringify({ topics, seen }));
        }
        assert.equal(await through(topics, ['alice']), first.seq);
        assert.equal(await through(topics, [pattern('carol'), 'zed']), second.seq);
      }
      assert.equal(await through(['alice'], ['book']), first.seq);
      assert.equal(await through(['alice'], ['bob']), 0);
      assert.equal(await through(['bob', 'alice'], ['carol']), second.seq);
    },
    { needs: ['trim', 'exact'], retention: { maxEvents: 1 } },
  ),

  logCase(
    'every page says how far its selection has been trimmed',
    async (probe) => {
      const [, second, third, fourth] = await probe.publishTo('a', 'a', 'a', 'a');
      await probe.trim();
      const read = async (after: number) =>
        await probe.log.read({ selection: select('a'), after, through: await probe.head(), maxBytes: 1 });
      const first = await read(0);
      assert.deepEqual([dataOf(first.entries), first.trimmedThrough], [['3'], second]);
      await probe.publish('a', '5', '6');
      await probe.trim();
      const next = await read(third ?? 0);
      assert.deepEqual([dataOf(next.entries), next.trimmedThrough], [['5'], fourth]);
    },
    { needs: ['trim'], retention: { maxEvents: 2 } },
  ),

  logCase(
    'what is trimmed while pages are read is told by the page from which it is missing',
    async (probe) => {
      let reached = 0;
      let last = 0;
      const got = new Set<number>();
      const all: number[] = [];
      for (const round of range(1, 30)) {
        for (const n of range(1, 5)) all.push((await probe.append(event(`t${n % 2}`, { data: `${round}.${n}` }))).seq);
        const through = await probe.head();
        const page = await probe.log.read({ selection: EVERYTHING, after: reached, through, maxBytes: 60 });
        for (const { seq } of page.entries) got.add(seq);
        const missing = all.filter((seq) => seq > reached && seq <= page.through && !got.has(seq));
        assert.ok(
          missing.every((seq) => seq <= page.trimmedThrough),
          `${missing.join()} are missing, and ${page.trimmedThrough} is told`,
        );
        last = page.trimmedThrough;
        reached = page.through;
      }
      assert.ok(last > 0);
    },
    { retention: { maxEvents: 7 } },
  ),

  logCase(
    'trimmed events are gone from the ids and the last ones, and a cursor of theirs is still a place',
    async (probe) => {
      const { log } = probe;
      const ids: string[] = [];
      for (const each of [
        event('a', { id: 'x' }),
        event('b', { id: 'y' }),
        event('b'),
        event('c', { id: 'x' }),
        event('c'),
      ]) {
        ids.push((await probe.append(each)).id);
      }
      await probe.trim();
      const [fourth] = await probe.read(EVERYTHING);
      assert.equal((await log.locate('x')).after, fourth?.seq);
      assert.equal((await log.locate('y')).misplaced, 'unknown');
      assert.equal((await log.locate(ids[2] ?? '')).misplaced, undefined);
      const { after } = await log.locateLast(EVERYTHING, 10);
      assert.equal((await probe.read(EVERYTHING, after)).length, 2);
      await probe.publish('c', '6', '7');
      await probe.trim();
      assert.equal((await log.locate('x')).misplaced, 'unknown');
    },
    { needs: ['trim'], retention: { maxEvents: 2 } },
  ),

  logCase(
    'what has been trimmed stays known after its topic is empty',
    async (probe) => {
      const [, second] = await probe.publishTo('a', 'a');
      await probe.advance(2000);
      assert.deepEqual(await trimmed(probe, 'a', 'b'), [second, 0]);
      await probe.publish('a', '3');
      assert.deepEqual(await trimmed(probe, 'a'), [second]);
      assert.equal(await kept(probe), '3');
    },
    { needs: ['trim', 'time', 'exact'], retention: { maxAgeMs: 1000 } },
  ),

  logCase(
    'followers are handed each event, however soon it is trimmed, or started again behind it',
    async (probe) => {
      const recorder = new Recorder();
      probe.log.follow(recorder);
      await recorder.started();
      const receipts = await Promise.all(range(1, 30).map((n) => probe.append(event('a', { data: String(n) }))));
      await probe.trim();
      const last = receipts.at(-1)?.seq ?? 0;
      await recorder.reached(last);
      const read = recorder.starts.at(-1)?.seq ?? 0;
      const missing = receipts.filter(({ seq }) => seq > read && !recorder.seqs.includes(seq));
      assert.deepEqual(missing, []);
    },
    { needs: ['trim'], retention: { maxEvents: 1 } },
  ),
];
