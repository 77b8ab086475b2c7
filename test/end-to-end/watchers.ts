import { spawn, type ChildProcess } from 'node:child_process';
import { EventSource, isGap, subscribe } from '@tidings/client';
import { EventStreamDecoder } from '@tidings/wire';
import type { Browser, Page } from 'puppeteer-core';
import { expect, onTestFinished } from 'vitest';
import type { RestartableHub } from './hub.ts';

/** An event as a listener got it; a gap as one whose data begins with `GAP`. */
export interface Received {
  readonly id: string;
  readonly data: string;
}

/** A listener of some kind that stays with its topic through every death of the hub. */
export interface Watcher {
  readonly name: string;
  /** Resolves when it has this many events, or rejects after a time. */
  reach(count: number): Promise<void>;
  received(): Promise<readonly Received[]>;
  /** How often it has been connected. */
  connections(): Promise<number>;
}

// A watcher that has not caught up after this never will.
const TIMEOUT_MS = 120_000;

/** This project's EventSource, on Node. It has had nothing yet, and gets everything that the hub keeps. */
export async function watchWithClient(hub: RestartableHub, path: string): Promise<Watcher> {
  const received: Received[] = [];
  let connections = 0;
  const source = new EventSource(`${hub.url}${path}?last_event_id=earliest`);
  onTestFinished(() => source.close());
  source.addEventListener('message', ({ lastEventId: id, data }) => received.push({ id, data }));
  source.addEventListener('tidings-gap', ({ lastEventId: id, data }) => received.push({ id, data: `GAP ${data}` }));
  source.addEventListener('open', () => {
    connections += 1;
  });
  await new Promise((resolve) => {
    source.addEventListener('open', resolve, { once: true });
  });
  return watcher('EventSource of @tidings/client', received, () => connections);
}

/** This project's subscribe(), on Node. */
export function watchWithSubscription(hub: RestartableHub, path: string): Watcher {
  const received: Received[] = [];
  let connections = 0;
  const subscription = subscribe(hub.url + path, {
    lastEventId: 'earliest',
    onState: ({ phase }) => {
      if (phase === 'open') connections += 1;
    },
  });
  onTestFinished(() => subscription.close());
  const listen = async (): Promise<void> => {
    for await (const event of subscription) {
      received.push({ id: event.lastEventId, data: isGap(event) ? `GAP ${JSON.stringify(event)}` : event.data });
    }
  };
  // Where it fails, what it should have received is missing.
  listen().catch((error: unknown) => received.push({ id: '', data: `FAILED ${String(error)}` }));
  return watcher('subscribe() of @tidings/client', received, () => connections);
}

/** curl, started again with the last id of its own output. */
export async function watchWithCurl(hub: RestartableHub, path: string): Promise<Watcher> {
  const received: Received[] = [];
  let lastEventId = '';
  let connections = 0;
  let child: ChildProcess | undefined;
  let closed = false;
  onTestFinished(() => {
    closed = true;
    child?.kill('SIGKILL');
  });
  const listen = async (onPosition: () => void): Promise<void> => {
    await hub.up;
    if (closed) return;
    const header = lastEventId === '' ? [] : ['-H', `Last-Event-ID: ${lastEventId}`];
    const curl = spawn('curl', ['-sN', ...header, hub.url + path], { stdio: ['ignore', 'pipe', 'inherit'] });
    child = curl;
    const decoder = new EventStreamDecoder({
      lastEventId,
      onId(id) {
        lastEventId = id;
        onPosition();
      },
      onEvent({ type, data, lastEventId: id }) {
        if (type !== 'tidings-heartbeat') received.push({ id, data: type === 'tidings-gap' ? `GAP ${data}` : data });
      },
    });
    let isFirst = true;
    for await (const chunk of curl.stdout) {
      if (isFirst) connections += 1;
      isFirst = false;
      decoder.write(chunk as Uint8Array);
    }
    if (!closed) await listen(onPosition);
  };
  await new Promise<void>((resolve, reject) => {
    listen(resolve).catch(reject);
  });
  return watcher('curl -N', received, () => connections);
}

