export { LmdbLog, type LmdbLogOptions } from './lmdb-log.ts';
