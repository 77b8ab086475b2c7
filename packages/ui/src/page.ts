// The state of the page. This module and hub-key.ts hold all shared state, and the components read it here.
import { computed, effect, signal, untracked } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import { topicHash, topicOfHash } from './address.ts';
import { FIRST_CONNECTION, isComplete } from './connection.ts';
import type { Connection } from './connection.ts';
import { countAfter } from './feed.ts';
import { authorization, credentialName, dropKey, hubKey } from './hub-key.ts';
import type { TopicDirectory, TopicSummary } from './topic-directory.ts';
import type { SnippetAccess } from './snippet.ts';
import { everyonesPermissions, sendersPermissions, type Permissions } from './permissions.ts';
import { followUse } from './places.ts';
import { forgetRefusals, notePermissions } from './refusals.ts';
import { TopicFeed } from './topic-feed.ts';
import { fetchTopicHead, type TopicHead } from './topic-head.ts';
import { TopicWatch } from './topic-watch.ts';

/** The URL that the hub's are relative to. */
export const base: string = new URL('.', location.href).href;

/** How long a hidden page keeps the list of topics live, in milliseconds. HTTP/1.1 has six connections for all tabs. */
const HIDDEN_WATCH_MS = 60_000;

/** The shortest time after which the hub is asked again what a topic is, in milliseconds: clocks differ. */
const MIN_HEAD_MS = 2000;

const hash: Signal<string> = signal(location.hash);
const unwatched: Signal<boolean> = signal(false);
const watch: Signal<TopicWatch | null> = signal(null);
const feed: Signal<TopicFeed | null> = signal(null);
const head: Signal<TopicHead | undefined> = signal(undefined);
/** The key of the newest row when the page was hidden; undefined while it is seen. */
const lastSeen: Signal<number | undefined> = signal(undefined);
/** What the hub lets everyone do. Until it has answered, a page without a key takes it for a hub that asks for none. */
const everyone: Signal<Permissions | undefined> = signal(undefined);
const topics: Signal<TopicDirectory | undefined> = signal(undefined);

/** The topic that is open, or null on the start page. */
export const openTopic: ReadonlySignal<string | null> = computed(() => topicOfHash(hash.value));

export const openFeed: ReadonlySignal<TopicFeed | null> = feed;

/** The list of topics; undefined until the hub has answered. */
export const directory: ReadonlySignal<TopicDirectory | undefined> = topics;

/** The connection of the list. */
export const listConnection: ReadonlySignal<Connection> = computed(
  () => watch.value?.connection.value ?? FIRST_CONNECTION,
);

/** What the list says of the open topic; undefined if it is not in it. */
export const openSummary: ReadonlySignal<TopicSummary | undefined> = computed(() =>
  directory.value?.topics.find(({ topic }) => topic === openTopic.value),
);

/** What the hub has told of the open topic; undefined until then. */
export const openHead: ReadonlySignal<TopicHead | undefined> = head;

/** The connection that the person depends on: that of the open topic, else that of the list. */
export const connection: ReadonlySignal<Connection> = computed(
  () => (feed.value ?? watch.value)?.connection.value ?? FIRST_CONNECTION,
);

/** Whether the hub lets no one listen without a key, and has none from this page. */
export const keyWanted: ReadonlySignal<boolean> = computed(
  () => hubKey.value === '' && isUnauthorized(connection.value),
);

/** Whether everyone may listen, as far as the page knows. */
export const everyoneListens: ReadonlySignal<boolean> = computed(() => everyone.value?.listen === true);

/** What the hub asks of its users, as far as this page knows. */
export const snippetAccess: ReadonlySignal<SnippetAccess> = computed(() => ({
  hasToken: credentialName.value === 'token',
  publishNeedsKey: !(everyone.value?.publish ?? hubKey.value === ''),
  listenNeedsKey: !(everyone.value?.listen ?? hubKey.value === ''),
}));

/** The title of the browser's tab: while it is hidden it counts what arrives. */
export const pageTitle: ReadonlySignal<string> = computed(() => {
  if (feed.value === null) return 'Tidings';
  const unseen = lastSeen.value === undefined ? 0 : countAfter(feed.value.feed.value, lastSeen.value);
  return `${unseen > 0 ? `(${unseen}) ` : ''}${feed.value.topic} · Tidings`;
});

