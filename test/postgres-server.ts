import { isMissing } from './missing.ts';

export { PostgresServer } from '../scripts/cluster/postgres-server.ts';

/** Whether this machine has no PostgreSQL, so that what needs it is not tested. */
export const withoutPostgres: boolean = isMissing('postgresql');
