import assert from 'node:assert/strict';
import type { Selection, TopicSet } from '../../selection.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { event, pattern, privately, range, select, type LogProbe } from '../log-probe.ts';

/** Publishes one event to each of the topics, `a b` standing for an event of both. */
async function topics(probe: LogProbe, ...names: readonly string[]): Promise<void> {
  for (const name of names) await probe.append({ topics: name.split(' '), fields: { data: name } });
}

export const selectionCases: readonly LogCase[] = [
  logCase('exact topics select their events, in the order of the log', async (probe) => {
    await topics(probe, 'a', 'b', 'A', 'a', 'a/b', 'b');
    assert.deepEqual(await probe.data(select('a')), ['a', 'a']);
    assert.deepEqual(await probe.data(select('b', 'a')), ['a', 'b', 'a', 'b']);
    assert.deepEqual(await probe.data(select('a', 'a')), ['a', 'a']);
    assert.deepEqual(await probe.data(select('nobody')), []);
    assert.deepEqual(await probe.data(select('nobody', 'A', 'else')), ['A']);
    assert.deepEqual(await probe.data(select()), []);
  }),

  logCase('topics are told apart character by character', async (probe) => {
    const names = ['a', 'a ', 'a%20', 'ä', 'a\u0308', '🎉', 'https://example.com/a?b#c', '__proto__'];
    for (const name of names) await probe.publish(name, name);
    for (const name of names) assert.deepEqual(await probe.data(select(name)), [name]);
  }),

  logCase('an event of several topics is found by each of them and given once', async (probe) => {
    await topics(probe, 'a b', 'b c', 'a c');
    assert.deepEqual(await probe.data(select('a')), ['a b', 'a c']);
    assert.deepEqual(await probe.data(select('c')), ['b c', 'a c']);
    assert.deepEqual(await probe.data(select('a', 'b', 'c')), ['a b', 'b c', 'a c']);
    assert.deepEqual(await probe.data({ topics: 'all' }), ['a b', 'b c', 'a c']);
    assert.deepEqual(await probe.data({ topics: ['c', pattern('b'), pattern(':any')] }), ['a b', 'b c', 'a c']);
  }),

  logCase('many topics are merged in the order of the log, few of many as well', async (probe) => {
    const names = range(1, 300).map((n) => `t${(n * 7) % 41}`);
    await probe.append(...names.map((name, index) => event(name, { data: String(index) })));
    for (const count of [1, 2, 7, 40]) {
      const wanted = range(0, count - 1).map((n) => `t${n}`);
      const expected = names.flatMap((name, index) => (wanted.includes(name) ? [String(index)] : []));
      assert.deepEqual(await probe.data(select(...wanted)), expected);
      const { after } = await probe.log.locateLast(select(...wanted), 5);
      assert.deepEqual(await probe.data(select(...wanted), after), expected.slice(-5));
    }
  }),

  logCase('patterns select the topics that they match, beside the exact ones', async (probe) => {
    await topics(probe, 'a/1', 'b', 'c', 'a/2', 'b');
    assert.deepEqual(await probe.data({ topics: [pattern('a/:n')] }), ['a/1', 'a/2']);
    assert.deepEqual(await probe.data({ topics: ['b', 'a/1', pattern('a/:n')] }), ['a/1', 'b', 'a/2', 'b']);
    assert.deepEqual(await probe.data({ topics: [pattern('nothing/*')] }), []);
    const { after } = await probe.log.locateLast({ topics: [pattern('a/:n'), 'c'] }, 2);
    assert.deepEqual(await probe.data({ topics: [pattern('a/:n'), 'c'] }, after), ['c', 'a/2']);
  }),

  logCase('types select the events that have one of them; message is the type of those without', async (probe) => {
    await probe.append(
      event('a', { data: '1', event: 'added' }),
      event('a', { data: '2' }),
      event('b', { data: '3', event: 'removed', comment: 'event: added' }),
      event('a', { data: 'event: added', event: 'removed' }),
    );
    const read = (types: readonly string[], set: TopicSet = 'all'): Promise<string[]> =>
      probe.data({ topics: set, types });
    assert.deepEqual(await read(['added']), ['1']);
    assert.deepEqual(await read(['message']), ['2']);
    assert.deepEqual(await read(['removed', 'added']), ['1', '3', 'event: added']);
    assert.deepEqual(await read(['removed'], ['a']), ['event: added']);
    assert.deepEqual(await read([]), []);
    const { after } = await probe.log.locateLast({ topics: ['a', 'b'], types: ['removed'] }, 2);
    assert.deepEqual(await probe.data({ topics: ['a', 'b'], types: ['removed'] }, after), ['3', 'event: added']);
  }),

  logCase('the last events of types are those of any topic, also of one whose first events had none', async (probe) => {
    await probe.append(event('a', { data: '1' }), event('b/1', { data: '2' }), event('b/2', { data: '3', event: 'x' }));
    await probe.append({ topics: ['a', 'b/1'], fields: { data: '4' } }, event('a', { data: '5', event: 'x' }));
    await probe.append({ topics: ['a', 'b/1'], fields: { data: '6' } }, event('b/1', { data: '7', event: 'y' }));
    await probe.append(
      { topics: ['b/1', 'b/2'], fields: { data: '8', event: 'message' } },
      { ...privately('a'), fields: { data: '9', event: 'x' } },
    );
    await probe.append(...range(1, 1000).map(() => event('c')), event('a', { data: '0', event: 'x' }));
    const last = async (set: TopicSet, types: readonly string[], count: number, seen?: TopicSet): Promise<string> => {
      const selection: Selection = { topics: set, types, ...(seen === undefined ? {} : { private: seen }) };
      const { after } = await probe.log.locateLast(selection, count);
      return (await probe.data(selection, after)).join('');
    };
    assert.equal(await last(['a'], ['x'], 5), '50');
    assert.equal(await last(['a'], ['x'], 2, ['a']), '90');
    assert.equal(await last(['a'], ['message'], 2), '46');
    assert.equal(await last(['a'], ['message', 'x'], 3), '560');
    assert.equal(await last(['b/1'], ['message'], 3), '468');
    assert.equal(await last(['a', 'b/2'], ['x'], 5), '350');
    assert.equal(await last([pattern('b/:n')], ['message', 'y'], 3), '678');
    assert.equal(await last([pattern('b/:n'), 'a'], ['x'], 2), '50');
    assert.equal(await last('all', ['x', 'y'], 3), '570');
    assert.equal(await last(['c'], ['x'], 3), '');
  }),

  logCase('private events are given to those with a right to one of their topics only', async (probe) => {
    await probe.append(event('a', { data: 'public' }), privately('a'), privately('b'), privately('a', 'c'));
    const read = (selected: TopicSet, seen?: TopicSet): Promise<string[]> => {
      const selection: Selection = seen === undefined ? { topics: selected } : { topics: selected, private: seen };
      return probe.data(selection);
    };
    assert.deepEqual(await read(['a']), ['public']);
    assert.deepEqual(await read(['a'], []), ['public']);
    assert.deepEqual(await read(['a'], 'all'), ['public', 'a', 'a c']);
    assert.deepEqual(await read(['a'], ['a']), ['public', 'a', 'a c']);
    assert.deepEqual(await read(['a'], ['b']), ['public']);
    // A listener that selects one topic and has a right to another sees the events that are of both.
    assert.deepEqual(await read(['a'], ['c']), ['public', 'a c']);
    assert.deepEqual(await read(['c'], ['a']), ['a c']);
    assert.deepEqual(await read(['c'], [pattern(':one')]), ['a c']);
    assert.deepEqual(await read(['a', 'b'], ['b']), ['public', 'b']);
    assert.deepEqual(await read('all'), ['public']);
    assert.deepEqual(await read('all', ['b']), ['public', 'b']);
    assert.deepEqual(await read('all', 'all'), ['public', 'a', 'b', 'a c']);
  }),
];
