import type { EventMessage } from '@tidings/wire';
import type { ConnectionError } from '../client-error.ts';
import type { openDirectFeed } from '../subscription/direct-feed.ts';
import type { Feed, FeedHandlers } from '../subscription/feed.ts';
import { type LeaderWatch, watchLeader } from './leader-watch.ts';
import {
  lead,
  type Leader,
  listen,
  type Listener,
  type ListenerInput,
  type ListenerStep,
  type Notice,
  startLeader,
  startListener,
  welcome,
} from './shared-state.ts';
import type { SubscriptionState } from '../subscription/options.ts';
import type { SubscriptionSettings } from '../subscription/settings.ts';

/** Part of every name, so that tabs with another version of what is said never hear it. */
const VERSION = 1;

/** What it uses of the code that is there already. It imports none of it, so that it can be loaded alone. */
export interface SharedFeedTools {
  readonly openDirectFeed: typeof openDirectFeed;
  readonly ConnectionError: typeof ConnectionError;
}

/**
 * A connection that all tabs of the origin share which listen by the same key: the shell around `shared-state.ts`. Its own where
 * there are no tabs, or not what it takes to share with them.
 */
export function openSharedFeed(
  settings: SubscriptionSettings & { readonly sharedKey: string },
  lastEventId: string,
  handlers: FeedHandlers,
  tools: SharedFeedTools,
): Feed {
  const isBrowser = 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
  const canShare = isBrowser && typeof BroadcastChannel === 'function' && globalThis.navigator?.locks !== undefined;
  return canShare
    ? new SharedFeed(settings, lastEventId, handlers, tools)
    : tools.openDirectFeed(settings, lastEventId, handlers);
}

class SharedFeed implements Feed {
  readonly #settings: SubscriptionSettings;
  readonly #handlers: FeedHandlers;
  readonly #tools: SharedFeedTools;
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  #listener: Listener;
  /** Present where this tab is the leader, with the connection that is shared. */
  #leader: Leader | undefined;
  #shared: Feed | undefined;
  /** The connection of a tab that catches up, or that cannot share. */
  #own: Feed | undefined;
  #state: SubscriptionState = { phase: 'connecting', attempt: 1 };
  /** Settles when there is room for the event that was dropped. */
  #room: Promise<void> | undefined;
  /** What this tab said and has not heard itself. */
  readonly #unheard: Notice[] = [];
  #isHearing = false;
  readonly #closing = new AbortController();
  readonly #watch: LeaderWatch;
  /** Withdraws from waiting to be the leader. */
  #candidacy = new AbortController();
  /** Gives the lock back. */
  #release: (() => void) | undefined;
  /** Whether the page is put aside, to be shown again when somebody goes back to it. It is frozen then, and may not lead. */
  #isAside = false;

