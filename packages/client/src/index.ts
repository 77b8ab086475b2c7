export type { EventMessage } from '@tidings/wire';
export { ClientError, ConnectionError, InvalidEventError, InvalidOptionError, StoreError } from './client-error.ts';
export type { Clock } from './platform/clock.ts';
export type { ClientErrorCode } from './error-codes.ts';
export type { EventHandler } from './event-source/event-handler.ts';
export {
  type EventItem,
  type EventSchemas,
  type InvalidEvent,
  isInvalid,
  type TypedEvent,
} from './subscription/event-item.ts';
export {
  EventSource,
  type EventSourceErrorEvent,
  type EventSourceEventMap,
  type EventSourceInit,
} from './event-source/event-source.ts';
export type { Fetch, FetchInit, FetchResponse } from './transport/fetch.ts';
export { type Gap, type GapMessage, isGap } from './subscription/gap.ts';
export type { Network } from './platform/network.ts';
export { localStorageStore, type PositionStore } from './position/position-store.ts';
export type { RequestBody } from './connection/request-body.ts';
export type {
  SchemaFailure,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  SchemaSuccess,
  StandardSchema,
} from './subscription/schema.ts';
export { type EventSubscription, subscribe } from './subscription/subscription.ts';
export type { Attempt, PerTry, RetryOptions, SubscribeOptions, SubscriptionState } from './subscription/options.ts';
