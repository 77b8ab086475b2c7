import { type EventSubscription, isGap, subscribe, type SubscriptionState } from '@tidings/client';
import type { Beginning, Record } from '../check/record.ts';
import type { Network, Place } from '../network/network.ts';
import { KEEP_ALIVE_MS, SHORT_RIGHTS } from '../nodes/node.ts';
import type { SimulatedClock } from '../scheduler/clock.ts';
import type { Surroundings } from '../scheduler/surroundings.ts';

/** How long a listener waits for an answer, and how long it takes silence for life, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 2.5 * KEEP_ALIVE_MS;

/** How a listener listens. */
export interface ListenerManner {
  /** The URL of its stream. */
  readonly url: string;
  readonly beginning: Beginning;
  /** Whether its rights have to be renewed all the time. */
  readonly hasShortRights: boolean;
}

/** A program that listens with `subscribe()`, notes what it gets, and may be stopped and started again. */
export class Listener {
  readonly record: Record;
  readonly place: Place;
  readonly #surroundings: Surroundings;
  readonly #clock: SimulatedClock;
  readonly #network: Network;
  readonly #manner: ListenerManner;
  readonly #onItem: (isGap: boolean) => void;
  /** How long it takes for each event, in milliseconds. */
  slownessMs = 0;
  #subscription: EventSubscription | undefined;

  constructor(
    surroundings: Surroundings,
    parts: {
      readonly clock: SimulatedClock;
      readonly network: Network;
      readonly record: Record;
      readonly place: Place;
    },
    manner: ListenerManner,
    onItem: (isGap: boolean) => void,
  ) {
    this.#surroundings = surroundings;
    this.#clock = parts.clock;
    this.#network = parts.network;
    this.record = parts.record;
    this.place = parts.place;
    this.#manner = manner;
    this.#onItem = onItem;
  }

  /** @param lastEventId where it goes on, if it was stopped */
  start(lastEventId: string = this.record.begin(this.#manner.beginning)): void {
    const { url, hasShortRights } = this.#manner;
    const subscription = subscribe(url, {
      lastEventId,
      fetch: this.#network.fetchOf(this.place),
      clock: this.#clock,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      maxQueuedEvents: 20,
      headers: hasShortRights ? { authorization: SHORT_RIGHTS } : {},
      onState: (state) => this.#note(state),
    });
    this.#subscription = subscription;
    void this.#listen(subscription);
  }

  /** Gives its connection up for another one. */
  move(): void {
    this.#subscription?.reconnect();
  }

  /** The program ends. Returns a function that starts it again, with the last event ID that it had when it ended. */
  stop(): () => void {
    const subscription = this.#subscription;
    if (!subscription) return () => {};
    const { lastEventId } = subscription;
    this.#subscription = undefined;
    subscription.close();
    this.record.place(lastEventId);
    return () => this.start(lastEventId);
  }

  /** The position that it was told last. */
  get lastEventId(): string {
    return this.#subscription?.lastEventId ?? '';
  }

  get phase(): string {
    return this.#subscription?.state.phase ?? 'not started';
  }

  #note({ phase }: SubscriptionState): void {
    if (phase !== 'open') this.record.place(this.lastEventId);
  }

  async #listen(subscription: EventSubscription): Promise<void> {
    try {
      for await (const event of subscription) {
        if (subscription !== this.#subscription) return;
        if (isGap(event)) this.record.gap(event);
        else this.record.event(event);
        this.#onItem(isGap(event));
        if (this.slownessMs > 0)
          await new Promise<void>((resolve) => void this.#clock.setTimeout(resolve, this.slownessMs));
      }
      if (subscription === this.#subscription) this.#surroundings.crash('A subscription ended', subscription.state);
    } catch (error) {
      this.#surroundings.crash('A subscription failed', error);
    }
  }
}
