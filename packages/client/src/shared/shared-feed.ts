import type { EventMessage } from '@tidings/wire';
import type { Feed, FeedHandlers, SubscriptionState } from '../connection/feed.ts';
import type { ConnectionError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import { type Follower, type FollowerInput, type FollowerStep, startFollower, stepFollower } from './follower.ts';
import { answerJoin, type Leader, shareEvent, startLeader } from './leader.ts';
import { type LeaderWatch, watchLeader } from './leader-watch.ts';
import { pack, PROTOCOL_VERSION, type TabMessage, unpack } from './protocol.ts';

/** What a shared feed is made with. Code that the subscription has already is passed in, so that this module loads alone. */
export interface SharedFeedParts {
  /** Tabs of the same origin with the same key share a connection. */
  readonly key: string;
  readonly clock: Clock;
  /** Opens a connection of this tab. */
  open(lastEventId: string, handlers: FeedHandlers): Feed;
  readonly ConnectionError: typeof ConnectionError;
}

/**
 * Opens a feed over one connection that all tabs of the origin with the same key share. Outside of browsers, and in browsers that
 * lack what sharing needs, it opens a connection of its own.
 */
export function openShared(parts: SharedFeedParts, lastEventId: string, handlers: FeedHandlers): Feed {
  const isBrowser = 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
  const canShare = isBrowser && typeof BroadcastChannel === 'function' && globalThis.navigator?.locks !== undefined;
  return canShare ? new SharedFeed(parts, lastEventId, handlers) : parts.open(lastEventId, handlers);
}

/** The shell around a follower and, in the tab that was elected, the leader: the channel, the lock and the connections. */
class SharedFeed implements Feed {
  readonly #parts: SharedFeedParts;
  readonly #handlers: FeedHandlers;
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  #follower: Follower;
  /** These two are there while this tab is the leader. */
  #leader: Leader | undefined;
  #sharedConnection: Feed | undefined;
  /** The connection of a tab that catches up, or that cannot share. */
  #ownConnection: Feed | undefined;
  #state: SubscriptionState = { phase: 'connecting', attempt: 1 };
  /** Settled when the consumer has room again; there after an event was dropped. */
  #room: Promise<void> | undefined;
  /** Messages that this tab has sent and has not received itself. */
  readonly #unreceived: TabMessage[] = [];
  #isReceiving = false;
  readonly #closing = new AbortController();
  readonly #watch: LeaderWatch;
  /** Withdraws the request for the lock. */
  #lockRequest = new AbortController();
  #releaseLock: (() => void) | undefined;
  /** Whether the page is in the back/forward cache. It is frozen there, and must not lead. */
  #isCached = false;

  constructor(parts: SharedFeedParts, lastEventId: string, handlers: FeedHandlers) {
    this.#parts = parts;
    this.#handlers = handlers;
    this.#name = `tidings/${PROTOCOL_VERSION}/${parts.key}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.addEventListener('message', ({ data }: MessageEvent<TabMessage>) => {
      this.#receive(unpack(data, parts.ConnectionError));
    });
    const first = startFollower(crypto.randomUUID(), lastEventId);
    this.#follower = first.follower;
    // No handler is called before the caller has the feed.
    void Promise.resolve().then(() => {
      if (!this.#isClosed) this.#perform(first);
    });
    this.#watch = watchLeader(
      parts.clock,
      () => this.#send({ type: 'ping' }),
      () => {
        if (!this.#isCached) this.#requestLock(true);
      },
    );
    this.#requestLock();
    const { signal } = this.#closing;
    globalThis.addEventListener('pagehide', () => this.#enterCache(), { signal });
    globalThis.addEventListener('pageshow', () => this.#leaveCache(), { signal });
  }

  get lastEventId(): string {
    return (this.#ownConnection ?? this.#follower).lastEventId;
  }

  reconnect(): void {
    this.#ownConnection?.reconnect();
    this.#send({ type: 'reconnect' });
  }

  close(): void {
    this.#report({ phase: 'closed', attempt: this.#state.attempt });
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /**
   * Requests the lock, whose holder is the leader until its connection has ended, its tab is gone, or the lock is taken away.
   * @param steal - takes the lock away from a leader that hangs
   */
  #requestLock(steal = false): void {
    this.#lockRequest.abort();
    const { signal } = (this.#lockRequest = new AbortController());
    navigator.locks
      .request(this.#name, steal ? { steal } : { signal }, () => (this.#isClosed ? undefined : this.#lead()))
      .then(
        async () => {
          // The shared connection has ended while this tab had no room. It asks again, once there is room for an answer.
          await this.#room;
          if (!this.#isClosed && !this.#isCached) this.#requestLock();
        },
        () => {
          if (this.#isClosed) return;
          // This tab hung, and another one has taken the lock away.
          if (this.#leader !== undefined) this.#rejoin();
          // Some documents, such as those without an origin, are refused locks. They cannot share.
          else if (!signal.aborted) this.#openOwn(this.#follower.lastEventId);
        },
      );
  }

  /** This tab was elected. It holds the lock until the promise is settled. */
  #lead(): Promise<void> {
    return new Promise((resolve) => {
      this.#releaseLock = resolve;
      this.#step({ type: 'elected' });
      this.#leader = startLeader(this.#follower, crypto.randomUUID());
      this.#send({ type: 'elected' });
      this.#sharedConnection = this.#parts.open(this.#leader.lastEventId, {
        onEvent: (event, hasOwnId) => this.#share(event, hasOwnId),
        onState: (state) => {
          if (this.#leader === undefined) return;
          this.#leader = { ...this.#leader, state };
          if (state.phase === 'closed') this.#stepDown();
          this.#send({ type: 'state', state });
        },
        // A slow tab leaves the shared stream; it never holds up the others.
        room: () => undefined,
      });
    });
  }

  #share(event: EventMessage, hasOwnId: boolean): void {
    if (this.#leader === undefined) return;
    const { leader, shared } = shareEvent(this.#leader, event, hasOwnId);
    this.#leader = leader;
    this.#send({ type: 'event', shared });
  }

  /** Stops leading, if this tab was the leader. */
  #stepDown(): void {
    const connection = this.#sharedConnection;
    this.#leader = undefined;
    this.#sharedConnection = undefined;
    connection?.close();
    this.#releaseLock?.();
  }

  /** Joins the leader of now. */
  #rejoin(): void {
    this.#stepDown();
    this.#requestLock();
    this.#step({ type: 'message', message: { type: 'elected' }, hasRoom: true });
  }

  #enterCache(): void {
    this.#isCached = true;
    this.#lockRequest.abort();
    this.#stepDown();
  }

  #leaveCache(): void {
    if (!this.#isCached) return;
    this.#isCached = false;
    this.#rejoin();
  }

  /** Sends a message to all tabs, this one included. */
  #send(message: TabMessage): void {
    if (this.#isClosed) return;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    this.#channel.postMessage(pack(message));
    this.#unreceived.push(message);
    if (this.#isReceiving) return;
    this.#isReceiving = true;
    for (let next = this.#unreceived.shift(); next !== undefined; next = this.#unreceived.shift()) this.#receive(next);
    this.#isReceiving = false;
  }

  #receive(message: TabMessage): void {
    if (this.#isClosed) return;
    const { type } = message;
    if (this.#leader !== undefined) {
      if (type === 'join') this.#send(answerJoin(this.#leader, message));
      if (type === 'reconnect') this.#sharedConnection?.reconnect();
      if (type === 'ping') this.#send({ type: 'state', state: this.#leader.state });
    }
    if (!['join', 'reconnect', 'ping'].includes(type)) this.#watch.received();
    if (type === 'event' && this.#follower.phase === 'live') this.#room = this.#handlers.room();
    this.#step({ type: 'message', message, hasRoom: this.#room === undefined });
  }

  #step(input: FollowerInput): void {
    this.#perform(stepFollower(this.#follower, input));
  }

  #perform({ follower, actions }: FollowerStep): void {
    this.#follower = follower;
    for (const action of actions) {
      if (this.#isClosed) return;
      switch (action.type) {
        case 'send':
          this.#send(action.message);
          break;
        case 'give-out':
          this.#handlers.onEvent(action.event, action.hasOwnId);
          break;
        case 'report':
          this.#report(action.state);
          break;
        case 'wait-for-room':
          void this.#room?.then(() => {
            this.#room = undefined;
            if (!this.#isClosed) this.#step({ type: 'room' });
          });
          break;
        case 'open-own':
          this.#openOwn(action.lastEventId);
          break;
        case 'close-own':
          this.#closeOwn();
          break;
      }
    }
  }

  #openOwn(lastEventId: string): void {
    const cannotShare = this.#follower.phase !== 'catching-up';
    const own = this.#parts.open(lastEventId, {
      onEvent: (event, hasOwnId) => {
        if (this.#ownConnection !== own) return;
        if (cannotShare) this.#handlers.onEvent(event, hasOwnId);
        else this.#step({ type: 'own-event', event, hasOwnId });
      },
      onState: (state) => {
        if (this.#ownConnection === own) this.#report(state);
      },
      room: () => this.#handlers.room(),
    });
    this.#ownConnection = own;
  }

  #closeOwn(): void {
    const own = this.#ownConnection;
    this.#ownConnection = undefined;
    own?.close();
  }

  #report(state: SubscriptionState): void {
    if (this.#isClosed) return;
    const { phase, attempt, retryAt } = this.#state;
    if (state.phase === phase && state.attempt === attempt && state.retryAt === retryAt) return;
    this.#state = state;
    if (state.phase === 'closed') this.#leave();
    this.#handlers.onState(state);
  }

  #leave(): void {
    this.#closing.abort();
    this.#lockRequest.abort();
    this.#watch.stop();
    this.#stepDown();
    this.#closeOwn();
    this.#channel.close();
  }
}
