export { LmdbError, type LmdbErrorCode } from './errors.ts';
export { LmdbLog, type LmdbLogOptions } from './log.ts';
