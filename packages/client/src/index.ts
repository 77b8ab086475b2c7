export type { EventMessage } from '@tidings/wire';
export { localStorageStore, type PositionStore } from './position/position-store.ts';
export { type EventSubscription, subscribe } from './subscription/subscription.ts';
export { type Gap, type GapMessage, isGap } from './subscription/gap.ts';
export {
  type EventItem,
  type EventSchemas,
  type InvalidEvent,
  isInvalid,
  type TypedEvent,
} from './subscription/event-item.ts';
export type { SubscriptionState } from './connection/feed.ts';
export { EventSource, type EventSourceInit } from './event-source/event-source.ts';
export type {
  EventHandler,
  EventSourceErrorEvent,
  EventSourceEventMap,
  EventSourceMessageEvent,
} from './event-source/event-target.ts';
export type { Clock } from './platform/clock.ts';
export type { Network } from './platform/network.ts';
export type { Attempt, PerAttempt, RetryOptions, SubscribeOptions } from './subscription/options.ts';
export type {
  SchemaFailure,
  SchemaOutput,
  SchemaResult,
  SchemaSuccess,
  StandardSchema,
} from './subscription/schema.ts';
export {
  ClientError,
  type ClientErrorCode,
  ConnectionError,
  InvalidEventError,
  InvalidOptionError,
  type ResponseHeaders,
  type SchemaIssue,
  StoreError,
} from './errors.ts';
export type { Fetch, FetchInit, FetchResponse, RequestBody, RequestHeaders } from './transport/fetch.ts';
