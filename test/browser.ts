import { launch, type Browser, type LaunchOptions } from 'puppeteer-core';
import { programPath } from '../scripts/debian.mjs';

export { isMissing } from './missing.ts';

export const BROWSERS = ['chromium', 'firefox'] as const;
export type BrowserName = (typeof BROWSERS)[number];

const OPTIONS: Readonly<Record<BrowserName, LaunchOptions>> = {
  chromium: {
    browser: 'chrome',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  },
  firefox: {
    browser: 'firefox',
    extraPrefsFirefox: {
      // All pages of a test but one are in the background. There, timers fire once a second, and no more than once in fifteen
      // seconds when the pages have used up their time: on a busy machine at once.
      'dom.timeout.enable_budget_timer_throttling': false,
      'dom.min_background_timeout_value_without_budget_throttling': 4,
    },
  },
};

/** For a machine with much else to do: a page shows what is waited for within seconds. */
const TIMEOUT_MS = 100_000;

/** Starts a browser, without a window, with more options and arguments if need be. Whoever starts it closes it. */
export async function startBrowser(
  name: BrowserName,
  { args = [], extraPrefsFirefox = {}, ...options }: LaunchOptions = {},
): Promise<Browser> {
  const usual = OPTIONS[name];
  const browser = await launch({
    ...usual,
    executablePath: programPath(name),
    ...options,
    args: [...(usual.args ?? []), ...args],
    extraPrefsFirefox: { ...usual.extraPrefsFirefox, ...extraPrefsFirefox },
  });
  const newPage = browser.newPage.bind(browser);
  browser.newPage = async (...given) => {
    const page = await newPage(...given);
    page.setDefaultTimeout(TIMEOUT_MS);
    return page;
  };
  return browser;
}
