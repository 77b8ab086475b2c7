import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { BrowserName } from './browser.ts';

/** How many browsers of a name wait for the next test. Guards the memory of the machine. */
const MAX_IDLE = 2;

interface LentBrowser {
  readonly endpoint: string;
  readonly process: ChildProcess;
}

/**
 * Lends browsers to the tests of a run, one after the other: a start of Firefox takes several seconds of processor time. Whoever connects writes the name of
 * a browser and is told its WebSocket; `done` gives the browser back. One that is not given back, because its test has failed or its process has ended, is
 * killed, so that nobody else gets it.
 */
export class BrowserPool implements AsyncDisposable {
  readonly #server: Server;
  readonly #idle: Readonly<Record<BrowserName, Set<LentBrowser>>> = { chromium: new Set(), firefox: new Set() };
  readonly #running = new Set<LentBrowser>();

  private constructor() {
    this.#server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      this.#lend(socket).catch((error: unknown) => socket.end(`${String(error).split('\n', 1)[0]}\n`));
    });
  }

  static async open(): Promise<BrowserPool> {
    const pool = new BrowserPool();
    pool.#server.listen(0, '127.0.0.1');
    await once(pool.#server, 'listening');
    return pool;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await Promise.all([...this.#running].map(kill));
  }

  async #lend(socket: Socket): Promise<void> {
    const lines = createInterface(socket)[Symbol.asyncIterator]();
    const { value: name } = await lines.next();
    if (!isBrowser(name)) throw new Error(`There is no browser "${name}"`);
    const browser = this.#take(name) ?? (await this.#start(name));
    socket.write(`${browser.endpoint}\n`);
    const last = await lines.next().catch(() => undefined);
    socket.destroy();
    const isWell = last?.value === 'done' && this.#running.has(browser);
    if (isWell && this.#idle[name].size < MAX_IDLE) this.#idle[name].add(browser);
    else await kill(browser);
  }

  #take(name: BrowserName): LentBrowser | undefined {
    const [browser] = this.#idle[name];
    if (browser !== undefined) this.#idle[name].delete(browser);
    return browser;
  }

  async #start(name: BrowserName): Promise<LentBrowser> {
    // Loaded only here: most runs of a file or two need none.
    const { launchBrowser } = await import('./browser.ts');
    const launched = await launchBrowser(name, { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false });
    const browser = { endpoint: launched.wsEndpoint(), process: launched.process()! };
    this.#running.add(browser);
    browser.process.once('exit', () => {
      this.#running.delete(browser);
      this.#idle[name].delete(browser);
    });
    // Firefox has one session at a time.
    await launched.disconnect();
    return browser;
  }
}

function isBrowser(name: unknown): name is BrowserName {
  return name === 'chromium' || name === 'firefox';
}

async function kill({ process }: LentBrowser): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const ended = once(process, 'exit');
  process.kill('SIGKILL');
  await ended;
}