/** Opens a topic, so that the browser's back button leads back. */
export function openTopicPage(topic: string): void {
  location.hash = topicHash(topic);
}

/** Tries every stream again that is waiting or has given up. */
export function retryNow(): void {
  for (const stream of [feed.peek(), watch.peek()]) {
    const phase = stream?.connection.peek().phase;
    if (phase === 'waiting' || phase === 'closed') stream?.retryNow();
  }
}

/** Follows the address, the key and the page's visibility for as long as the page lives. */
export function startPage(): void {
  addEventListener('hashchange', () => (hash.value = location.hash));
  addEventListener('online', retryNow);
  followVisibility();
  followUse(() => feed.peek()?.address);

  effect(() => {
    // A new key is a new start: it may have other rights.
    void hubKey.value;
    topics.value = undefined;
    forgetRefusals();
  });
  effect(() => {
    void hubKey.value;
    if (unwatched.value) return undefined;
    const next = new TopicWatch(base, topics);
    watch.value = next;
    return () => next.close();
  });
  effect(() => {
    void hubKey.value;
    void everyonesPermissions(base).then((found) => (everyone.value = found));
  });
  effect(() => {
    const key = hubKey.value;
    if (key !== '') void sendersPermissions(base, authorization()).then((found) => notePermissions(found, key));
  });
  effect(() => {
    void hubKey.value;
    const topic = openTopic.value;
    const next = topic === null ? null : new TopicFeed(base, topic);
    feed.value = next;
    return () => next?.close();
  });

  // A key or token that the hub does not take, or takes no more, would keep the page from what everyone may do.
  effect(() => {
    for (const stream of [feed.value, watch.value]) {
      const state = stream?.connection.value;
      if (state === undefined || !isUnauthorized(state)) continue;
      void dropKey(hubKey.peek(), state.reason ?? '');
    }
  });

  // A closed topic may be deleted and made anew, which the list is the first to know.
  const listed = computed(() => `${openSummary.value?.isClosed} ${openSummary.value?.last}`);
  effect(() => {
    void listed.value;
    untracked(askAgain);
  });
  followHead();

  // If one stream has come back, the other need not wait.
  const returnedAt = computed(() =>
    Math.max(...[feed.value, watch.value].map((stream) => stream?.connection.value.returnedAt ?? 0)),
  );
  effect(() => {
    if (returnedAt.value > 0) untracked(retryNow);
  });
}

function isUnauthorized({ phase, status }: Connection): boolean {
  return phase === 'closed' && status === 401;
}

/** Asks what the open topic is when it is opened, when the list says something else of it, and when its lease would be over. */
function followHead(): void {
  const listed = computed(() => {
    const { isClosed, isLeased } = openSummary.value ?? {};
    return `${isClosed} ${isLeased}`;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    void hubKey.value;
    void openTopic.value;
    head.value = undefined;
  });
  effect(() => {
    void hubKey.value;
    void listed.value;
    void feed.value?.isDeleted.value;
    const topic = openTopic.value;
    if (topic === null) return undefined;
    let isOver = false;
    const ask = async (): Promise<void> => {
      const told = await fetchTopicHead(base, topic, authorization());
      if (isOver) return;
      head.value = told;
      // The list tells of the leases of topics with events.
      if (told?.leasedUntil === undefined || openSummary.peek() !== undefined) return;
      timer = setTimeout(() => void ask(), Math.max(MIN_HEAD_MS, told.leasedUntil - Date.now()));
    };
    untracked(() => void ask());
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  });
}

/** Asks whether the open topic is still closed, if it was. */
function askAgain(): void {
  const open = feed.peek();
  if (open !== null && isComplete(open.connection.peek())) open.retryNow();
}

function followVisibility(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    lastSeen.value = document.hidden ? (feed.peek()?.feed.peek().rows.at(-1)?.key ?? 0) : undefined;
    if (document.hidden) {
      timer = setTimeout(() => {
        unwatched.value = true;
        // Hidden tabs that cannot share connections would leave none for the visible ones.
        if (navigator.locks === undefined) feed.peek()?.pause();
      }, HIDDEN_WATCH_MS);
      return;
    }
    if (unwatched.peek() && navigator.locks === undefined) feed.peek()?.resume();
    unwatched.value = false;
    askAgain();
  });
}
