import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../browser.ts';
import { listenOnPage } from './page-listener.ts';
import { eventSource, LISTENERS, type Listen } from './listeners.ts';
import { Nginx } from './nginx.ts';
import { compresses, Origin, SENDERS, type Arrival, type Sender } from './origin.ts';
import type { Listener, Opening } from './reception.ts';

const EVENTS = 5;
const STREAMS: readonly Sender[] = ['eventStream', 'compressing eventStream'];
const withoutNginx = isMissing('nginx') || isMissing('openssl');

let origin: Origin;
let nginx: Nginx;

beforeAll(async () => {
  origin = await Origin.listen();
  if (!withoutNginx) nginx = await Nginx.start(origin.url);
});

afterAll(async () => {
  await nginx?.[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

interface Proxied {
  readonly origin: Origin;
  readonly nginx: Nginx;
}

/** Another origin and another nginx in front of it, for the length of one test. */
async function behind(settings: string, keepAliveMs?: number): Promise<Proxied> {
  const other = await Origin.listen(keepAliveMs);
  onTestFinished(() => other[Symbol.asyncDispose]());
  const proxy = await Nginx.start(other.url, { settings });
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  return { origin: other, nginx: proxy };
}

/** Sends events each of which the listener must have before the next one is sent; then the listener leaves, which must be noticed. */
async function expectLockstep(
  from: Origin,
  sender: Sender,
  listen: (path: string) => Listener | Promise<Listener>,
): Promise<Opening> {
  const path = from.path(sender);
  const listener = await listen(path);
  const [arrival, opening] = await Promise.all([from.arrival(path), listener.opened]);
  expect(await listener.received()).toEqual([]);
  const sent: string[] = [];
  for (let n = 1; n <= EVENTS; n += 1) {
    sent.push(`event ${n} of ${sender}`);
    await from.send(sender, arrival, { data: `event ${n} of ${sender}` });
    await listener.reach(n);
  }
  expect(await listener.received()).toEqual(sent);
  await listener.leave();
  await arrival.closed;
  await arrival.outcome;
  expect(from.channel(sender).listeners).toBe(0);
  return opening;
}

describe.skipIf(withoutNginx)('behind nginx with its default settings', () => {
  describe.each(SENDERS)('each event of %s comes as it is sent, the head and a first byte before', (sender) => {
    for (const [name, listen] of Object.entries(LISTENERS)) {
      const version = name.endsWith('HTTP/2') ? '2' : '1.1';
      test(`to ${name}`, async () => {
        const opening = await expectLockstep(origin, sender, (path) => listen(nginx, path));
        expect(opening).toEqual({ version, coding: undefined });
      });

      test.each(['gzip', 'zstd'] as const)(`to ${name} that takes %s`, async (coding) => {
        const opening = await expectLockstep(origin, sender, (path) => listen(nginx, path, coding));
        expect(opening.version).toBe(version);
        expect(opening.coding).toBe(compresses(sender) ? coding : undefined);
      });
    }

    test('to EventSource of @tidings/client', async () => {
      await expectLockstep(origin, sender, (path) => eventSource(nginx, path));
    });
  });

  test('asked with HTTP/1.0, as it does unless told otherwise', async () => {
    const path = origin.path('eventStream');
    const listener = eventSource(nginx, path);
    expect((await origin.arrival(path)).version).toBe('1.0');
    await listener.leave();
  });

  describe.each(STREAMS)('a response of %s that ends looks complete', (sender) => {
    test.each(['gzip', 'zstd'] as const)('to who takes %s', async (coding) => {
      for (const listen of Object.values(LISTENERS)) {
        const path = origin.path(sender);
        const listener = listen(nginx, path, coding);
        const [{ source }] = await Promise.all([origin.arrival(path), listener.opened]);
        source.end({ data: 'the last one' });
        expect(await listener.ended).toBe('complete');
        expect(await listener.received()).toEqual(['the last one']);
      }
    });
  });
});

/** What a listener sees of a source that throws after an event. */
async function breakOff(
  { origin: from, nginx: proxy }: Proxied,
  sender: Sender,
  listen: Listen,
  coding: 'gzip' | 'zstd',
): Promise<{ arrival: Arrival; listener: Listener }> {
  const path = from.path(sender);
  const listener = listen(proxy, path, coding);
  const [arrival] = await Promise.all([from.arrival(path), listener.opened]);
  await from.send(sender, arrival, { data: 'first' });
  await listener.reach(1);
  arrival.source.destroy(new Error('the source broke'));
  return { arrival, listener };
}

describe.skipIf(withoutNginx)('a source that throws looks cut', () => {
  describe.each(STREAMS)('in a response of %s', (sender) => {
    test.each(['1.0', '1.1'])('behind nginx that asks with HTTP/%s', async (version) => {
      const proxied = await behind(`proxy_http_version ${version};`);
      for (const listen of Object.values(LISTENERS)) {
        for (const coding of ['gzip', 'zstd'] as const) {
          const { arrival, listener } = await breakOff(proxied, sender, listen, coding);
          expect(arrival.version).toBe(version);
          await expect(arrival.outcome).rejects.toThrow('the source broke');
          expect(await listener.ended).toBe('cut');
          expect(await listener.received()).toEqual(['first']);
        }
      }
    });
  });
});

describe.skipIf(withoutNginx)('behind nginx that compresses event streams itself', () => {
  test.each(SENDERS)('each event of %s comes as it is sent', async (sender) => {
    const other = await behind('gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 0;');
    for (const listen of Object.values(LISTENERS)) {
      const opening = await expectLockstep(other.origin, sender, (path) => listen(other.nginx, path, 'gzip'));
      // By us or by nginx, which leaves what is coded already as it is.
      expect(opening.coding).toBe('gzip');
    }
  });
});

test.skipIf(withoutNginx)('a silent stream outlives the time for which nginx waits for a next byte', async () => {
  // It waits for four seconds, and there are comments for five.
  const other = await behind('proxy_read_timeout 4s;', 400);
  const path = other.origin.path('eventStream');
  const listener = LISTENERS['curl on HTTP/1.1']!(other.nginx, path);
  const [arrival] = await Promise.all([other.origin.arrival(path), listener.opened]);
  await listener.reach(0, 13);
  await other.origin.send('eventStream', arrival, { data: 'still here' });
  await listener.reach(1);
  expect(await listener.received()).toEqual(['still here']);
  await listener.leave();
});

/** Kills nginx under a listener, publishes, and starts it again: nothing may be lost or come twice. */
async function expectResume(
  { origin: from, nginx: proxy }: Proxied,
  listen: (path: string) => Listener | Promise<Listener>,
): Promise<void> {
  const sender = 'compressing Channel';
  const path = from.path(sender);
  const listener = await listen(path);
  const [arrival] = await Promise.all([from.arrival(path), listener.opened]);
  const sent: string[] = [];
  const publish = async (data: string): Promise<void> => {
    sent.push(data);
    // Browsers wait for seconds before they come back unless they are told otherwise.
    await from.send(sender, arrival, { data, retry: 100 });
  };
  await publish('before');
  await listener.reach(1);
  await proxy.kill();
  await arrival.closed;
  expect(from.channel(sender).listeners).toBe(0);
  await publish('meanwhile 1');
  await publish('meanwhile 2');
  await proxy.restart();
  await from.arrival(path);
  await listener.reach(3);
  await publish('after');
  await listener.reach(4);
  expect(await listener.received()).toEqual(sent);
  await listener.leave();
}

test.skipIf(withoutNginx)(
  'EventSource of @tidings/client goes on where it was when nginx has been killed',
  async () => {
    const other = await behind('');
    await expectResume(other, (path) => eventSource(other.nginx, path));
  },
);

describe.each(BROWSERS)('EventSource of %s', (name) => {
  const skipped = withoutNginx || isMissing(name);
  let browser: Browser;

  beforeAll(async () => {
    if (!skipped) browser = await startBrowser(name, { acceptInsecureCerts: true });
  });

  afterAll(async () => {
    await browser?.close();
  });

  describe.each(['1.1', '2'] as const)('behind nginx on HTTP/%s', (version) => {
    const place = (proxy: Nginx): string => (version === '2' ? proxy.tls : proxy.plain);

    test.skipIf(skipped).each(SENDERS)('gets each event of %s as it is sent', async (sender) => {
      const opening = await expectLockstep(origin, sender, (path) => listenOnPage(browser, place(nginx), path));
      expect(opening.version).toBe(version);
      expect(opening.coding).toBe(compresses(sender) ? 'gzip' : undefined);
    });

    test.skipIf(skipped)('goes on where it was when nginx has been killed', async () => {
      const other = await behind('');
      await expectResume(other, (path) => listenOnPage(browser, place(other.nginx), path));
    });
  });
});
