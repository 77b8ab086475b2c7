export {
  compilePattern,
  type Keep,
  type LogRetention,
  MemoryLog,
  type MemoryLogOptions,
  type Retention,
  type TopicRetention,
} from '@tidings/server/log';
export { LogHost, type LogHostOptions, type Peers, RemoteLog, type RemoteLogOptions } from '@tidings/server/log/remote';
export { isGap } from '@tidings/server';
export type { Authenticate, Authentication, Gap, ItemIterator, PublishedEvent, Refusal, Rights } from '@tidings/server';
export { checkBinding } from './access/binding.ts';
export { isLoopback } from './http/loopback.ts';
export { type AnonymousAccess, authenticateByKey, type KeyOptions } from './access/key.ts';
export type { ProxyHeader, ProxyOptions } from './access/proxies.ts';
export type { TokenIssuerOptions, TokenKeyOptions, TokenOptions } from './access/tokens/options.ts';
export { checkGrant, type ExplainedToken, type ExplainOptions, explainToken } from './access/tokens/explain.ts';
export type { TokenGrant, TokenMatcher } from './access/tokens/token-rights.ts';
export { HubError, type HubErrorCode } from './errors.ts';
export type { Face, FaceContext, MakeFace } from './faces/face.ts';
export { access } from './faces/access/index.ts';
export { health } from './faces/health.ts';
export { listeners } from './faces/listeners/index.ts';
export { mercure } from './faces/mercure/index.ts';
export { type ExplainedMercureToken, explainMercureToken } from './faces/mercure/tokens.ts';
export { metrics } from './faces/metrics/index.ts';
export type { MercureDialect, MercureOptions } from './faces/mercure/options.ts';
export { page } from './faces/page.ts';
export { topics } from './faces/topics/index.ts';
export type { Exchange, HubRequest } from './http/request.ts';
export { Problem, PROBLEM_TYPES, PROBLEMS, type ProblemName } from './http/problem.ts';
export { Hub } from './hub.ts';
export type { HubLimits } from './limits.ts';
export { checkCertificate } from './node/certificate.ts';
export type { Certificate, HubServerOptions, SecureHubServerOptions } from './node/options.ts';
export type { CloseOptions, HubOptions } from './options.ts';
export type { HubEventsOptions } from './program/matchers.ts';
export type { HubPublishOptions, PublishReceipt } from './program/publish.ts';
export { createServer } from './node/server.ts';
export type { SecureHubServer } from './node/secure-server.ts';
