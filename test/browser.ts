import { launch, type Browser, type LaunchOptions } from 'puppeteer-core';
import { programPath } from '../scripts/debian.mjs';

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

/** Whether the gate has said that this machine has not got the program, and so what needs it is not tested. */
export function isMissing(name: string): boolean {
  return (process.env['TIDINGS_MISSING'] ?? '').split(',').includes(name);
}

/** Starts a browser, without a window. Whoever starts it closes it. */
export function startBrowser(name: BrowserName, options: LaunchOptions = {}): Promise<Browser> {
  return launch({ ...OPTIONS[name], executablePath: programPath(name), ...options });
}
