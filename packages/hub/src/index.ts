export {
  compilePattern,
  type Keep,
  type LogRetention,
  MemoryLog,
  type MemoryLogOptions,
  type Retention,
  type TopicRetention,
} from '@tidings/server/log';
export { isGap } from '@tidings/server';
export type { Authenticate, Authentication, Gap, ItemIterator, PublishedEvent, Refusal, Rights } from '@tidings/server';
export { checkBinding, isLoopback } from './access/binding.ts';
export { type AnonymousAccess, authenticateByKey, type KeyOptions } from './access/key.ts';
export type { ProxyHeader, ProxyOptions } from './access/proxies.ts';
export { HubError, type HubErrorCode } from './errors.ts';
export type { Face, FaceContext, MakeFace } from './faces/face.ts';
export { health } from './faces/health.ts';
export { page } from './faces/page.ts';
export { topics } from './faces/topics/index.ts';
export type { Exchange, HubRequest } from './http/request.ts';
export { Problem, PROBLEM_TYPES, PROBLEMS, type ProblemName } from './http/problem.ts';
export { type CloseOptions, Hub } from './hub.ts';
export type { HubLimits } from './limits.ts';
export type { HubServerOptions } from './node/options.ts';
export type { HubOptions } from './options.ts';
export type { HubEventsOptions } from './program/matchers.ts';
export type { HubPublishOptions, PublishReceipt } from './program/publish.ts';
export { createServer } from './node/server.ts';
