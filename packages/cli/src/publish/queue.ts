/**
 * The events that were read and not yet published, as one pure function. At most one batch is sent at a time, and what is read
 * meanwhile becomes the next one. A batch that was not answered is sent again as it was, with its key, until it is answered: so
 * nothing is lost, doubled or out of order. A batch that is too large for the hub is sent again in smaller ones. `Publisher` is
 * the shell that passes inputs in and performs the actions that come out.
 */
import { type Batch, type PublishResult, waitMs } from './batch.ts';
import type { EncodedEvent } from './event-input.ts';

/** The most events of one batch. It bounds what the hub writes in one transaction. */
const MAX_BATCH_EVENTS = 1_000;

/** The most bytes of one batch at first. An event that is longer makes a batch of its own. */
const MAX_BATCH_BYTES = 1024 * 1024;

/** Reading pauses while this much is waiting, because an input may be faster than the hub and would fill the memory. */
const MAX_WAITING_EVENTS = 4 * MAX_BATCH_EVENTS;
const MAX_WAITING_BYTES = 4 * MAX_BATCH_BYTES;

/** A single failure is often only a connection that the hub had closed. This many in a row are reported. */
const REPORTED_FAILURES = 2;

/** A batch of events that the queue has sent. */
export interface EventBatch extends Batch {
  readonly events: readonly EncodedEvent[];
}

export interface QueueState {
  /**
   * - `idle`: there is no batch
   * - `sending`: the batch was sent
   * - `paused`: the batch was not answered and will be sent again
   * - `done`: everything is published
   * - `failed`: the batch is one event, and the hub finds it too large
   */
  readonly phase: 'idle' | 'sending' | 'paused' | 'done' | 'failed';
  readonly waiting: readonly EncodedEvent[];
  readonly waitingBytes: number;
  readonly batch: EventBatch | undefined;
  /** The most bytes of the next batch. It shrinks when the hub finds a batch too large. */
  readonly maxBatchBytes: number;
  /** How many times in a row the batch was not answered. */
  readonly failures: number;
  /** How many events the hub has confirmed. */
  readonly published: number;
  /** Whether the input has ended. */
  readonly ended: boolean;
}

export type QueueInput =
  | { readonly type: 'events'; readonly events: readonly EncodedEvent[] }
  | PublishResult
  /** The pause is over. */
  | { readonly type: 'timer' }
  /** There will be no more events. */
  | { readonly type: 'end' };

export type QueueAction =
  | { readonly type: 'send'; readonly batch: EventBatch }
  | { readonly type: 'pause'; readonly ms: number }
  | { readonly type: 'report-lost'; readonly reason: string }
  | { readonly type: 'report-back' }
  /** The event after all published ones is too large for the hub. */
  | { readonly type: 'fail'; readonly refusal: string };

export interface Step {
  readonly state: QueueState;
  readonly actions: readonly QueueAction[];
}

export interface Surroundings {
  /** A random number: at least 0, less than 1. */
  readonly random: number;
  /** Returns a new idempotency key for each call. */
  readonly newKey: () => string;
}

export const EMPTY_QUEUE: QueueState = {
  phase: 'idle',
  waiting: [],
  waitingBytes: 0,
  batch: undefined,
  maxBatchBytes: MAX_BATCH_BYTES,
  failures: 0,
  published: 0,
  ended: false,
};

/** Whether more may be read. */
export function hasRoom({ waiting, waitingBytes }: QueueState): boolean {
  return waiting.length < MAX_WAITING_EVENTS && waitingBytes < MAX_WAITING_BYTES;
}

/** How many events were read and not confirmed by the hub. */
export function unconfirmed({ waiting, batch }: QueueState): number {
  return waiting.length + (batch?.events.length ?? 0);
}

export function transition(state: QueueState, input: QueueInput, around: Surroundings): Step {
  switch (input.type) {
    case 'events': {
      const waitingBytes = state.waitingBytes + sum(input.events);
      return next({ ...state, waiting: [...state.waiting, ...input.events], waitingBytes }, around);
    }
    case 'end':
      return next({ ...state, ended: true }, around);
    case 'published': {
      const published = state.published + (state.batch?.events.length ?? 0);
      return answered({ ...state, phase: 'idle', batch: undefined, published }, around);
    }
    case 'too-large': {
      const { batch } = state;
      if (batch === undefined || batch.events.length <= 1) {
        return { state: { ...state, phase: 'failed' }, actions: [{ type: 'fail', refusal: input.refusal }] };
      }
      const bytes = sum(batch.events);
      const waiting = [...batch.events, ...state.waiting];
      const waitingBytes = state.waitingBytes + bytes;
      // Half of it is fewer events, so this ends, at the latest with an event alone.
      const maxBatchBytes = Math.floor(bytes / 2);
      return answered({ ...state, phase: 'idle', batch: undefined, waiting, waitingBytes, maxBatchBytes }, around);
    }
    case 'unanswered': {
      const failures = state.failures + 1;
      const pause: QueueAction = { type: 'pause', ms: waitMs(failures, input.retryAfterMs, around.random) };
      const reports: QueueAction[] =
        failures === REPORTED_FAILURES ? [{ type: 'report-lost', reason: input.reason }] : [];
      return { state: { ...state, phase: 'paused', failures }, actions: [...reports, pause] };
    }
    case 'timer':
      if (state.phase !== 'paused' || state.batch === undefined) return { state, actions: [] };
      return { state: { ...state, phase: 'sending' }, actions: [{ type: 'send', batch: state.batch }] };
  }
}

/** The hub has answered, whatever it was. */
function answered(state: QueueState, around: Surroundings): Step {
  const { failures } = state;
  const step = next({ ...state, failures: 0 }, around);
  return failures < REPORTED_FAILURES ? step : { ...step, actions: [{ type: 'report-back' }, ...step.actions] };
}

function next(state: QueueState, { newKey }: Surroundings): Step {
  if (state.phase !== 'idle') return { state, actions: [] };
  if (state.waiting.length === 0) return { state: { ...state, phase: state.ended ? 'done' : 'idle' }, actions: [] };
  const events = firstEvents(state);
  const batch: EventBatch = { events, body: events.map(({ block }) => block).join(''), idempotencyKey: newKey() };
  const waiting = state.waiting.slice(events.length);
  const waitingBytes = state.waitingBytes - sum(events);
  return { state: { ...state, phase: 'sending', waiting, waitingBytes, batch }, actions: [{ type: 'send', batch }] };
}

function firstEvents({ waiting, maxBatchBytes }: QueueState): readonly EncodedEvent[] {
  let bytes = 0;
  let length = 0;
  for (const event of waiting) {
    bytes += event.bytes;
    if (length > 0 && (bytes > maxBatchBytes || length === MAX_BATCH_EVENTS)) break;
    length++;
  }
  return waiting.slice(0, length);
}

function sum(events: readonly EncodedEvent[]): number {
  return events.reduce((bytes, event) => bytes + event.bytes, 0);
}