  constructor(
    settings: SubscriptionSettings & { sharedKey: string },
    lastEventId: string,
    handlers: FeedHandlers,
    tools: SharedFeedTools,
  ) {
    this.#tools = tools;
    this.#settings = settings;
    this.#handlers = handlers;
    this.#name = `tidings/${VERSION}/${settings.sharedKey}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.addEventListener('message', ({ data }: MessageEvent<Notice>) => this.#hear(unpack(data, tools)));
    const first = startListener(crypto.randomUUID(), lastEventId);
    this.#listener = first.listener;
    // Whoever made this is not told anything before it has it.
    queueMicrotask(() => {
      if (!this.#isClosed) this.#do(first);
    });
    this.#watch = watchLeader(
      settings.clock,
      () => this.#say({ type: 'ask' }),
      () => {
        if (!this.#isAside) this.#candidate(true);
      },
    );
    this.#candidate();
    const { signal } = this.#closing;
    globalThis.addEventListener('pagehide', () => this.#putAside(), { signal });
    globalThis.addEventListener('pageshow', () => this.#comeBack(), { signal });
  }

  get lastEventId(): string {
    return (this.#own ?? this.#listener).lastEventId;
  }

  reconnect(): void {
    this.#own?.reconnect();
    if (!this.#isClosed) this.#say({ type: 'reconnect' });
  }

  close(): void {
    this.#tell({ phase: 'closed', attempt: this.#state.attempt });
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /**
   * Waits to be the leader, and is it until the connection has come to its end, the tab goes, or the lock is taken away.
   * @param steal - takes the lock away, from a leader that hangs
   */
  #candidate(steal = false): void {
    this.#candidacy.abort();
    const { signal } = (this.#candidacy = new AbortController());
    navigator.locks
      .request(this.#name, steal ? { steal } : { signal }, () => (this.#isClosed ? undefined : this.#rule()))
      .then(
        async () => {
          // Its end was not for a tab whose consumer is not there yet. That one asks again, once there is room for an answer.
          await this.#room;
          if (!this.#isClosed && !this.#isAside) this.#candidate();
        },
        () => {
          if (this.#isClosed) return;
          // This tab hung, and another has taken the lock away.
          if (this.#leader !== undefined) this.#follow();
          // Where the browser refuses locks, as it does to documents without an origin, nothing can be shared.
          else if (!signal.aborted) this.#openOwn(this.#listener.lastEventId);
        },
      );
  }

  #rule(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
      this.#send({ type: 'elected' });
      this.#leader = startLeader(this.#listener, crypto.randomUUID());
      this.#say({ type: 'leader' });
      this.#shared = this.#tools.openDirectFeed(this.#settings, this.#leader.lastEventId, {
        onEvent: (message, hasOwnId) => this.#lead(message, hasOwnId),
        onState: (state) => {
          if (this.#leader === undefined) return;
          this.#leader = { ...this.#leader, state };
          if (state.phase === 'closed') this.#stepDown();
          this.#say({ type: 'state', state });
        },
        // A slow tab leaves the shared stream; it never holds up the others.
        room: () => undefined,
      });
    });
  }

  /** Leads no more, where it did. */
  #stepDown(): void {
    const shared = this.#shared;
    this.#leader = undefined;
    this.#shared = undefined;
    shared?.close();
    this.#release?.();
  }

  /** Joins whoever leads now. */
  #follow(): void {
    this.#stepDown();
    this.#candidate();
    this.#send({ type: 'notice', notice: { type: 'leader' }, hasRoom: true });
  }

  #putAside(): void {
    this.#isAside = true;
    this.#candidacy.abort();
    this.#stepDown();
  }

  #comeBack(): void {
    if (!this.#isAside) return;
    this.#isAside = false;
    this.#follow();
  }

  #lead(message: EventMessage, hasOwnId: boolean): void {
    if (this.#leader === undefined) return;
    const { leader, notice } = lead(this.#leader, message, hasOwnId);
    this.#leader = leader;
    this.#say(notice);
  }

  /** Says something to all tabs, this one included. */
  #say(notice: Notice): void {
    if (this.#isClosed) return;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    this.#channel.postMessage(pack(notice));
    this.#unheard.push(notice);
    if (this.#isHearing) return;
    this.#isHearing = true;
    for (let next = this.#unheard.shift(); next !== undefined; next = this.#unheard.shift()) this.#hear(next);
    this.#isHearing = false;
  }

  #hear(notice: Notice): void {
    if (this.#isClosed) return;
    if (this.#leader !== undefined && notice.type === 'hello') this.#say(welcome(this.#leader, notice));
    if (this.#leader !== undefined && notice.type === 'reconnect') this.#shared?.reconnect();
    if (this.#leader !== undefined && notice.type === 'ask') this.#say({ type: 'state', state: this.#leader.state });
    if (!['hello', 'reconnect', 'ask'].includes(notice.type)) this.#watch.heard();
    if (notice.type === 'event' && this.#listener.phase === 'live') this.#room = this.#handlers.room();
    this.#send({ type: 'notice', notice, hasRoom: this.#room === undefined });
  }

  #send(input: ListenerInput): void {
    this.#do(listen(this.#listener, input));
  }

  #do({ listener, actions }: ListenerStep): void {
    this.#listener = listener;
    for (const action of actions) {
      if (this.#isClosed) return;
      switch (action.type) {
        case 'say':
          this.#say(action.notice);
          break;
        case 'give':
          this.#handlers.onEvent(action.message, action.hasOwnId);
          break;
        case 'tell':
          this.#tell(action.state);
          break;
        case 'wait-for-room':
          void this.#room?.then(() => {
            this.#room = undefined;
            if (!this.#isClosed) this.#send({ type: 'room' });
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
    const isAlone = this.#listener.phase !== 'catching-up';
    const own = this.#tools.openDirectFeed(this.#settings, lastEventId, {
      onEvent: (message, hasOwnId) => {
        if (this.#own !== own) return;
        if (isAlone) this.#handlers.onEvent(message, hasOwnId);
        else this.#send({ type: 'own-event', message, hasOwnId });
      },
      onState: (state) => {
        if (this.#own === own) this.#tell(state);
      },
      room: () => this.#handlers.room(),
    });
    this.#own = own;
  }

  #closeOwn(): void {
    const own = this.#own;
    this.#own = undefined;
    own?.close();
  }

  #tell(state: SubscriptionState): void {
    if (this.#isClosed) return;
    const { phase, attempt, retryAt } = this.#state;
    if (state.phase === phase && state.attempt === attempt && state.retryAt === retryAt) return;
    this.#state = state;
    if (state.phase === 'closed') this.#leave();
    this.#handlers.onState(state);
  }

  #leave(): void {
    this.#closing.abort();
    this.#candidacy.abort();
    this.#watch.stop();
    this.#stepDown();
    this.#closeOwn();
    this.#channel.close();
  }
}

interface ToldError {
  readonly code: ConnectionError['code'];
  readonly message: string;
  readonly url: string;
  readonly attempt: number;
  readonly willRetry: boolean;
  readonly status: number | undefined;
  readonly cause: string;
}

/** An error does not survive the way to another tab, so it goes as what it says. */
function pack(notice: Notice): unknown {
  if (notice.type !== 'state' && notice.type !== 'welcome') return notice;
  const { error, ...state } = notice.state;
  if (error === undefined) return notice;
  const { code, message, url, attempt, willRetry, status, cause } = error;
  const told: ToldError = { code, message, url, attempt, willRetry, status, cause: textOf(cause) };
  return { ...notice, state: { ...state, error: told } };
}

function textOf(exception: unknown): string {
  return exception instanceof Error ? exception.message : String(exception);
}

function unpack(notice: Notice, { ConnectionError: Told }: SharedFeedTools): Notice {
  if (notice.type !== 'state' && notice.type !== 'welcome') return notice;
  const { error, ...state } = notice.state;
  if (error === undefined) return notice;
  const { code, message, status, cause, url, attempt, willRetry } = error as unknown as ToldError;
  const told = new Told({ code, message, cause, url, attempt, willRetry, status });
  return { ...notice, state: { ...state, error: told } };
}
