import { once } from 'node:events';
import { connect as connectTo } from 'node:net';
import { createInterface } from 'node:readline';
import { type Browser, type BrowserContext, connect, launch, type LaunchOptions } from 'puppeteer-core';
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

/**
 * A browser without a window, with more options and arguments if need be. Whoever starts it closes it. In a run of the tests one without options of its own is
 * borrowed: its pages are in a context of their own, with storage, cookies and connections that no other test has.
 */
export async function startBrowser(name: BrowserName, options: LaunchOptions = {}): Promise<Browser> {
  const port = process.env['BROWSER_POOL_PORT'];
  const { acceptInsecureCerts = false, ...own } = options;
  const isBorrowed = port !== undefined && Object.keys(own).length === 0;
  return isBorrowed
    ? await borrowBrowser(name, Number(port), acceptInsecureCerts)
    : withPatience(await launchBrowser(name, options));
}

function withPatience(browser: Browser): Browser {
  const createContext = browser.createBrowserContext.bind(browser);
  browser.createBrowserContext = async (...given) => patientPages(await createContext(...given));
  return patientPages(browser);
}

function patientPages<Owner extends Browser | BrowserContext>(owner: Owner): Owner {
  const newPage = owner.newPage.bind(owner);
  owner.newPage = async (...given) => {
    const page = await newPage(...given);
    page.setDefaultTimeout(TIMEOUT_MS);
    return page;
  };
  return owner;
}

/** Starts a browser of its own. */
export async function launchBrowser(
  name: BrowserName,
  { args = [], extraPrefsFirefox = {}, ...options }: LaunchOptions = {},
): Promise<Browser> {
  const usual = OPTIONS[name];
  return await launch({
    ...usual,
    executablePath: programPath(name),
    ...options,
    args: [...(usual.args ?? []), ...args],
    extraPrefsFirefox: { ...usual.extraPrefsFirefox, ...extraPrefsFirefox },
  });
}

/** A browser of the pool of this run. Closing it closes its contexts, and gives it back. */
async function borrowBrowser(name: BrowserName, port: number, acceptInsecureCerts: boolean): Promise<Browser> {
  const lender = connectTo(port, '127.0.0.1');
  lender.write(`${name}\n`);
  const [endpoint] = (await once(createInterface(lender), 'line')) as [string];
  if (!endpoint.startsWith('ws:')) throw new Error(`${name} could not be started: ${endpoint}`);
  lender.unref();
  const protocol = name === 'firefox' ? 'webDriverBiDi' : 'cdp';
  const browser = withPatience(await connect({ browserWSEndpoint: endpoint, protocol, acceptInsecureCerts }));
  const contexts: BrowserContext[] = [];
  const createContext = browser.createBrowserContext.bind(browser);
  browser.createBrowserContext = async (...given) => {
    const context = await createContext(...given);
    contexts.push(context);
    return context;
  };
  const context = await browser.createBrowserContext();
  browser.newPage = (...given) => context.newPage(...given);
  browser.close = async () => {
    for (const each of contexts) if (!each.closed) await each.close();
    await browser.disconnect();
    lender.end('done\n');
  };
  return browser;
}
