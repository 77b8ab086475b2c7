import assert from 'node:assert/strict';
import { logCase, type LogCase } from '../log-case.ts';
import { dataOf, event, EVERYTHING, message, range, select, seqs } from '../log-probe.ts';

export const readCases: readonly LogCase[] = [
  logCase('a read gives what lies behind `after`, up to and with `through`', async (probe) => {
    const { log } = probe;
    const [first = 0, , third = 0, fourth = 0, fifth = 0] = await probe.publishTo('a', 'b', 'a', 'b', 'a');
    const read = async (after: number, through: number): Promise<string> => {
      const page = await log.read({ selection: select('a'), after, through, maxBytes: 64 * 1024 });
      assert.equal(page.through, through);
      assert.equal(page.trimmedThrough, 0);
      return dataOf(page.entries).join();
    };
    assert.equal(await read(0, fifth), '1,3,5');
    assert.equal(await read(first, fourth), '3');
    assert.equal(await read(third - 1, third), '3');
    assert.equal(await read(third, fourth), '');
    assert.equal(await read(fifth, fifth), '');
    assert.equal(await read(0, 0), '');
  }),

  logCase('a page ends with the event that reaches `maxBytes`, and says how far it reaches', async (probe) => {
    const { log } = probe;
    const numbers = await probe.publishTo('a', 'a', 'b', 'a', 'a', 'b');
    const [first = 0, second = 0, , fourth = 0, fifth = 0, through = 0] = numbers;
    const kept = await probe.read(select('a'));
    const size = kept[0]?.frame.length ?? 0;
    const read = async (after: number, maxBytes: number, next: number): Promise<number[]> => {
      const page = await log.read({ selection: select('a'), after, through, maxBytes });
      assert.ok(page.through >= (page.entries.at(-1)?.seq ?? after), 'a page reaches its last event');
      assert.ok(page.through < next, 'a page does not reach the next event that is selected');
      return seqs(page.entries);
    };
    assert.deepEqual(await read(0, 1, second), [first]);
    assert.deepEqual(await read(0, size, second), [first]);
    assert.deepEqual(await read(0, size + 1, fourth), [first, second]);
    const rest = kept[1] && kept[2] ? kept[1].frame.length + kept[2].frame.length : 0;
    assert.deepEqual(await read(first, rest, fifth), [second, fourth]);
    assert.deepEqual(await read(first, 64 * 1024, Infinity), [second, fourth, fifth]);
    assert.deepEqual(await read(fifth, 1, Infinity), []);
  }),

  logCase('a page gives at least one event, however large', async (probe) => {
    const large = 'x'.repeat(200_000);
    await probe.publish('a', large, large);
    const page = await probe.log.read({ selection: select('a'), after: 0, through: await probe.head(), maxBytes: 1 });
    assert.equal(page.entries.length, 1);
    assert.ok(page.entries.every((entry) => message(entry).data === large));
  }),

  logCase('a read sees every batch that was committed before it', async (probe) => {
    let after = 0;
    for (const n of range(1, 20)) {
      const { seq } = await probe.append(event('a', { data: String(n) }));
      const page = await probe.log.read({ selection: select('a'), after, through: seq, maxBytes: 1 });
      assert.deepEqual(dataOf(page.entries), [String(n)]);
      after = seq;
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
    const some = await probe.read(select('t0', 't3'), 0, 10_000);
    assert.deepEqual(dataOf(some), all.filter((n) => [0, 3].includes((((n - 1) % 100) + 1) % 7)).map(String));
  }),
];
