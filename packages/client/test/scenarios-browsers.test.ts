import { type Browser, launch, type LaunchOptions } from 'puppeteer-core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { bundleForBrowsers } from './scenario-bundle.ts';
import { expectScenario, scenariosFor } from './scenario-check.ts';
import { ScenarioServer } from './scenario-server.ts';
import { scenarios } from './scenarios.ts';

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const BROWSERS: readonly { name: 'Chromium' | 'Firefox'; options: LaunchOptions }[] = [
  { name: 'Chromium', options: { browser: 'chrome', executablePath: '/usr/bin/chromium', args: CHROMIUM_ARGS } },
  {
    name: 'Firefox',
    options: {
      browser: 'firefox',
      executablePath: '/usr/bin/firefox-esr',
      extraPrefsFirefox: {
        // All pages but one are in the background, where timers would fire once a second.
        'dom.min_background_timeout_value': 4,
        // It asks ten times before it takes a connection that breaks without an answer for a network error.
        'network.http.request.max-attempts': 1,
      },
    },
  },
];
const CONTEXTS = ['page', 'worker', 'shared worker'] as const;
const IMPLEMENTATIONS = ['ours', 'native'] as const;
const PLACES = CONTEXTS.flatMap((context) => IMPLEMENTATIONS.map((implementation) => ({ context, implementation })));

const missing = new Set((process.env['TIDINGS_MISSING'] ?? '').split(','));
const played = scenariosFor('in browsers');

describe.each(BROWSERS)('in $name', { timeout: 60_000 }, ({ name, options }) => {
  const isMissing = missing.has(name.toLowerCase());
  let browser: Browser;
  const servers = new Map<object, ScenarioServer>();

  beforeAll(async () => {
    if (isMissing) return;
    const agent = await bundleForBrowsers();
    browser = await launch(options);
    for (const place of PLACES) {
      const { implementation, context } = place;
      // Four streams and what controls them stay below the six connections that a browser makes to an origin.
      const agenda = { implementation, scenarios: played.map(({ index }) => index), concurrency: 3 };
      const server = await ScenarioServer.listen(scenarios, agenda, agent);
      servers.set(place, server);
      const page = await browser.newPage();
      await page.goto(`${server.origin}/page?context=${encodeURIComponent(context)}`);
    }
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
  });

  describe.each(PLACES)('$implementation EventSource in a $context', (place) => {
    const listener = place.implementation === 'native' ? name : (`ours in ${name}` as const);
    for (const { index, title } of played) {
      test.skipIf(isMissing)(title, () => expectScenario(servers.get(place)!, index, listener));
    }
  });
});
