/// <reference lib="esnext.disposable" preserve="true" />
import { encodeLastEventId } from '../connection/request.ts';
import { allowListeners, reasonOf } from '#runtime';
import { report } from '../platform/report.ts';
import { readOptions, type SubscriptionSettings } from './settings.ts';
import { createQueue, type EventQueue } from './event-queue.ts';
import { DirectFeed } from './direct-feed.ts';
import type { EventMessage } from '@tidings/wire';
import type { Feed, FeedHandlers, SubscriptionState } from '../connection/feed.ts';
import { ConnectionError, InvalidEventError, messageOf, storeError } from '../errors.ts';
import type { UrlLike } from '../globals.ts';
import type { PositionKeeper } from '../position/position-keeper.ts';
import { type AnyItem, type EventItem, type EventSchemas, isWanted } from './event-item.ts';
import { readGap } from './gap.ts';
import { readLastEventId } from './option-checks.ts';
import type { PerAttempt, SubscribeOptions } from './options.ts';

/**
 * The events of a stream, for one consumer: several loops over it share the events. Events come in the order of the stream, over
 * any number of reconnects. While the consumer is busy, a bounded number of events waits and the rest stays with the server.
 * Leaving the loop closes the subscription.
 */
export interface EventSubscription<Item = EventItem> extends AsyncIterable<Item>, Disposable, AsyncDisposable {
  [Symbol.asyncIterator](): AsyncIterator<Item, undefined>;
  /** What the subscription is doing: the value that `onState` was last called with. */
  readonly state: SubscriptionState;
  /**
   * The last event ID after everything that the consumer has taken, heartbeats included. Keep it and give it to the next
   * `subscribe()` to go on after a restart.
   */
  readonly lastEventId: string;
  /**
   * Begins an attempt now, which gives up the wait or the open connection. Does nothing while an attempt is under way, or once the
   * subscription is closed.
   */
  reconnect(): void;
  /** Ends the subscription for good: the connection is dropped, queued events are forgotten, and the loop ends. */
  close(): void;
}

/**
 * Listens to an event stream. It connects at once, and again whenever the connection is lost, after the last event ID. The loop over
 * the result ends when the server says stop (status 204), and throws a `ConnectionError` when there is nothing more to try.
 * @param url - http or https, or a function that is called for it at each attempt. In a browser it may be relative to the page
 * @throws InvalidOptionError
 * @example
 * for await (const { data } of subscribe('https://example.org/topics/orders')) console.log(data);
 */
export function subscribe<Schemas extends EventSchemas | undefined = undefined, Json extends boolean = false>(
  url: PerAttempt<string | UrlLike>,
  options: SubscribeOptions<Schemas, Json> = {},
): EventSubscription<EventItem<Schemas, Json>> {
  return new Subscription(readOptions(url, options)) as EventSubscription<EventItem<Schemas, Json>>;
}

/** Between a feed, which brings events, and a consumer, which takes them. */
class Subscription implements EventSubscription<AnyItem> {
  readonly #settings: SubscriptionSettings;
  readonly #queue: EventQueue;
  #keeper: PositionKeeper | undefined;
  readonly #isRepeated: (id: string) => boolean;
  readonly #abort = (): void => this.#stop(reasonOf(this.#settings.signal));
  /** `undefined` until it is known where to begin and how. */
  #feed: Feed | undefined;
  #state: SubscriptionState = { phase: 'connecting', attempt: 1 };
  #takenId: string;
  /** Makes an event what the loop gets. */
  #read: (event: EventMessage) => AnyItem | Promise<AnyItem> = (event) => event;

