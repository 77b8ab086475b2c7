export { LmdbError, type LmdbErrorCode } from './errors.ts';
export { LmdbLog } from './log.ts';
export type { LmdbLogOptions } from './options.ts';
export { LmdbPages } from './reading/shared-pages.ts';
