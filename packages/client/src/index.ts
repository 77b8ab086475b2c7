export type { EventMessage } from '@tidings/wire';
export { ClientError, ConnectionError, InvalidEventError, InvalidOptionError, StoreError } from './client-error.ts';
export type { Clock } from './clock.ts';
export type { ClientErrorCode } from './error-codes.ts';
export type { EventHandler } from './event-handler.ts';
export { type EventItem, type EventSchemas, type InvalidEvent, isInvalid, type TypedEvent } from './event-item.ts';
export {
  EventSource,
  type EventSourceErrorEvent,
  type EventSourceEventMap,
  type EventSourceInit,
} from './event-source.ts';
export type { Fetch, FetchInit, FetchResponse } from './fetch.ts';
export { type Gap, type GapMessage, isGap } from './gap.ts';
export type { Network } from './network.ts';
export { localStorageStore, type PositionStore } from './position-store.ts';
export type { RequestBody } from './request-body.ts';
export type {
  SchemaFailure,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  SchemaSuccess,
  StandardSchema,
} from './schema.ts';
export { type EventSubscription, subscribe } from './subscription.ts';
export type { Attempt, PerTry, RetryOptions, SubscribeOptions, SubscriptionState } from './subscription-options.ts';
