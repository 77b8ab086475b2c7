import assert from 'node:assert/strict';
import type { Selection } from '../event-log.ts';
import { logCase, type LogCase } from './log-case.ts';
import { event, EVERYTHING, message, privately, range, select, seqs, type LogProbe } from './log-probe.ts';

/** Publishes one event to each of the topics, `a b` standing for an event of both. */
async function topics(probe: LogProbe, ...names: readonly string[]): Promise<void> {
  for (const name of names) await probe.append({ topics: name.split(' '), fields: { data: name } });
}

export const readCases: readonly LogCase[] = [
  logCase('a read gives what lies behind `after`, up to and with `through`', async (probe) => {
    const { log } = probe;
    await topics(probe, 'a', 'b', 'a', 'b', 'a');
    const read = async (after: number, through: number): Promise<unknown> => {
      const page = await log.read({ selection: select('a'), after, through, maxBytes: 64 * 1024 });
      return { seqs: seqs(page.entries), through: page.through, trimmedThrough: page.trimmedThrough };
    };
    assert.deepEqual(await read(0, 5), { seqs: [1, 3, 5], through: 5, trimmedThrough: 0 });
    assert.deepEqual(await read(1, 4), { seqs: [3], through: 4, trimmedThrough: 0 });
    assert.deepEqual(await read(3, 4), { seqs: [], through: 4, trimmedThrough: 0 });
    assert.deepEqual(await read(5, 5), { seqs: [], through: 5, trimmedThrough: 0 });
    assert.deepEqual(await read(0, 0), { seqs: [], through: 0, trimmedThrough: 0 });
  }),

  logCase('a page ends with the event that reaches `maxBytes`, and says how far it reaches', async (probe) => {
    const { log } = probe;
    await topics(probe, 'a', 'a', 'b', 'a', 'a', 'b');
    const size = (await probe.read(select('a')))[0]?.frame.length ?? 0;
    const read = async (after: number, maxBytes: number): Promise<unknown> => {
      const page = await log.read({ selection: select('a'), after, through: 6, maxBytes });
      return { seqs: seqs(page.entries), through: page.through };
    };
    assert.deepEqual(await read(0, 1), { seqs: [1], through: 1 });
    assert.deepEqual(await read(0, size), { seqs: [1], through: 1 });
    assert.deepEqual(await read(0, size + 1), { seqs: [1, 2], through: 2 });
    assert.deepEqual(await read(1, 2 * size), { seqs: [2, 4], through: 4 });
    // A page that was not cut reaches through the events that nobody selected.
    assert.deepEqual(await read(1, 64 * 1024), { seqs: [2, 4, 5], through: 6 });
    assert.deepEqual(await read(5, 1), { seqs: [], through: 6 });
  }),

  logCase('a page gives at least one event, however large', async (probe) => {
    const large = 'x'.repeat(200_000);
    await probe.publish('a', large, large);
    const page = await probe.log.read({ selection: select('a'), after: 0, through: 2, maxBytes: 1 });
    assert.deepEqual(seqs(page.entries), [1]);
    assert.ok(page.entries.every((entry) => message(entry).data === large));
  }),

  logCase('exact topics select their events, in the order of the log', async (probe) => {
    await topics(probe, 'a', 'b', 'A', 'a', 'a/b', 'b');
    assert.deepEqual(await probe.data(select('a')), ['a', 'a']);
    assert.deepEqual(await probe.data(select('b', 'a')), ['a', 'b', 'a', 'b']);
    assert.deepEqual(await probe.data(select('nobody')), []);
    assert.deepEqual(await probe.data(select()), []);
  }),

  logCase('topics are told apart character by character', async (probe) => {
    const names = ['a', 'a ', 'a%20', 'ä', 'a\u0308', '🎉', 'https://example.com/a?b#c', '__proto__'];
    for (const name of names) await probe.publish(name, name);
    for (const name of names) assert.deepEqual(await probe.data(select(name)), [name]);
  }),

  logCase('a test selects the topics that it accepts, beside the exact ones', async (probe) => {
    await topics(probe, 'a/1', 'b', 'c', 'a/2', 'b');
    const test = (topic: string): boolean => topic.startsWith('a/');
    assert.deepEqual(await probe.data({ topics: [], test, private: false }), ['a/1', 'a/2']);
    assert.deepEqual(await probe.data({ topics: ['b', 'a/1'], test, private: false }), ['a/1', 'b', 'a/2', 'b']);
  }),

  logCase('an event of several topics is found by each of them and given once', async (probe) => {
    await topics(probe, 'a b', 'b c', 'a c');
    assert.deepEqual(await probe.data(select('a')), ['a b', 'a c']);
    assert.deepEqual(await probe.data(select('c')), ['b c', 'a c']);
    assert.deepEqual(await probe.data(select('a', 'b', 'c')), ['a b', 'b c', 'a c']);
    assert.deepEqual(await probe.data({ topics: ['c'], test: (topic) => topic !== 'c', private: false }), [
      'a b',
      'b c',
      'a c',
    ]);
  }),

  logCase('private events are given to those with a right to them only', async (probe) => {
    await probe.append(event('a', { data: 'public' }), privately('a'), privately('b'));
    const both = (selection: Selection): Promise<string[]>[] => [
      probe.data(selection),
      probe.data({ ...selection, private: true }),
    ];
    assert.deepEqual(await Promise.all(both(select('a'))), [['public'], ['public', 'a']]);
    assert.deepEqual(await Promise.all(both(select('a', 'b'))), [['public'], ['public', 'a', 'b']]);
    assert.deepEqual(await Promise.all(both({ topics: [], test: () => true, private: false })), [
      ['public'],
      ['public', 'a', 'b'],
    ]);
  }),

  logCase('a read sees every batch that was committed before it', async (probe) => {
    for (const seq of range(1, 20)) {
      await probe.append(event('a'));
      const page = await probe.log.read({ selection: select('a'), after: seq - 1, through: seq, maxBytes: 1 });
      assert.deepEqual(seqs(page.entries), [seq]);
    }
  }),

  logCase('10,000 events read back whole, in pages', async (probe) => {
    await Promise.all(
      range(0, 99).map((batch) =>
        probe.append(...range(1, 100).map((n) => event(`t${n % 7}`, { data: String(batch * 100 + n) }))),
      ),
    );
    const all = range(1, 10_000);
    assert.deepEqual(await probe.data(EVERYTHING), all.map(String));
    const some = await probe.read(select('t0', 't3'), 0, 1000);
    assert.deepEqual(
      some.map((entry) => message(entry).data),
      all.filter((n) => [0, 3].includes((((n - 1) % 100) + 1) % 7)).map(String),
    );
  }),

  logCase('find gives the earliest event with a publisher’s id', async (probe) => {
    const { log } = probe;
    await probe.append(event('a'), event('a', { id: 'x' }), event('b', { id: 'y' }), event('a', { id: 'x' }));
    assert.equal(await log.find('x'), 2);
    assert.equal(await log.find('y'), 3);
    assert.equal(await log.find('z'), undefined);
    assert.equal(await log.find(''), undefined);
    assert.equal(await log.find('earliest'), undefined);
  }),

  logCase('beforeLast gives the place behind which the last events follow', async (probe) => {
    await topics(probe, 'a', 'b', 'a', 'a b', 'b');
    await probe.append(privately('a'));
    const last = async (selection: Selection, count: number): Promise<number[]> => {
      const after = await probe.log.beforeLast(selection, count);
      assert.ok(after >= 0 && after <= probe.log.head().seq);
      return seqs(await probe.read(selection, after));
    };
    assert.deepEqual(await last(select('a'), 0), []);
    assert.deepEqual(await last(select('a'), 1), [4]);
    assert.deepEqual(await last(select('a'), 2), [3, 4]);
    assert.deepEqual(await last(select('a'), 10_000), [1, 3, 4]);
    assert.deepEqual(await last({ ...select('a'), private: true }, 2), [4, 6]);
    assert.deepEqual(await last(select('a', 'b'), 3), [3, 4, 5]);
    assert.deepEqual(await last({ topics: [], test: (topic) => topic === 'b', private: false }, 2), [4, 5]);
    assert.deepEqual(await last(select('nobody'), 5), []);
  }),

  logCase('topics sums up what is kept of each topic', async (probe) => {
    assert.deepEqual([...probe.log.topics()], []);
    await topics(probe, 'a', 'a b');
    probe.time += 1000;
    await topics(probe, 'c');
    const [first = 0, second = 0, third = 0] = (await probe.read(EVERYTHING)).map((entry) => entry.frame.length);
    const summaries = [...probe.log.topics()].toSorted((one, other) => (one.topic < other.topic ? -1 : 1));
    assert.deepEqual(summaries, [
      { topic: 'a', events: 2, bytes: first + second, last: probe.time - 1000 },
      { topic: 'b', events: 1, bytes: second, last: probe.time - 1000 },
      { topic: 'c', events: 1, bytes: third, last: probe.time },
    ]);
  }),
];
