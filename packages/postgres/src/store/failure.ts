import { ServerError } from '@tidings/server/log';
import pg from 'pg';
import { PostgresError } from '../errors.ts';

// States of SQL with which the server says that it is not, or no longer, there for this client: a connection failed, it is shut down, starting or full,
// it has become a standby, a transaction stood still, or it could not go on beside others.
const AWAY = /^(08...|57P0[1-5]|57014|53300|25006|25P0[34]|40001|40P01|55P03)$/;

// States of SQL that the database has, or the rights in it, and no statement of this program: a table, a column, a function, a schema or the database is not there, the role
// may not use it or is not let in, something is full or too large, an object is in another state, the machine fails, or the data are damaged.
const REFUSED = /^(42501|42P01|42703|42883|3F000|3D000|28...|53...|54...|55...|57...|58...|F0...|XX...)$/;

/** Whether the database did not answer, so that a new connection may help. Another failure is that of a statement. */
export function isAway(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return AWAY.test(error.code ?? '');
  // A defect of this program.
  if (error instanceof TypeError || error instanceof RangeError) return false;
  return !(error instanceof PostgresError) || error.code === 'ERR_STORE_AWAY';
}

/** Whether a failure is that of the database, so that the same statement may be answered later: it cannot be reached, or does not let the log do what it needs. */
export function isOfStore(error: unknown): boolean {
  if (error instanceof pg.DatabaseError && REFUSED.test(error.code ?? '')) return true;
  return isAway(error) || error instanceof PostgresError;
}

/** Refuses a question that the database does not answer. */
export function notAnswered(cause: unknown): ServerError {
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new ServerError('ERR_STORE_AWAY', `Cannot read: ${why}`, { cause });
}

/** What has lost the database. */
export function lostBy(cause: unknown): PostgresError {
  if (cause instanceof PostgresError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PostgresError('ERR_STORE_AWAY', `The database was lost: ${why}`, { cause });
}
