import { setTimeout as delay } from 'node:timers/promises';
import { decodeEventStream } from '@tidings/wire';
import type { Browser } from 'puppeteer-core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { isMissing, startBrowser } from '../browser.ts';
import { randomNumbers } from '../seed.ts';
import { RestartableHub } from './hub.ts';
import { Ledger, publishAll } from './publishers.ts';
import {
  watchOnPage,
  watchWithBrowser,
  watchWithClient,
  watchWithCurl,
  watchWithSubscription,
  type Received,
  type Watcher,
} from './watchers.ts';

// A client's wait is a random part of a time that doubles with each connection that is lost before it has lasted, as all are here. Without
// chance a wait is as long as the server asks for. The clients take their random numbers when they are imported.
vi.hoisted(() => vi.spyOn(Math, 'random').mockReturnValue(0));

const KILLS = 10;
const TOPIC = 'orders';
const PATH = `/topics/${TOPIC}`;

/** Everything that the hub has of the topic, read in one go. */
async function readLog(hub: RestartableHub): Promise<Received[]> {
  const health = (await (await fetch(`${hub.url}/healthz`)).json()) as { cursor: string };
  const response = await fetch(`${hub.url}${PATH}?last_event_id=earliest`);
  const events: Received[] = [];
  for await (const { data, lastEventId } of decodeEventStream(response.body!)) {
    events.push({ id: lastEventId, data });
    if (lastEventId === health.cursor) break;
  }
  return events;
}

async function startWatchers(hub: RestartableHub): Promise<Watcher[]> {
  const browser: Browser | undefined = isMissing('chromium') ? undefined : await startBrowser('chromium');
  onTestFinished(() => browser?.close());
  const others = await Promise.all([
    watchWithClient(hub, PATH),
    ...(isMissing('curl') ? [] : [watchWithCurl(hub, PATH)]),
    ...(browser ? [watchWithBrowser(browser, hub, PATH), watchOnPage(browser, hub, TOPIC)] : []),
  ]);
  return [watchWithSubscription(hub, PATH), ...others];
}

test('every listener gets every acknowledged event once and in order, however often the hub is killed', async () => {
  const random = randomNumbers();
  const hub = await RestartableHub.make();
  await hub.start();
  const watchers = await startWatchers(hub);
  // Browsers wait for seconds before they come back unless they are told otherwise.
  const first = await fetch(`${hub.url}${PATH}?retry=150`, { method: 'POST', body: 'first' });
  expect(first.status).toBe(200);
  const ledger = new Ledger();
  ledger.sent.add('first');
  ledger.acknowledge(['first']);

  const stop = new AbortController();
  const publishing = publishAll(hub, PATH, ledger, stop.signal);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    // Every other time all of them are listening when it happens; else some are on their way back, or catching up.
    if (kill % 2 === 0) await Promise.all(watchers.map((watcher) => watcher.reach(ledger.acknowledged.size)));
    ledger.allow(100);
    await ledger.acknowledgedMore(1 + Math.floor(random() * 50));
    // Not to wait for anything: the kill comes at any moment of a publish, not always as one has been answered.
    await delay(random() * 10);
    await hub.kill();
    await hub.start();
  }
  ledger.allow(100);
  await ledger.acknowledgedMore(20);
  stop.abort();
  await publishing;

  const log = await readLog(hub);
  const data = log.map((event) => event.data);
  expect(new Set(data).size).toBe(data.length);
  expect([...ledger.acknowledged].filter((name) => !data.includes(name))).toEqual([]);
  expect(data.filter((name) => !ledger.sent.has(name))).toEqual([]);
  const cursors = log.map((event) => event.id.split('.'));
  expect(cursors.map(([, seq]) => Number(seq))).toEqual(log.map((_, index) => index + 1));
  // Each start begins an epoch, and none is taken up again.
  const epochs = cursors.map(([epoch]) => epoch).filter((epoch, index, all) => epoch !== all[index - 1]);
  expect(epochs.length).toBe(new Set(epochs).size);
  expect(epochs.length).toBeLessThanOrEqual(KILLS + 1);
  for (const batch of ledger.batches) {
    const start = data.indexOf(batch[0]!);
    expect(data.slice(start, start + batch.length)).toEqual(batch);
  }

  const counts: string[] = [];
  for (const watcher of watchers) {
    await watcher.reach(log.length);
    const received = await watcher.received();
    counts.push(`  ${watcher.name}: ${received.length} events, connected ${await watcher.connections()} times`);
    expect({ watcher: watcher.name, received }).toEqual({ watcher: watcher.name, received: log });
  }
  const { acknowledged, sent } = ledger;
  console.log(
    [
      `${KILLS} kills, ${log.length} events in the log, ${acknowledged.size} acknowledged of ${sent.size} sent`,
      ...counts,
      ...['chromium', 'curl']
        .filter(isMissing)
        .map((name) => `  ${name} is missing here: what needs it was NOT tested`),
    ].join('\n'),
  );
});
