export { PublishError, type PublishErrorCode } from '../errors.ts';
export type { NewEvent } from './event.ts';
export { indexedDbOutbox } from './indexed-db-outbox.ts';
export type { KeptEvent, PublishAttempt, PublisherOptions, PublisherState } from './options.ts';
export type { Outbox, OutboxBatch, OutboxChange, OutboxContent } from './outbox.ts';
export type { Publication } from './publication.ts';
export { Publisher } from './publisher.ts';
