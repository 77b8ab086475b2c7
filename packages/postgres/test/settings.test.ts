import { PostgresLog } from '@tidings/postgres';
import { describe, expect, test } from 'vitest';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { allOf, event, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

/** What may be set for a role, or for a database, and what statements and their answers may depend on. */
const SETTINGS = [
  'standard_conforming_strings = off',
  'backslash_quote = off',
  'array_nulls = off',
  'transform_null_equals = on',
  'quote_all_identifiers = on',
  'extra_float_digits = -15',
  "bytea_output = 'escape'",
  "DateStyle = 'SQL, DMY'",
  "IntervalStyle = 'sql_standard'",
  "TimeZone = 'Asia/Kathmandu'",
  "client_encoding = 'latin1'",
  'search_path = pg_temp',
  'row_security = off',
  "default_transaction_isolation = 'serializable'",
  'default_transaction_deferrable = on',
  "lock_timeout = '1ms'",
];

/** A URL for a role of its own with these settings. */
async function urlFor(role: string, settings: readonly string[]): Promise<string> {
  const { server } = file;
  await server.ask(`create role ${role} login`);
  await server.ask(`grant create on database ${new URL(server.url).pathname.slice(1)} to ${role}`);
  for (const setting of settings) await server.ask(`alter role ${role} set ${setting}`);
  return Object.assign(new URL(server.url), { username: role }).href;
}

describe.skipIf(withoutPostgres)('the settings of a role', () => {
  test('on which statements and answers may depend do not matter to a log', async () => {
    const url = await urlFor('particular', SETTINGS);
    const schema = file.server.schema();
    const log = await openLog(file.server, schema, { url });
    await log.append([event('back\\slash', "a\\n'\\"), event('ü', 'NULL')], { key: 'key\\' });
    expect(await log.append([event('back\\slash', "a\\n'\\"), event('ü', 'NULL')], { key: 'key\\' })).toMatchObject({
      repeated: true,
    });
    await log.topics.create('made', { ttlMs: 60_000 });
    await log.values.set('value', 'a\\', { expiresAt: Date.now() + 60_000 });
    const publish = `select ${schema}.publish($1, 'outbox')`;
    await file.server.ask(publish, ['out\\box']);
    await expect(file.server.ask(publish, ['\u009F'])).rejects.toThrow('has a control character');
    await expect.poll(() => allOf(log)).toEqual(["a\\n'\\", 'NULL', 'outbox']);
    const other = await openLog(file.server, schema, { url });
    expect(await allOf(other)).toEqual(await allOf(log));
    expect(await other.topics.status('out\\box')).toEqual(await log.topics.status('out\\box'));
    expect([...log.told, ...other.told]).toEqual([]);
  });

  test('that let it only read are told when a log is opened', async () => {
    const url = await urlFor('reader', ['default_transaction_read_only = on']);
    await expect(PostgresLog.open({ url, schema: file.server.schema() })).rejects.toMatchObject({
      name: 'PostgresError',
      code: 'ERR_STORE_UNFIT',
      message: expect.stringMatching(/^Cannot use the database: .* in a read-only transaction$/) as string,
    });
  });
});
