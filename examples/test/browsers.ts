import type { Browser, BrowserContext, Page } from 'puppeteer-core';
import { type BrowserName, startBrowser } from '../../test/browser.ts';

/** Whose EventSource a page listens with, and what its address says for that. */
export const CLIENTS = [
  { client: 'the browser’s EventSource', query: '' },
  { client: 'ours', query: '?client=tidings' },
] as const;

/** Starts a browser that takes certificates which nobody has signed. */
export function startExampleBrowser(name: BrowserName): Promise<Browser> {
  return startBrowser(name, { acceptInsecureCerts: true });
}

/** A tab with a page of the examples, watched through what it shows. */
export class ExampleTab implements AsyncDisposable {
  readonly page: Page;

  readonly #owner: Page | BrowserContext;

  private constructor(page: Page, context: BrowserContext | undefined) {
    this.page = page;
    this.#owner = context ?? page;
  }

  /** Opens a tab that shares its cookies and connections with others. */
  static async open(browser: Browser, url: string): Promise<ExampleTab> {
    return await ExampleTab.#load(await browser.newPage(), url);
  }

  /** Opens a tab with cookies and connections of its own: of the latter a browser makes but six to a server of HTTP/1.1. */
  static async openApart(browser: Browser, url: string): Promise<ExampleTab> {
    const context = await browser.createBrowserContext();
    return await ExampleTab.#load(await context.newPage(), url, context);
  }

  static async #load(page: Page, url: string, context?: BrowserContext): Promise<ExampleTab> {
    await page.goto(url, { waitUntil: 'domcontentloaded' });
    return new ExampleTab(page, context);
  }

  click(id: string): Promise<void> {
    // Not by coordinates: for those a tab has to come to the front, where only one can be.
    return this.page.$eval(`#${id}`, (element) => (element as HTMLElement).click());
  }

  async choose(id: string, value: string): Promise<void> {
    await this.page.select(`#${id}`, value);
  }

  text(id: string): Promise<string> {
    return this.page.$eval(`#${id}`, (element) => element.textContent ?? '');
  }

  /** The log, a line each: the event's name, its data and its id. */
  log(): Promise<string[]> {
    return this.page.$$eval('#log > li', (lines) =>
      lines.map((line) =>
        ['.name', '.text', '.id']
          .map((part) => line.querySelector(part)?.textContent ?? '')
          .filter((part) => part !== '')
          .join(' '),
      ),
    );
  }

  /** Waits until the log has this many lines, and returns them. */
  async lines(count: number): Promise<string[]> {
    await this.page.waitForFunction(
      (least) => document.querySelectorAll('#log > li').length >= least,
      { polling: 50 },
      count,
    );
    return (await this.log()).slice(0, count);
  }

  /** Waits until the log has lines with these beginnings in this order, with any lines between them. */
  async follows(...beginnings: readonly string[]): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => {
        let found = 0;
        for (const line of document.querySelectorAll('#log > li')) {
          const text = `${line.querySelector('.name')?.textContent} ${line.querySelector('.text')?.textContent}`;
          if (found < wanted.length && text.startsWith(wanted[found]!)) found += 1;
        }
        return found === wanted.length;
      },
      { polling: 50 },
      beginnings,
    );
  }

  /** Waits until an element shows the text. */
  async shows(id: string, text: string): Promise<void> {
    await this.page.waitForFunction(
      (where, what) => document.querySelector(`#${where}`)?.textContent?.includes(what) === true,
      { polling: 50 },
      id,
      text,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owner.close();
  }
}
