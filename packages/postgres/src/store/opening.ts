import type { Clock } from '@tidings/server/log';
import type { Connection } from './connection.ts';
import { readHead, type Head, type Here } from './head.ts';
import { LedgerCopy } from './ledger-copy.ts';
import { migrate } from './migrate.ts';

/** What is read before a log is open. */
export interface Opened {
  readonly head: Head & { readonly here: Here };
  readonly ledger: LedgerCopy;
  readonly connection: Connection;
}

/** Makes the tables, and reads what every node knows. */
export async function prepare(connection: Connection, schema: string, clock: Clock): Promise<Opened> {
  const ask = await connection.open();
  await migrate(ask, schema, clock);
  await ask('begin isolation level repeatable read read only');
  const head = await readHead(ask);
  const ledger = new LedgerCopy();
  await ledger.sync(ask, head);
  await ask('commit');
  return { head, ledger, connection };
}
