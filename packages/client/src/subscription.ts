import type { EventMessage } from '@tidings/wire';
import type { StoreError } from './client-error.ts';
import { openDirectFeed } from './direct-feed.ts';
import type { EventItem, EventSchemas } from './event-item.ts';
import { EventQueue } from './event-queue.ts';
import type { Feed, FeedHandlers } from './feed.ts';
import { readGap } from './gap.ts';
import { type AnyItem, isWanted, readItem } from './item-reader.ts';
import { PositionKeeper } from './position-keeper.ts';
import { RecentIds } from './recent-ids.ts';
import { reportException } from './report-exception.ts';
import { canShare, openSharedFeed } from './shared-feed.ts';
import type { PerTry, SubscribeOptions, SubscriptionState } from './subscription-options.ts';
import { readLastEventId, readOptions, type SubscriptionSettings } from './subscription-settings.ts';

/**
 * The events of a stream, for one consumer: iterators share what arrives. Events come in the order of the stream, over
 * any number of reconnects. While the consumer is busy, a bounded number of events waits and the rest stays with the
 * server. Leaving the loop closes the subscription.
 */
export interface EventSubscription<Item = EventItem> extends AsyncIterable<Item>, AsyncDisposable {
  [Symbol.asyncIterator](): AsyncIterator<Item, undefined>;
  readonly state: SubscriptionState;
  /**
   * The last event ID behind everything that the consumer has taken, heartbeats included: what to keep for going on
   * after a restart.
   */
  readonly lastEventId: string;
  /** Begins a try now: gives up the wait, or the open connection. Does nothing while one is under way, or once closed. */
  reconnect(): void;
  /** Ends it for good: the connection is dropped, what is queued is forgotten, the iteration is done. */
  close(): void;
}

/**
 * Listens to an event stream. Connects at once and again whenever the connection is lost, behind the last event ID.
 * The iteration throws a `ConnectionError` when there is nothing more to try, and is done when the server says stop
 * (status 204).
 * @throws InvalidOptionError
 */
export function subscribe<Schemas extends EventSchemas | undefined = undefined, Json extends boolean = false>(
  url: PerTry<string | URL>,
  options: SubscribeOptions<Schemas, Json> = {},
): EventSubscription<EventItem<Schemas, Json>> {
  const subscription: EventSubscription<AnyItem> = new Subscription(readOptions(url, options));
  return subscription as EventSubscription<EventItem<Schemas, Json>>;
}

class Subscription implements EventSubscription<AnyItem> {
  readonly #settings: SubscriptionSettings;
  readonly #queue: EventQueue;
  readonly #recent: RecentIds;
  readonly #keeper: PositionKeeper | undefined;
  /** Absent until the store has said where to begin. */
  #feed: Feed | undefined;
  #state: SubscriptionState = { phase: 'connecting', attempt: 1 };
  #takenId: string;
  /** Whether what was queued has been forgotten, so that what was received does not count as taken. */
  #isStopped = false;
  readonly #abort = (): void => this.#stop(() => this.#queue.fail(this.#settings.signal?.reason));

  constructor(settings: SubscriptionSettings) {
    const { signal, store, clock, storeIntervalMs, lastEventId } = settings;
    this.#settings = settings;
    this.#queue = new EventQueue(settings.limits);
    this.#recent = new RecentIds(settings.dedupe);
    this.#takenId = lastEventId;
    // Before the connection's own first microtask, so that nothing is asked for.
    if (signal?.aborted === true) queueMicrotask(this.#abort);
    else signal?.addEventListener('abort', this.#abort, { once: true });

    if (store === undefined) {
      this.#open(lastEventId);
      return;
    }
    this.#keeper = new PositionKeeper(store, clock, storeIntervalMs, (error) => this.#failStore(error));
    void this.#openFrom(this.#keeper);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get lastEventId(): string {
    if (this.#isStopped || this.#feed === undefined || this.#queue.size > 0) return this.#takenId;
    return this.#feed.lastEventId;
  }

  reconnect(): void {
    this.#feed?.reconnect();
  }

  close(): void {
    this.#stop(() => this.#queue.end());
  }

  [Symbol.asyncIterator](): AsyncIterator<AnyItem, undefined> {
    return {
      next: async () => {
        // Who asks for the next event is done with the one before.
        this.#keeper?.keep(this.lastEventId);
        const result = await this.#queue.take();
        if (result.done === true) {
          await this.#keeper?.flush();
          return result;
        }
        this.#takenId = result.value.lastEventId;
        return { done: false, value: await readItem(result.value, this.#settings) };
      },
      return: async () => {
        this.close();
        await this.#keeper?.flush();
        return { done: true, value: undefined };
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#keeper?.flush();
  }

  async #openFrom(keeper: PositionKeeper): Promise<void> {
    try {
      const kept = readLastEventId('the position in the store', await keeper.read());
      if (this.#state.phase !== 'closed') this.#open(kept || this.#settings.lastEventId);
    } catch (error) {
      this.#failStore(error as StoreError);
    }
  }

  #open(lastEventId: string): void {
    this.#takenId = lastEventId;
    this.#recent.add(lastEventId);
    const { sharedKey } = this.#settings;
    const handlers: FeedHandlers = {
      onEvent: (message, hasOwnId) => this.#receive(message, hasOwnId),
      onState: (state) => this.#follow(state),
      room: () => this.#queue.room(),
    };
    this.#feed =
      sharedKey !== undefined && canShare()
        ? openSharedFeed({ ...this.#settings, sharedKey }, lastEventId, handlers)
        : openDirectFeed(this.#settings, lastEventId, handlers);
  }

  #receive(message: EventMessage, hasOwnId: boolean): void {
    const { until, schemas } = this.#settings;
    const isRepeated = hasOwnId && this.#recent.add(message.lastEventId);
    if (isRepeated || message.type === 'tidings-heartbeat') {
      this.#passOver();
      return;
    }
    try {
      if (until?.(message) === true) {
        this.#feed?.close();
        return;
      }
    } catch (exception) {
      this.#queue.fail(exception);
      this.#feed?.close();
      return;
    }
    if (isWanted(message.type, schemas)) this.#queue.push(readGap(message));
    else this.#passOver();
  }

  /** Counts an event that is not given out as handled, where nothing before it is left to handle. */
  #passOver(): void {
    if (this.#queue.isAwaited) this.#keeper?.keep(this.lastEventId);
  }

  #failStore(error: StoreError): void {
    this.#stop(() => this.#queue.fail(error));
  }

  #stop(endQueue: () => void): void {
    this.#takenId = this.lastEventId;
    this.#isStopped = true;
    this.#queue.clear();
    endQueue();
    if (this.#feed === undefined) this.#follow({ phase: 'closed', attempt: this.#state.attempt });
    else this.#feed.close();
  }

  #follow(state: SubscriptionState): void {
    const { onState, signal } = this.#settings;
    if (this.#state.phase === 'closed') return;
    this.#state = state;
    if (state.phase === 'closed') {
      signal?.removeEventListener('abort', this.#abort);
      if (state.error === undefined) this.#queue.end();
      else this.#queue.fail(state.error);
    }
    try {
      onState?.(state);
    } catch (exception) {
      reportException(exception);
    }
  }
}
