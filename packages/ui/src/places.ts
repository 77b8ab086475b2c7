import { signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';

/**
 * How many streams of topics all tabs of a browser have at most. Over HTTP/1.1 a browser opens six connections to a host. The list of topics
 * takes one, and the rest is for loading pages and publishing.
 */
const PLACES = 3;

/** How long the head of a response may take, in milliseconds. */
const MAX_CONNECT_MS = 60_000;

/** The names of the locks, one for each place. */
const NAMES = Array.from({ length: PLACES }, (_unused, index) => `tidings/page/place/${index}`);

const paused: Signal<boolean> = signal(false);

/** Whether this tab waits for a connection, because other tabs have as many as there may be. */
export const isPaused: ReadonlySignal<boolean> = paused;

/** Whether this tab may take a place away from another one: from when it is opened or used until one takes its own away. */
let isInUse = !document.hidden;

/** Called when this tab is used. */
const wake = new Set<() => void>();

/** The URLs that this tab shows, with those of other tabs that are used. */
const used = typeof BroadcastChannel === 'function' ? new BroadcastChannel('tidings/page/used') : undefined;

/** Follows whether this tab is used. `urlOf` gives the stream that it shows. */
export function followUse(urlOf: () => string | undefined): void {
  const use = (): void => {
    const url = urlOf();
    claim(url);
    // The connection may be that of another tab, which shows the same and must get it.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    if (url !== undefined) used?.postMessage(url);
  };
  if (isInUse) use();
  addEventListener('focus', use);
  addEventListener('pointerdown', use);
  addEventListener('hashchange', use);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) use();
  });
  used?.addEventListener('message', ({ data }) => {
    if (data === urlOf()) claim(urlOf());
  });
}

function claim(url: string | undefined): void {
  isInUse = true;
  for (const name of NAMES) if (url !== undefined && useOf(name).url === url) noteUse(name, url);
  for (const each of wake) each();
}

/** A fetch for a stream of a topic. It takes one of the places of the browser, and waits if there is none. */
export async function fetchInPlace(url: string | URL, init: RequestInit): Promise<Response> {
  // HTTP/2 has one connection for everything. Without locks tabs know nothing of each other.
  if (navigator.locks === undefined || isMultiplexed()) return await fetchHead(url, init);
  const place = await takePlace(String(url), init.signal ?? undefined);
  try {
    const response = await fetchHead(url, {
      ...init,
      signal: AbortSignal.any([place.lost, ...(init.signal ? [init.signal] : [])]),
    });
    return releaseAtEnd(response, place.release);
  } catch (error) {
    place.release();
    throw error;
  }
}

interface Place {
  /** Aborted when another tab takes it. */
  readonly lost: AbortSignal;
  readonly release: () => void;
}

async function takePlace(url: string, stopped: AbortSignal | undefined): Promise<Place> {
  for (;;) {
    stopped?.throwIfAborted();
    // Another tab has the stream: this one only catches up, and follows it then.
    if (await isPlaced(url)) return { lost: new AbortController().signal, release: () => {} };
    for (const name of NAMES) {
      const place = await lock(name, url, { ifAvailable: true });
      if (place) return place;
    }
    if (isInUse) {
      const place = await lock(leastUsed(), url, { steal: true });
      if (place) return place;
    } else await changed(stopped);
  }
}

async function isPlaced(url: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name = '' }) => NAMES.includes(name) && useOf(name).url === url);
}

/** Holds a lock until it is released or taken away. Undefined if it cannot be had. */
function lock(name: string, url: string, options: LockOptions): Promise<Place | undefined> {
  const lost = new AbortController();
  return new Promise((resolve) => {
    navigator.locks
      .request(name, options, (held) => {
        if (held === null) return resolve(undefined);
        noteUse(name, url);
        return new Promise<void>((release) => resolve({ lost: lost.signal, release }));
      })
      .catch(() => {
        isInUse = false;
        lost.abort(new Error('Another tab uses the connection'));
        resolve(undefined);
      });
  });
}

/** The place whose tab has been used the longest time ago. */
function leastUsed(): string {
  return NAMES.reduce((least, name) => (useOf(name).time < useOf(least).time ? name : least));
}

/** What a place was taken for last, and when the tab that has it was used last. */
function useOf(name: string): { url: string | undefined; time: number } {
  const [time = '0', url] = localStorage.getItem(name)?.split(' ') ?? [];
  return { url, time: Number(time) };
}

function noteUse(name: string, url: string): void {
  localStorage.setItem(name, `${Date.now()} ${url}`);
}

/** Resolves when a place has become free, or when this tab is used. */
async function changed(stopped: AbortSignal | undefined): Promise<void> {
  const settled = new AbortController();
  paused.value = true;
  try {
    await new Promise<void>((resolve, reject) => {
      wake.add(resolve);
      settled.signal.addEventListener('abort', () => wake.delete(resolve));
      stopped?.addEventListener('abort', () => reject(stopped.reason as Error), { signal: settled.signal });
      // The lock is given back at once: it is taken like every other one then.
      for (const name of NAMES)
        navigator.locks.request(name, { signal: settled.signal }, () => resolve()).catch(() => {});
    });
  } finally {
    settled.abort();
    paused.value = false;
  }
}

async function fetchHead(url: string | URL, init: RequestInit): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error('The hub gave no answer')), MAX_CONNECT_MS);
  try {
    return await fetch(url, { ...init, signal: AbortSignal.any([late.signal, ...(init.signal ? [init.signal] : [])]) });
  } finally {
    clearTimeout(timer);
  }
}

/** The same response, which gives a place back when its body has ended, however it ends. */
function releaseAtEnd(response: Response, release: () => void): Response {
  // Browsers give a response without content a body all the same, with which no other can be made.
  if (response.body === null || response.status === 204) {
    release();
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      release();
    },
    async cancel(reason) {
      release();
      await reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

function isMultiplexed(): boolean {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  return page !== undefined && /^h[23]/.test(page.nextHopProtocol);
}
