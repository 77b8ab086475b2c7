import { newEpoch, type Clock } from '@tidings/server/log';
import { PostgresError } from '../errors.ts';
import { type Ask, BEGIN, readCluster } from './connection.ts';
import { isAway } from './failure.ts';
import { type Here, HERE_COLUMNS, newHead } from './head.ts';
import { STEPS } from './schema.ts';

/**
 * Makes the tables that are not there yet, in one transaction. Nodes that start at the same time do so one after the other.
 * @throws {PostgresError} `ERR_STORE_NEWER`, `ERR_STORE_UNFIT`
 */
export async function migrate(ask: Ask, schema: string, clock: Clock): Promise<void> {
  try {
    if ((await versionOf(ask, schema)) === STEPS.length) return;
    // It may be off for a role, and the steps have texts with a \ that is no escape.
    await ask(`${BEGIN}; set local standard_conforming_strings = on`);
    await ask(`select pg_advisory_xact_lock(hashtextextended('tidings ' || $1, 0))`, [schema]);
    // Not "if not exists" at once: a role without the right to create schemas may use one that was made for it.
    const found = await ask('select 1 from pg_namespace where nspname = $1', [schema]);
    if (found.length === 0) await ask(`create schema "${schema}"`);
    const before = await versionOf(ask, schema);
    if (before === 0) {
      await ask('create table @versions (version integer primary key, at timestamptz not null default now())');
    }
    for (const [index, step] of STEPS.entries()) {
      if (index < before) continue;
      await ask(step.replaceAll('%schema%', schema));
      await ask('insert into @versions (version) values ($1)', [index + 1]);
    }
    if (before === 0) {
      const [here] = await ask<Here & Record<string, unknown>>(`select ${HERE_COLUMNS}`);
      const identity = { ...(await readCluster(ask)), ...here };
      const { seq, epoch, trims, state } = newHead(newEpoch(clock.time()), clock.time(), identity);
      await ask('insert into @head (seq, epoch, trims, state) values ($1, $2, $3, $4)', [
        seq,
        epoch,
        trims,
        JSON.stringify(state),
      ]);
    }
    await ask('commit');
  } catch (error) {
    await ask('rollback').catch(() => {});
    if (error instanceof PostgresError || isAway(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `Cannot make or use the tables of the log in the schema ${schema}: ${why}`;
    throw new PostgresError('ERR_STORE_UNFIT', message, { cause: error });
  }
}

/** How many steps have been made; 0 if there are no tables. */
async function versionOf(ask: Ask, schema: string): Promise<number> {
  const [there] = await ask<{ there: boolean }>('select to_regclass($1) is not null as there', [
    `"${schema}".versions`,
  ]);
  if (there?.there !== true) return 0;
  const [newest] = await ask<{ version: number | null }>('select max(version) as version from @versions');
  const version = newest?.version ?? 0;
  if (version <= STEPS.length) return version;
  throw new PostgresError(
    'ERR_STORE_NEWER',
    `The schema ${schema} has the version ${version}, and this program knows ${STEPS.length}: use a newer version of @tidings/postgres, or another schema`,
  );
}
