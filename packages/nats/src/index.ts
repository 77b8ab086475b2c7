export { NatsError, type NatsErrorCode } from './errors.ts';
export { NatsLog } from './log.ts';
export type { NatsLogOptions } from './options.ts';
