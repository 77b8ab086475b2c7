import { isMissing } from './missing.ts';

export { PostgresServer } from '../scripts/cluster/postgres-server.ts';

/** Whether there is no PostgreSQL, so that what needs it is not tested. */
export const withoutPostgres: boolean = process.env['TIDINGS_POSTGRES'] === undefined && isMissing('postgresql');
