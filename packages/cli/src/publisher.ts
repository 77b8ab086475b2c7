import { randomUUID } from 'node:crypto';
import type { Outcome } from './delivery.ts';
import {
  type Batch,
  EMPTY_OUTBOX,
  hasRoom,
  type OutboxAction,
  type OutboxInput,
  type OutboxState,
  transition,
  unpublished,
} from './outbox.ts';
import type { OutgoingEvent } from './outgoing-event.ts';

export interface PublisherOptions {
  /** Sends one batch. What it rejects with ends the publisher. */
  readonly send: (batch: Batch) => Promise<Outcome>;
  /** The hub cannot be reached, which may have lasted for a moment. Called once until `onBack`. */
  readonly onLost: (reason: string) => void;
  readonly onBack: () => void;
}

/** The shell around the outbox: requests and timers. */
export class Publisher {
  readonly #options: PublisherOptions;
  #state: OutboxState = EMPTY_OUTBOX;
  #failure: { readonly reason: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiters: (() => void)[] = [];

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Events that the hub has confirmed. */
  get published(): number {
    return this.#state.published;
  }

  /** Events that were read and that the hub has not confirmed. */
  get unpublished(): number {
    return unpublished(this.#state);
  }

  /** Takes events, in order. Resolves when there is room for more. @throws what `send` rejected with */
  async add(events: readonly OutgoingEvent[]): Promise<void> {
    if (events.length > 0) this.#step({ type: 'events', events });
    await this.#until(() => hasRoom(this.#state));
  }

  /** Resolves when everything is published. @throws what `send` rejected with */
  async finish(): Promise<void> {
    this.#step({ type: 'end' });
    await this.#until(() => this.#state.phase === 'done');
  }

  /** Gives up what is not published. */
  abandon(reason: unknown): void {
    this.#failure ??= { reason };
    clearTimeout(this.#timer);
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

  #step(input: OutboxInput): void {
    if (this.#failure !== undefined) return;
    const { state, actions } = transition(this.#state, input, { random: Math.random(), newKey: randomUUID });
    this.#state = state;
    for (const action of actions) this.#perform(action);
    this.#wake();
  }

  #perform(action: OutboxAction): void {
    switch (action.type) {
      case 'send':
        this.#options.send(action.batch).then(
          (outcome) => this.#step(outcome),
          (error: unknown) => this.abandon(error),
        );
        return;
      case 'wait':
        this.#timer = setTimeout(() => this.#step({ type: 'timer' }), action.ms);
        return;
      case 'tell-lost':
        this.#options.onLost(action.reason);
        return;
      case 'tell-back':
        this.#options.onBack();
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
