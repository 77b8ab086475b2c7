/**
 * What has been read and not yet published, as one pure function. At most one request is under way; what is read
 * meanwhile becomes the next one. A request that was not answered is sent again as it was, with its key, until it is
 * answered: so nothing is lost, doubled or out of order. `Publisher` feeds it what happens and does what it answers.
 */
import type { Outcome, Parcel } from './delivery.ts';
import type { OutgoingEvent } from './outgoing-event.ts';

/** The most events of one request. Bounds what the hub writes in one transaction. */
const MAX_PARCEL_EVENTS = 1_000;

/** The most bytes of one request, unless a single event is longer. */
const MAX_PARCEL_BYTES = 1024 * 1024;

/** Reading pauses while this much is queued: guards the memory against an input that is faster than the hub. */
const MAX_QUEUED_EVENTS = 4 * MAX_PARCEL_EVENTS;
const MAX_QUEUED_BYTES = 4 * MAX_PARCEL_BYTES;

/** The wait before the first repetition, in milliseconds. Each further one waits twice as long. */
const FIRST_WAIT_MS = 100;

/** The longest wait in milliseconds: how late it may be noticed that the hub is back. */
const MAX_WAIT_MS = 3_000;

/** One failure is often only a connection that the hub had closed. From the second in a row on a person is told. */
const TOLD_FAILURES = 2;

export interface Batch extends Parcel {
  readonly events: number;
}

export interface OutboxState {
  /** `idle`: nothing is under way. `waiting`: the batch goes out again after a while. */
  readonly phase: 'idle' | 'sending' | 'waiting' | 'done';
  readonly queue: readonly OutgoingEvent[];
  readonly queuedBytes: number;
  /** What is under way, or waits to go out again. */
  readonly batch: Batch | undefined;
  /** How often in a row the batch was not answered. */
  readonly failures: number;
  /** Events that the hub has confirmed. */
  readonly published: number;
  /** Whether the input has ended. */
  readonly ended: boolean;
}

export type OutboxInput =
  | { readonly type: 'events'; readonly events: readonly OutgoingEvent[] }
  | Outcome
  /** The wait is over. */
  | { readonly type: 'timer' }
  /** There will be no more events. */
  | { readonly type: 'end' };

export type OutboxAction =
  | { readonly type: 'send'; readonly batch: Batch }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'tell-lost'; readonly reason: string }
  | { readonly type: 'tell-back' };

export interface Step {
  readonly state: OutboxState;
  readonly actions: readonly OutboxAction[];
}

export interface Surroundings {
  /** Chance: at least 0, less than 1. */
  readonly random: number;
  /** A new key for each call. */
  readonly newKey: () => string;
}

export const EMPTY_OUTBOX: OutboxState = {
  phase: 'idle',
  queue: [],
  queuedBytes: 0,
  batch: undefined,
  failures: 0,
  published: 0,
  ended: false,
};

/** Whether more may be read. */
export function hasRoom(state: OutboxState): boolean {
  return state.queue.length < MAX_QUEUED_EVENTS && state.queuedBytes < MAX_QUEUED_BYTES;
}

/** Events that were read and that the hub has not confirmed. */
export function unpublished(state: OutboxState): number {
  return state.queue.length + (state.batch?.events ?? 0);
}

export function transition(state: OutboxState, input: OutboxInput, around: Surroundings): Step {
  switch (input.type) {
    case 'events': {
      const queuedBytes = state.queuedBytes + sum(input.events);
      return next({ ...state, queue: [...state.queue, ...input.events], queuedBytes }, around);
    }
    case 'end':
      return next({ ...state, ended: true }, around);
    case 'answered': {
      const { batch, failures, published } = state;
      const step = next(
        { ...state, phase: 'idle', batch: undefined, failures: 0, published: published + (batch?.events ?? 0) },
        around,
      );
      return failures < TOLD_FAILURES ? step : { ...step, actions: [{ type: 'tell-back' }, ...step.actions] };
    }
    case 'unanswered': {
      const failures = state.failures + 1;
      const wait: OutboxAction = { type: 'wait', ms: waitMs(failures, input.retryAfterMs, around.random) };
      const told: OutboxAction[] = failures === TOLD_FAILURES ? [{ type: 'tell-lost', reason: input.reason }] : [];
      return { state: { ...state, phase: 'waiting', failures }, actions: [...told, wait] };
    }
    case 'timer':
      if (state.phase !== 'waiting' || state.batch === undefined) return { state, actions: [] };
      return { state: { ...state, phase: 'sending' }, actions: [{ type: 'send', batch: state.batch }] };
  }
}

function next(state: OutboxState, { newKey }: Surroundings): Step {
  if (state.phase !== 'idle') return { state, actions: [] };
  if (state.queue.length === 0) return { state: { ...state, phase: state.ended ? 'done' : 'idle' }, actions: [] };
  const events = firstParcel(state.queue);
  const batch: Batch = {
    body: events.map(({ block }) => block).join(''),
    events: events.length,
    idempotencyKey: newKey(),
  };
  const queue = state.queue.slice(events.length);
  const queuedBytes = state.queuedBytes - sum(events);
  return { state: { ...state, phase: 'sending', queue, queuedBytes, batch }, actions: [{ type: 'send', batch }] };
}

function firstParcel(queue: readonly OutgoingEvent[]): readonly OutgoingEvent[] {
  let bytes = 0;
  let length = 0;
  for (const event of queue) {
    bytes += event.bytes;
    if (length > 0 && (bytes > MAX_PARCEL_BYTES || length === MAX_PARCEL_EVENTS)) break;
    length++;
  }
  return queue.slice(0, length);
}

function sum(events: readonly OutgoingEvent[]): number {
  return events.reduce((bytes, event) => bytes + event.bytes, 0);
}

/** Twice as long each time, the upper half of it by chance so that publishers do not come back together. */
export function waitMs(failures: number, retryAfterMs: number, random: number): number {
  const longest = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  return Math.max(retryAfterMs, longest / 2 + (random * longest) / 2);
}
