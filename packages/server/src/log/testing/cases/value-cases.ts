import assert from 'node:assert/strict';
import { logCase, type LogCase } from '../log-case.ts';
import { refused, type LogProbe } from '../log-probe.ts';
import type { StoredValue, StoredValues, ValuesChange } from '../../stored-values.ts';
import { WatchedValues } from '../watched-values.ts';

const SECOND_MS = 1000;

function valuesOf({ log }: LogProbe): StoredValues {
  assert.ok(log.values, 'this case needs the capability values');
  return log.values;
}

async function list(probe: LogProbe, prefix = ''): Promise<unknown> {
  return (await valuesOf(probe).list(prefix)).map(({ name, value }) => `${name}=${value}`);
}

/** Resolves when the values that a watcher was told last are these. */
function watched(probe: LogProbe, prefix: string): (...expected: readonly string[]) => Promise<void> {
  let last: readonly StoredValue[] | undefined;
  let check = (): void => {};
  const found = new WatchedValues();
  valuesOf(probe).watch(prefix, (change) => {
    last = found.take(change);
    check();
  });
  return (...expected) =>
    new Promise((resolve) => {
      check = () => {
        if (last?.map(({ name, value }) => `${name}=${value}`).join() === expected.join()) resolve();
      };
      check();
    });
}

