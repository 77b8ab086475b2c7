import { ServerError } from '../../errors.ts';

/** The code of an error of any log; undefined if it has none. */
export function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Whether a log has refused a producer because its run is closed, or it has the lease no more. */
export function isOver(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ERR_TOPIC_CLOSED' || code === 'ERR_LEASE_LOST';
}

/** @param what what was attempted, such as `append to` */
export function runOver(what: string, id: string, cause?: unknown): ServerError {
  const message = `Cannot ${what} the run ${JSON.stringify(id)}: it is over, or no longer this producer's`;
  return new ServerError('ERR_RUN_OVER', message, { cause });
}

/** Refuses whoever was elected as the producer of a run, and has lost it before anything of it was stored. */
export function notBegun(id: string, leaseMs: number, cause: unknown): ServerError {
  const found = `its lease of ${leaseMs} ms has ended, or it was deleted, before its beginning was stored`;
  const allowed = 'with a longer lease, once it is deleted, it can be started again';
  return new ServerError('ERR_RUN_OVER', `Cannot begin the run ${JSON.stringify(id)}: ${found}; ${allowed}`, { cause });
}
