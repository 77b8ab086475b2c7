export { PostgresError, type PostgresErrorCode } from './errors.ts';
export { PostgresLog } from './log.ts';
export type { PostgresLogOptions } from './options.ts';
