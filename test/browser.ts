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
  firefox: { browser: 'firefox' },
};

/** Starts a browser, without a window, with more options and arguments if need be. Whoever starts it closes it. */
export function startBrowser(name: BrowserName, { args = [], ...options }: LaunchOptions = {}): Promise<Browser> {
  const usual = OPTIONS[name];
  return launch({
    ...usual,
    executablePath: programPath(name),
    ...options,
    args: [...(usual.args ?? []), ...args],
  });
}
