import { createHash } from 'node:crypto';
import { MemoryLog } from '@tidings/hub';
import { systemClock, type StoredValues, type ValuesChange } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import { expect, onTestFinished, test } from 'vitest';
import { revocableOf, Revocations } from '../src/access/revocations.ts';

const rights = (subject: string, id: string) => ({ subject, credential: { id, issuedAt: 1000 } });

test('a revocation is all that is read when there are many, here and at the other hubs of the log', async () => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const changes: ValuesChange[] = [];
  const values: StoredValues = {
    get: (name) => log.values.get(name),
    set: (...args) => log.values.set(...args),
    remove: (name) => log.values.remove(name),
    list: () => Promise.reject(new Error('all of them are asked for')),
    watch: (prefix, onChange) =>
      log.values.watch(prefix, (change) => {
        changes.push(change);
        onChange(change);
      }),
  };
  const [one, other] = [new Revocations(values, systemClock), new Revocations(values, systemClock)];
  let last: (of: ReturnType<typeof rights>) => boolean = () => false;
  one.start(() => {});
  other.start((covers) => {
    last = covers;
  });
  await Promise.all([one.ready(), other.ready()]);
  const total = 200;
  for (let index = 0; index < total; index += 1) await one.revoke({ token: `t${index}` });
  await one.revoke({ subject: 'ann', before: 1000 });
  expect(changes.flatMap(({ set }) => set)).toHaveLength(2 * (total + 1));
  for (const revocations of [one, other]) {
    expect([revocations.covers(rights('bob', 't0')), revocations.covers(rights('bob', `t${total - 1}`))]).toEqual([
      true,
      true,
    ]);
    expect(revocations.has(revocableOf(rights('ann', 'x'))!)).toBe(true);
    expect(revocations.covers(rights('bob', 'x'))).toBe(false);
  }
  // The streams of the earlier ones have been looked for already.
  expect([last(rights('ann', 'x')), last(rights('bob', 't0'))]).toEqual([true, false]);
  await one.restore({ token: 't0' });
  await one.restore({ subject: 'ann' });
  expect([other.covers(rights('ann', 't0')), other.covers(rights('ann', 't1'))]).toEqual([false, true]);
  for (const each of [one, other]) each.close();
});

test('a hub that has stood still asks its log for what was revoked meanwhile before it trusts a token, and once for all who ask', async () => {
  const clock = new ManualClock();
  const log = new MemoryLog({ retention: {} });
  onTestFinished(() => log.close());
  let asked = 0;
  const untold: (() => void)[] = [];
  const values: StoredValues = {
    set: (...given) => log.values.set(...given),
    remove: (name) => log.values.remove(name),
    list: (prefix) => log.values.list(prefix),
    get: async (name) => {
      asked += 1;
      for (const tell of untold.splice(0)) tell();
      return await log.values.get(name);
    },
    // What others change is told when the log is asked.
    watch: (prefix, onChange) =>
      log.values.watch(prefix, (change) => {
        if (change.isWhole) onChange(change);
        else untold.push(() => onChange(change));
      }),
  };
  const revocations = new Revocations(values, clock);
  revocations.start(() => {});
  await revocations.ready();
  const digest = createHash('sha256').update('t').digest('base64url');
  await log.values.set(`revoked/token/${digest}`, '{"token":"t","at":0}');
  await revocations.ready();
  expect([asked, revocations.covers(rights('ann', 't'))]).toEqual([1, false]);
  clock.advance(1500);
  await Promise.all([revocations.ready(), revocations.ready()]);
  expect([asked, revocations.covers(rights('ann', 't'))]).toEqual([2, true]);
});
