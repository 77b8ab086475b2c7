import { readFileSync } from 'node:fs';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../browser.ts';
import { RestartableHub } from '../end-to-end/hub.ts';
import { all, watchInBrowser } from './watchers.ts';

/** The one hub that a supervisor runs. */
function hubOf(supervisor: number): number {
  return Number(readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8').trim().split(' ').at(-1));
}

describe.each(BROWSERS)('EventSource of %s', (name) => {
  const skipped = isMissing(name) || process.platform !== 'linux';
  let browser: Browser;

  beforeAll(async () => {
    if (!skipped) browser = await startBrowser(name);
  });

  afterAll(async () => {
    await browser?.close();
  });

  test.skipIf(skipped)('stays with a hub that is supervised, also where that is restarted and killed', async () => {
    const hub = await RestartableHub.make();
    await hub.start(hub.port, ['--supervise']);
    const publish = async (data: string): Promise<void> => {
      const response = await fetch(`${hub.url}/topics/news?retry=1`, {
        method: 'POST',
        body: data,
        // One that is kept open ends with its hub.
        headers: { connection: 'close' },
      });
      expect(response.status).toBe(200);
    };
    const watcher = await watchInBrowser(browser, hub.url, '/topics/news');
    await all([watcher], ({ opened }) => opened === 1);
    await publish('first');
    await all([watcher], ({ data }) => data.length === 1);
    process.kill(hub.pid!, 'SIGHUP');
    await all([watcher], ({ opened }) => opened === 2);
    await publish('restarted');
    await all([watcher], ({ data }) => data.length === 2);
    process.kill(hubOf(hub.pid!), 'SIGKILL');
    await all([watcher], ({ opened }) => opened === 3);
    await publish('killed');
    await all([watcher], ({ data }) => data.length === 3);
    expect((await watcher.look()).data).toEqual(['first', 'restarted', 'killed']);
  });
});
