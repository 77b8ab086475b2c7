import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import type { Browser } from 'puppeteer-core';
import type { PageClient } from './page-clients.ts';
import type { Server } from './servers.ts';
import type { Listener } from './trial.ts';

/** Serves the pages, from an origin of their own. */
export class Pages implements AsyncDisposable {
  readonly #server: HttpServer;
  readonly #contents = new Map<string, { type: string; content: string }>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const found = this.#contents.get(request.url ?? '');
      if (found) response.setHeader('content-type', found.type).end(found.content);
      else response.writeHead(404).end();
    });
  }

  static async start(): Promise<Pages> {
    const pages = new Pages();
    pages.#server.listen(0, '127.0.0.1');
    await once(pages.#server, 'listening');
    return pages;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Opens the page of a client, in a window of its own: a tab behind another one is held back, and shares its six connections. */
  async open(browser: Browser, client: PageClient, server: Server): Promise<Listener> {
    const path = `/${encodeURIComponent(client.title)}`;
    const url = server.url(client.form);
    this.#contents.set(`${path}.js`, { type: 'text/javascript', content: await bundle(client.script) });
    const content = `<!doctype html><meta charset="utf-8"><title>${client.title}</title>
      <script>
        const url = ${JSON.stringify(url)};
        function add(text) {
          const paragraph = document.createElement('p');
          paragraph.textContent = text;
          document.querySelector('#got').append(paragraph);
        }
      </script>
      <body>${client.markup.replaceAll('$URL', url)}<script type="module" src="${path}.js"></script></body>`;
    this.#contents.set(path, { type: 'text/html', content });
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.goto(this.origin + path);
    return {
      title: client.title,
      got: () => page.$$eval('#got p', (paragraphs) => paragraphs.map(({ textContent }) => textContent)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function bundle(script: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'warning',
  });
  return outputFiles[0]?.text ?? '';
}
