export { MemoryLog, type MemoryLogOptions, type Retention } from '@tidings/server/log';
export { checkBinding, isLoopback, type AccessOptions, type AnonymousAccess, type Rights } from './access/access.ts';
export { HubError, type HubErrorCode } from './errors.ts';
export type { Answer, HubRequest } from './http/request.ts';
export { Hub, type HubOptions } from './hub.ts';
export type { HubLimits } from './limits.ts';
export { createServer } from './node/server.ts';
export { PROBLEMS, type ProblemName } from './http/problem.ts';
