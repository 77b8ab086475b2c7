import { newIdempotencyKey, type PublishResult } from './batch.ts';
import type { EncodedEvent } from './event-input.ts';
import {
  EMPTY_QUEUE,
  type EventBatch,
  hasRoom,
  type QueueAction,
  type QueueInput,
  type QueueState,
  transition,
  unconfirmed,
} from './queue.ts';

export interface PublisherOptions {
  /** Sends one batch. A rejection ends the publisher. */
  readonly send: (batch: EventBatch) => Promise<PublishResult>;
  /** Called when the hub cannot be reached, once until `onBack`. */
  readonly onLost: (reason: string) => void;
  /** Called when the hub has answered again. */
  readonly onBack: () => void;
  /** Makes the error for an event that is too large for the hub. The first event has the number 1. */
  readonly tooLarge: (number: number, refusal: string) => Error;
  /** Called when the publisher has ended before it was finished. */
  readonly onFailure: () => void;
}

/** The shell around the queue, which has the requests and timers. */
export class Publisher {
  readonly #options: PublisherOptions;
  #state: QueueState = EMPTY_QUEUE;
  #failure: { readonly reason: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiters: (() => void)[] = [];

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** How many events the hub has confirmed. */
  get published(): number {
    return this.#state.published;
  }

  /** How many events were read and not confirmed by the hub. */
  get unconfirmed(): number {
    return unconfirmed(this.#state);
  }

  /** Takes events, in order. Resolves when there is room for more. @throws what has ended the publisher */
  async add(events: readonly EncodedEvent[]): Promise<void> {
    if (events.length > 0) this.#step({ type: 'events', events });
    await this.#until(() => hasRoom(this.#state));
  }

  /** Resolves when everything is published. @throws what has ended the publisher */
  async finish(): Promise<void> {
    this.#step({ type: 'end' });
    await this.#until(() => this.#state.phase === 'done');
  }

  /** Ends the publisher. Events that are not published yet are dropped. */
  abandon(reason: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { reason };
    clearTimeout(this.#timer);
    this.#options.onFailure();
    this.#wake();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (this.#failure === undefined && !condition()) {
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
      });
    }
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  #step(input: QueueInput): void {
    if (this.#failure !== undefined) return;
    const around = { random: Math.random(), newKey: newIdempotencyKey };
    const { state, actions } = transition(this.#state, input, around);
    this.#state = state;
    for (const action of actions) this.#perform(action);
    this.#wake();
  }

  #perform(action: QueueAction): void {
    switch (action.type) {
      case 'send':
        this.#options.send(action.batch).then(
          (result) => this.#step(result),
          (error: unknown) => this.abandon(error),
        );
        return;
      case 'pause':
        this.#timer = setTimeout(() => this.#step({ type: 'timer' }), action.ms);
        return;
      case 'report-lost':
        this.#options.onLost(action.reason);
        return;
      case 'report-back':
        this.#options.onBack();
        return;
      case 'fail':
        this.abandon(this.#options.tooLarge(this.#state.published + 1, action.refusal));
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