  constructor(settings: SubscriptionSettings) {
    const { signal, store } = settings;
    this.#settings = settings;
    this.#takenId = settings.lastEventId;
    this.#queue = createQueue(settings.maxQueuedEvents, settings.maxQueuedBytes);
    this.#isRepeated = rememberIds(settings.dedupe);
    // This is queued before the first microtask of the connection, so that nothing is requested.
    if (signal?.aborted) void Promise.resolve().then(this.#abort);
    else if (signal) {
      allowListeners(signal as AbortSignal);
      signal.addEventListener('abort', this.#abort);
    }
    const stop = (error: unknown): void => this.#stop(error);
    if (settings.schemas || settings.json) {
      const loaded = import('./data-reader.ts').then(
        ({ readerFor }) => (this.#read = readerFor({ ...settings, InvalidEventError, messageOf })),
      );
      this.#read = async (event) => (await loaded)(event);
      loaded.catch(stop);
    }
    if (store) {
      import('../position/position-keeper.ts')
        .then(
          ({ keepPosition }) => keepPosition({ ...settings, store, encodeLastEventId, storeError, fail: stop }),
          (cause: unknown) => {
            throw storeError('keep', cause);
          },
        )
        .then((keeper) => {
          this.#keeper = keeper;
          const id = readLastEventId('the position in the store', keeper.stored) || settings.lastEventId;
          if (!this.#isClosed) this.#listen(id);
        })
        .catch(stop);
    } else this.#listen(settings.lastEventId);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get lastEventId(): string {
    return !this.#feed || this.#queue.size > 0 ? this.#takenId : this.#feed.lastEventId;
  }

  // These two are functions instead of methods, so that they can be passed on as callbacks.
  readonly reconnect = (): void => this.#feed?.reconnect();
  readonly close = (): void => this.#stop();

  [Symbol.asyncIterator](): AsyncIterator<AnyItem, undefined> {
    return {
      next: () => this.#next(),
      return: () => this.#leave(),
    };
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  #listen(lastEventId: string): void {
    const settings = this.#settings;
    const { key } = settings;
    this.#takenId = lastEventId;
    this.#isRepeated(lastEventId);
    const handlers: FeedHandlers = {
      onEvent: (message, hasOwnId) => this.#receive(message, hasOwnId),
      onState: (state) => this.#enter(state),
      room: this.#queue.room,
    };
    const openDirect = (id: string, its: FeedHandlers): Feed => new DirectFeed(settings, id, its);
    const openAlone = (): void => {
      if (!this.#isClosed) this.#feed = openDirect(lastEventId, handlers);
    };
    if (!key) return openAlone();
    // Where the code cannot be loaded or does not run, nothing can be shared.
    import('../shared/shared-feed.ts')
      .then(({ openShared }) => {
        if (this.#isClosed) return;
        this.#feed = openShared({ ...settings, key, open: openDirect, ConnectionError }, lastEventId, handlers);
      })
      .catch(openAlone);
  }

  /** An event has arrived. */
  #receive(message: EventMessage, hasOwnId: boolean): void {
    const isRepeated = hasOwnId && this.#isRepeated(message.lastEventId);
    // tidings-heartbeat and tidings-expired are for the connection alone. No publisher may use a type that begins like them.
    const isNews = !isRepeated && !/^tidings-[eh]/.test(message.type);
    try {
      if (isNews && this.#settings.until?.(message) === true) return this.#feed?.close();
    } catch (exception) {
      this.#queue.end([exception]);
      return this.#feed?.close();
    }
    if (isNews && isWanted(message, this.#settings)) this.#queue.push(readGap(message));
    // An event that the loop does not get counts as handled if no event before it is left to handle.
    else if (this.#queue.isAwaited) this.#keeper?.keep(this.lastEventId);
  }

  #enter(state: SubscriptionState): void {
    const { signal, onState } = this.#settings;
    if (this.#isClosed) return;
    this.#state = state;
    if (state.phase === 'closed') {
      signal?.removeEventListener('abort', this.#abort);
      this.#queue.end(state.error && [state.error]);
    }
    try {
      onState?.(state);
    } catch (exception) {
      report(exception);
    }
  }

  get #isClosed(): boolean {
    return this.#state.phase === 'closed';
  }

  async #next(): Promise<IteratorResult<AnyItem, undefined>> {
    // A consumer that asks for the next event has handled the one before.
    this.#keeper?.keep(this.lastEventId);
    const event = this.#queue.take() ?? (await this.#queue.next());
    if (!event) return this.#leave();
    this.#takenId = event.lastEventId;
    const item = this.#read(event);
    return { done: false, value: item instanceof Promise ? await item : item };
  }

  /** Ends the subscription at once: well, or with an error. */
  #stop(error?: unknown): void {
    const feed = this.#feed;
    this.#takenId = this.lastEventId;
    // The queued events are forgotten, so that what was received does not count as taken.
    this.#feed = undefined;
    this.#queue.clear();
    this.#queue.end(error === undefined ? error : [error]);
    if (feed) feed.close();
    else this.#enter({ phase: 'closed', attempt: this.#state.attempt });
  }

  async #leave(): Promise<IteratorReturnResult<undefined>> {
    this.#stop();
    await this.#keeper?.flush();
    return { done: true, value: undefined };
  }
}

/**
 * Remembers the IDs of the newest events, to recognise an event that comes again.
 * @param limit - how many IDs are remembered; 0 remembers none
 * @returns a function that remembers an ID as the newest, and returns whether it was remembered already
 */
function rememberIds(limit: number): (id: string) => boolean {
  const ids = new Set<string>();
  return (id) => {
    if (!limit || !id) return false;
    const isRepeated = ids.delete(id);
    ids.add(id);
    const [oldest = id] = ids;
    if (ids.size > limit) ids.delete(oldest);
    return isRepeated;
  };
}
