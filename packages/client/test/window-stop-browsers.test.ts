import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../../../test/browser.ts';
import { bundleScript } from './browser-bundle.ts';
import { ReplayingServer } from './replaying-server.ts';

/** A page that listens and stops itself once it has an event. */
const SCRIPT = `
  import { EventSource as Ours } from '@tidings/client';
  const SourceClass = new URL(location.href).searchParams.get('how') === 'ours' ? Ours : EventSource;
  const source = new SourceClass('/stream');
  source.onopen = () => (globalThis.isOpen = true);
  source.onmessage = ({ data }) => (globalThis.got = data);
  source.onerror = () => (globalThis.stateAfterError = source.readyState);
`;

interface PageGlobals {
  isOpen?: boolean;
  got?: string;
  stateAfterError?: number;
}

describe.each(BROWSERS)('window.stop() in %s', (name) => {
  let browser: Browser;
  let server: ReplayingServer;

  beforeAll(async () => {
    if (isMissing(name)) return;
    server = await ReplayingServer.listen(await bundleScript(SCRIPT));
    browser = await startBrowser(name);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test.skipIf(isMissing(name)).each([
    ['is a lost connection to this class', 'ours', 0],
    ["closes the browser's own source", 'native', 2],
  ])('%s', async (_, how, readyState) => {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/page?how=${how}`);
    await page.waitForFunction(() => (globalThis as PageGlobals).isOpen, { polling: 50 });
    server.publish(1);
    await page.waitForFunction(() => (globalThis as PageGlobals).got !== undefined, { polling: 50 });
    await page.evaluate(() => window.stop());
    const left = await page.waitForFunction(() => String((globalThis as PageGlobals).stateAfterError ?? ''), {
      polling: 50,
    });
    expect(await left.jsonValue()).toBe(String(readyState));
    await page.close();
  });
});