function watcher(name: string, received: readonly Received[], connections: () => number): Watcher {
  return {
    name,
    reach: (count) =>
      expect.poll(() => received.length, { timeout: TIMEOUT_MS, interval: 20 }).toBeGreaterThanOrEqual(count),
    received: () => Promise.resolve(received),
    connections: () => Promise.resolve(connections()),
  };
}

/** A page in a window of its own: a tab behind another one has its timers and frames held back. */
async function newWindow(browser: Browser): Promise<Page> {
  const context = await browser.createBrowserContext();
  return await context.newPage();
}

interface Watching {
  received: Received[];
  connections: number;
}

/** The browser's own EventSource, on a page of the hub's origin. */
export async function watchWithBrowser(browser: Browser, hub: RestartableHub, path: string): Promise<Watcher> {
  const page = await newWindow(browser);
  await page.goto(`${hub.url}/healthz`);
  await page.evaluate(async (url) => {
    const watching: Watching = { received: [], connections: 0 };
    Object.assign(globalThis, { watching });
    const source = new globalThis.EventSource(url);
    source.addEventListener('message', ({ lastEventId, data }) => {
      watching.received.push({ id: lastEventId, data: String(data) });
    });
    source.addEventListener('tidings-gap', ({ lastEventId, data }) => {
      watching.received.push({ id: lastEventId, data: `GAP ${data}` });
    });
    source.addEventListener('open', () => {
      watching.connections += 1;
    });
    await new Promise((resolve) => {
      source.addEventListener('tidings-heartbeat', resolve, { once: true });
    });
  }, path);
  const read = (): Promise<Watching> => page.evaluate(() => (globalThis as unknown as { watching: Watching }).watching);
  return {
    name: 'EventSource of Chromium',
    async reach(count) {
      await page.waitForFunction(
        (least) => (globalThis as unknown as { watching: Watching }).watching.received.length >= least,
        { timeout: TIMEOUT_MS, polling: 50 },
        count,
      );
    },
    received: async () => (await read()).received,
    connections: async () => (await read()).connections,
  };
}

/** The rows of the hub's own page. */
export async function watchOnPage(browser: Browser, hub: RestartableHub, topic: string): Promise<Watcher> {
  const page = await newWindow(browser);
  await page.goto(`${hub.url}/#/t/${encodeURIComponent(topic)}`);
  await connected(page);
  // Counts in the page itself, so that no connection is too short to be seen.
  await page.evaluate(() => {
    const state = document.querySelector('#connection')!;
    Object.assign(globalThis, { connections: 1 });
    let phase = state.getAttribute('data-phase');
    new MutationObserver(() => {
      const next = state.getAttribute('data-phase');
      if (next === 'open' && phase !== 'open') (globalThis as unknown as { connections: number }).connections += 1;
      phase = next;
    }).observe(state, { attributes: true });
  });
  return {
    name: 'the hub’s page in Chromium',
    async reach(count) {
      await page.waitForFunction(
        (least) => document.querySelectorAll('#events > li[data-id]').length >= least,
        { timeout: TIMEOUT_MS, polling: 50 },
        count,
      );
    },
    received: () => rows(page),
    connections: () => page.evaluate(() => (globalThis as unknown as { connections: number }).connections),
  };
}

/** What the hub's page shows of a topic. */
export async function rows(page: Page): Promise<Received[]> {
  return await page.$$eval('#events > li[data-id]', (items) =>
    items.map((item) => ({
      id: item.getAttribute('data-id') ?? '',
      data: item.hasAttribute('data-gap') ? `GAP ${item.textContent}` : (item.querySelector('pre')?.textContent ?? ''),
    })),
  );
}

/** Waits until the hub's page says that it is connected. */
export async function connected(page: Page): Promise<void> {
  await page.waitForSelector('#connection[data-phase="open"]');
}
