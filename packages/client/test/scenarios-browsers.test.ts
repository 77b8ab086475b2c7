import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../../../test/browser.ts';
import { bundleForBrowsers } from './browser-bundle.ts';
import { expectScenario, scenariosFor } from './scenario-check.ts';
import { ScenarioServer } from './scenario-server.ts';
import { scenarios } from './scenarios.ts';

const TITLES = { chromium: 'Chromium', firefox: 'Firefox' } as const;
const FIREFOX_PREFS = {
  // It asks ten times before it takes a connection that breaks without an answer for a network error.
  'network.http.request.max-attempts': 1,
};
const CONTEXTS = ['page', 'worker', 'shared worker'] as const;
const IMPLEMENTATIONS = ['ours', 'native'] as const;
const PLACES = CONTEXTS.flatMap((context) => IMPLEMENTATIONS.map((implementation) => ({ context, implementation })));

const played = scenariosFor('in browsers');

describe.each(BROWSERS)('in %s', (name) => {
  let browser: Browser;
  const servers = new Map<object, ScenarioServer>();

  beforeAll(async () => {
    if (isMissing(name)) return;
    const agent = await bundleForBrowsers();
    browser = await startBrowser(name, name === 'firefox' ? { extraPrefsFirefox: FIREFOX_PREFS } : {});
    for (const place of PLACES) {
      const { implementation, context } = place;
      // Four streams and what controls them stay below the six connections that a browser makes to an origin.
      const agenda = { implementation, scenarios: played.map(({ index }) => index), concurrency: 3 };
      const server = await ScenarioServer.listen(scenarios, agenda, agent);
      servers.set(place, server);
      const page = await browser.newPage();
      await page.goto(`${server.origin}/page?context=${encodeURIComponent(context)}`);
    }
  });

  afterAll(async () => {
    await browser?.close();
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
  });

  describe.each(PLACES)('$implementation EventSource in a $context', (place) => {
    const listener = place.implementation === 'native' ? TITLES[name] : (`ours in ${TITLES[name]}` as const);
    for (const { index, title } of played) {
      test.skipIf(isMissing(name))(title, () => expectScenario(servers.get(place)!, index, listener));
    }
  });
});
