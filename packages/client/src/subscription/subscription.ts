import type { EventMessage } from '@tidings/wire';
import { ConnectionError } from '../client-error.ts';
import { openDirectFeed } from './direct-feed.ts';
import type { EventItem, EventSchemas } from './event-item.ts';
import { createQueue } from './event-queue.ts';
import type { Feed, FeedHandlers } from './feed.ts';
import { readGap } from './gap.ts';
import { type AnyItem, isWanted, readItem } from './item-reader.ts';
import { keepPosition } from '../position/position-keeper.ts';
import { rememberIds } from './recent-ids.ts';
import type { PerTry, SubscribeOptions, SubscriptionState } from './options.ts';
import { readLastEventId, readOptions, type SubscriptionSettings } from './settings.ts';

/**
 * The events of a stream, for one consumer: iterators share what arrives. Events come in the order of the stream, over
 * any number of reconnects. While the consumer is busy, a bounded number of events waits and the rest stays with the
 * server. Leaving the loop closes the subscription.
 */
export interface EventSubscription<Item = EventItem> extends AsyncIterable<Item>, Disposable, AsyncDisposable {
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
  return open(readOptions(url, options)) as EventSubscription<EventItem<Schemas, Json>>;
}

function open(settings: SubscriptionSettings): EventSubscription<AnyItem> {
  const { signal, store, sharedKey, schemas } = settings;
  const queue = createQueue(settings.maxQueuedEvents, settings.maxQueuedBytes);
  const isKnown = rememberIds(settings.dedupe);
  const keeper = store && keepPosition(store, settings.clock, settings.storeIntervalMs, stop);
  const done = { done: true, value: undefined } as const;
  /** Absent until it is known where to begin and how. */
  let feed: Feed | undefined;
  let state: SubscriptionState = { phase: 'connecting', attempt: 1 };
  let takenId = settings.lastEventId;
  /** Whether what was queued has been forgotten, so that what was received does not count as taken. */
  let isStopped = false;

  const lastEventId = (): string => (isStopped || !feed || queue.size > 0 ? takenId : feed.lastEventId);

  /** Ends it at once: well, or with an error. */
  function stop(error?: unknown): void {
    takenId = lastEventId();
    isStopped = true;
    queue.clear();
    queue.end(error === undefined ? error : { reason: error });
    if (feed) feed.close();
    else follow({ phase: 'closed', attempt: state.attempt });
  }

  function follow(next: SubscriptionState): void {
    if (state.phase === 'closed') return;
    state = next;
    if (next.phase === 'closed') {
      signal?.removeEventListener('abort', abort);
      queue.end(next.error && { reason: next.error });
    }
    try {
      settings.onState?.(next);
    } catch (exception) {
      queueMicrotask(() => {
        throw exception;
      });
    }
  }

  const abort = (): void => stop(signal?.reason);

  function receive(message: EventMessage, hasOwnId: boolean): void {
    const isRepeated = hasOwnId && isKnown(message.lastEventId);
    const isNews = !isRepeated && message.type !== 'tidings-heartbeat';
    try {
      if (isNews && settings.until?.(message) === true) return feed?.close();
    } catch (exception) {
      queue.end({ reason: exception });
      return feed?.close();
    }
    if (isNews && isWanted(message.type, schemas)) queue.push(readGap(message));
    // What is not given out counts as handled where nothing before it is left to handle.
    else if (queue.isAwaited) keeper?.keep(lastEventId());
  }

  const handlers: FeedHandlers = { onEvent: receive, onState: follow, room: queue.room };

  function listen(id: string): void {
    takenId = id;
    isKnown(id);
    const openAlone = (): void => {
      if (state.phase !== 'closed') feed = openDirectFeed(settings, id, handlers);
    };
    if (sharedKey === undefined) return openAlone();
    // Where its code cannot be had, or not run, nothing can be shared.
    import('../shared/shared-feed.ts')
      .then(({ openSharedFeed }) => {
        const tools = { openDirectFeed, ConnectionError };
        if (state.phase !== 'closed') feed = openSharedFeed({ ...settings, sharedKey }, id, handlers, tools);
      })
      .catch(openAlone);
  }

  async function listenBehindStore(): Promise<void> {
    const kept = readLastEventId('the position in the store', (await keeper?.read()) ?? '');
    if (state.phase !== 'closed') listen(kept || settings.lastEventId);
  }

  // Before the connection's own first microtask, so that nothing is asked for.
  if (signal?.aborted) queueMicrotask(abort);
  else signal?.addEventListener('abort', abort, { once: true });
  if (keeper) listenBehindStore().catch(stop);
  else listen(settings.lastEventId);

  function give(event: EventMessage): IteratorResult<AnyItem, undefined> | Promise<IteratorResult<AnyItem, undefined>> {
    takenId = event.lastEventId;
    const value = readItem(event, settings);
    return value instanceof Promise ? value.then((item) => ({ done: false, value: item })) : { done: false, value };
  }

  async function giveNext(): Promise<IteratorResult<AnyItem, undefined>> {
    const event = await queue.next();
    if (event) return give(event);
    await keeper?.flush();
    return done;
  }

  const close = (): void => stop();
  const leave = async (): Promise<typeof done> => {
    stop();
    await keeper?.flush();
    return done;
  };
  const iterator: AsyncIterator<AnyItem, undefined> = {
    next() {
      // Who asks for the next event is done with the one before.
      keeper?.keep(lastEventId());
      const event = queue.take();
      return event ? Promise.resolve(give(event)) : giveNext();
    },
    return: leave,
  };
  return {
    get state() {
      return state;
    },
    get lastEventId() {
      return lastEventId();
    },
    reconnect: () => feed?.reconnect(),
    close,
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.dispose]: close,
    [Symbol.asyncDispose]: async () => void (await leave()),
  };
}
