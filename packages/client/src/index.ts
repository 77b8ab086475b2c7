export type { EventMessage } from '@tidings/wire';
export {
  CLIENT_ERROR_CODES,
  ClientError,
  type ClientErrorCode,
  ConnectionError,
  InvalidOptionError,
} from './client-error.ts';
export type { Clock } from './clock.ts';
export {
  EventSource,
  type EventSourceErrorEvent,
  type EventSourceEventMap,
  type EventSourceInit,
} from './event-source.ts';
export type { Fetch, FetchInit, FetchResponse } from './fetch.ts';
export { type Gap, type GapMessage, isGap } from './gap.ts';
export type { EventHandler } from './handler-attribute.ts';
export { type EventSubscription, subscribe } from './subscription.ts';
export type { PerTry, RetryOptions, SubscribeOptions, SubscriptionState } from './subscription-options.ts';