export const valueCases: readonly LogCase[] = [
  logCase(
    'a value is set, replaced and removed',
    async (probe) => {
      const values = valuesOf(probe);
      assert.equal(await values.get('a'), undefined);
      assert.equal(await values.remove('a'), false);
      await values.set('a', '1');
      await values.set('a', 'ä\n2');
      await values.set('a/ü', '');
      assert.equal(await values.get('a'), 'ä\n2');
      assert.equal(await values.get('a/ü'), '');
      assert.equal(await values.remove('a'), true);
      assert.equal(await values.get('a'), undefined);
      assert.deepEqual(await list(probe), ['a/ü=']);
    },
    { needs: ['values'] },
  ),

  logCase(
    'values are listed by the beginnings of their names, also if they were set at the same time',
    async (probe) => {
      const values = valuesOf(probe);
      await Promise.all([values.set('b/2', '2'), values.set('b/1', '3'), values.set('c', '1'), values.set('a', '1')]);
      await values.remove('c');
      assert.deepEqual(await list(probe), ['a=1', 'b/1=3', 'b/2=2']);
      assert.deepEqual(await list(probe, 'b/'), ['b/1=3', 'b/2=2']);
      assert.deepEqual(await list(probe, 'c'), []);
    },
    { needs: ['values'] },
  ),

  logCase(
    'a value is forgotten when its time is over, and not before if the clock is set ahead',
    async (probe) => {
      const values = valuesOf(probe);
      await values.set('a', '1', { expiresAt: probe.time + 10 * SECOND_MS });
      await values.set('b', '1', { expiresAt: probe.time + 20 * SECOND_MS });
      await values.set('c', '1', { expiresAt: probe.time + 10 * SECOND_MS });
      await values.set('c', '2');
      await probe.advance(9 * SECOND_MS);
      assert.deepEqual(await list(probe), ['a=1', 'b=1', 'c=2']);
      await probe.advance(SECOND_MS);
      assert.deepEqual(await list(probe), ['b=1', 'c=2']);
      assert.equal(await values.get('a'), undefined);
      await values.set('d', '1', { expiresAt: probe.time - 1 });
      assert.equal(await values.get('d'), undefined);
      probe.setClock(3600 * SECOND_MS);
      assert.deepEqual(await list(probe), ['b=1', 'c=2']);
    },
    { needs: ['values', 'time'] },
  ),

  logCase(
    'who watches is told what there is, and each change of it',
    async (probe) => {
      const values = valuesOf(probe);
      await values.set('a/1', '1');
      const told = watched(probe, 'a/');
      await told('a/1=1');
      await values.set('b/1', '1');
      await values.set('a/2', '2');
      await told('a/1=1', 'a/2=2');
      await values.remove('a/1');
      await told('a/2=2');
    },
    { needs: ['values'] },
  ),

  logCase(
    'who watches many values is told, of each change, that alone',
    async (probe) => {
      const values = valuesOf(probe);
      const total = 64;
      await Promise.all(Array.from({ length: total }, (_, index) => values.set(`a/${index}`, 'x')));
      const changes: ValuesChange[] = [];
      let told = (): void => {};
      values.watch('a/', (change) => {
        changes.push(change);
        told();
      });
      const until = (isSo: (change: ValuesChange) => boolean): Promise<void> =>
        new Promise((resolve) => {
          told = () => changes.some(isSo) && resolve();
          told();
        });
      await until(({ isWhole, set }) => isWhole && set.length === total);
      changes.length = 0;
      await values.set('b', 'x');
      await values.set('a/new', 'y');
      await values.remove('a/0');
      await until(({ removed }) => removed.includes('a/0'));
      assert.deepEqual(
        changes.flatMap(({ set }) => set),
        [{ name: 'a/new', value: 'y' }],
      );
      assert.deepEqual(
        changes.flatMap(({ removed }) => removed),
        ['a/0'],
      );
      assert.ok(
        changes.every(({ isWhole }) => !isWhole),
        'nothing is told again',
      );
    },
    { needs: ['values'] },
  ),

  logCase(
    'a value or a name that is too large, or no text, is refused',
    async (probe) => {
      const values = valuesOf(probe);
      await values.set('ä'.repeat(256), 'x'.repeat(16 * 1024));
      await refused(values.set('', ''), 'ERR_INVALID_OPTION', 'an empty name');
      await refused(values.set('ä'.repeat(257), ''), 'ERR_INVALID_OPTION', 'a name of 514 bytes');
      await refused(values.set('a', 'x'.repeat(16 * 1024 + 1)), 'ERR_INVALID_OPTION', 'a value of over 16 KiB');
      await refused(values.set('a', '', { expiresAt: Number.NaN }), 'ERR_INVALID_OPTION', 'no time');
      assert.equal((await values.list('')).length, 1);
    },
    { needs: ['values'] },
  ),

  logCase(
    'values cost at most 16 MiB together, and one that expires makes room',
    async (probe) => {
      const values = valuesOf(probe);
      const large = 'x'.repeat(16 * 1024);
      const expiresAt = probe.time + SECOND_MS;
      const results = await Promise.allSettled(
        Array.from({ length: 600 }, (_, index) => values.set(String(index), large, { expiresAt })),
      );
      const stored = results.filter(({ status }) => status === 'fulfilled').length;
      assert.ok(stored > 400 && stored < 600, `${stored} values were stored`);
      await refused(values.set('more', large), 'ERR_TOO_MANY_VALUES', 'a value beyond the limit');
      await values.set('0', 'small');
      await probe.advance(SECOND_MS);
      await values.set('more', large);
      assert.deepEqual(
        (await values.list('')).map(({ name }) => name),
        ['0', 'more'],
      );
    },
    { needs: ['values', 'time'] },
  ),

  logCase(
    'values are opened again as they were, and their time runs on meanwhile',
    async (probe) => {
      await valuesOf(probe).set('a', '1');
      await valuesOf(probe).set('b', '1', { expiresAt: probe.time + 10 * SECOND_MS });
      await valuesOf(probe).set('c', '1', { expiresAt: probe.time + 30 * SECOND_MS });
      await valuesOf(probe).set('d', '1');
      await valuesOf(probe).remove('d');
      await probe.passWhileClosed(20 * SECOND_MS);
      assert.deepEqual(await list(probe), ['a=1', 'c=1']);
      await probe.advance(10 * SECOND_MS);
      assert.deepEqual(await list(probe), ['a=1']);
    },
    { needs: ['values', 'time', 'durable'] },
  ),

  logCase(
    'a log that has been closed refuses to use values',
    async (probe) => {
      const values = valuesOf(probe);
      await probe.log.close();
      await refused(Promise.resolve(values.set('a', '1')), 'ERR_CLOSED', 'setting');
      await refused(Promise.resolve(values.get('a')), 'ERR_CLOSED', 'getting');
    },
    { needs: ['values'] },
  ),
];
