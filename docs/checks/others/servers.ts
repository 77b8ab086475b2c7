import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type Form, FORMS } from './forms.ts';

/**
 * The kinds of servers: a hub, a hub whose supervisor holds the socket while the hub is away, and a server of an application with channels. Where nobody
 * holds the socket, connections are refused meanwhile.
 */
export const KINDS = ['hub', 'hub --supervise', 'Channel'] as const;
export type Kind = (typeof KINDS)[number];

const COMMAND = join(import.meta.dirname, '../../../packages/cli/dist/main.js');

/** No trial takes longer; a server that hangs must not outlive the run. */
const MAX_LIFE_MS = 300_000;

/** A server that is killed and started again on one port, with its events on disk. */
export class Server implements AsyncDisposable {
  readonly kind: Kind;
  readonly #port: number;
  readonly #origin: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tidings-others-'));
  #child: ChildProcess | undefined;

  private constructor(kind: Kind, port: number, origin: string) {
    this.kind = kind;
    this.#port = port;
    this.#origin = origin;
  }

  /** @param origin whose pages may listen */
  static async start(kind: Kind, origin: string): Promise<Server> {
    const server = new Server(kind, await freePort(), origin);
    await server.#run();
    return server;
  }

  /** Where the events of a form are listened to. */
  url(form: Form): string {
    return `http://127.0.0.1:${this.#port}/topics/${form}`;
  }

  /** Publishes the n-th event in every form, and resolves when all are on disk. */
  async publish(n: number, retryMs?: number): Promise<void> {
    const retry = retryMs === undefined ? {} : { retry: String(retryMs) };
    const forms = Object.entries(FORMS) as [Form, (typeof FORMS)[Form]][];
    await Promise.all(
      forms.map(async ([form, fieldsOf]) => {
        const { event, data = '' } = fieldsOf(n);
        const query = new URLSearchParams({ ...(event === undefined ? {} : { type: event }), ...retry });
        await send(`${this.url(form)}?${query.toString()}`, 'POST', data);
      }),
    );
  }

  /** Ends it by a signal and waits until it is gone. Of a hub with a supervisor it ends the hub only. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.kind !== 'hub --supervise') await this.#end(signal);
    else for (const child of childrenOf(Number(this.#child?.pid))) process.kill(child, signal);
  }

  /** Starts it again, and resolves when it is there. */
  async restart(): Promise<void> {
    if (this.kind !== 'hub --supervise') await this.#run();
    // Its supervisor starts the next one, and the connection of this request waits for it.
    else await send(`http://127.0.0.1:${this.#port}/healthz`, 'GET');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end(this.kind === 'hub --supervise' ? 'SIGTERM' : 'SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #run(): Promise<void> {
    const data = join(this.#folder, 'data');
    const port = String(this.#port);
    const args =
      this.kind === 'Channel'
        ? [join(import.meta.dirname, 'channel-process.ts'), port, data, this.#origin]
        : [COMMAND, 'serve', '--port', port, '--data', data, '--cors-origin', this.#origin];
    if (this.kind === 'hub --supervise') args.push('--supervise');
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: MAX_LIFE_MS,
      killSignal: 'SIGKILL',
    });
    this.#child = child;
    const ended = once(child, 'exit').then(() => {
      throw new Error(`The ${this.kind} ended before it was ready`);
    });
    await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
    // From here on it ends because it is killed.
    ended.catch(() => {});
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }
}

/** Makes a request on a connection of its own: one that was kept could be that of a process that is gone. */
async function send(url: string, method: 'GET' | 'POST', body?: string): Promise<void> {
  const sent = request(url, { method, agent: false });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const content = await text(answer);
  if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}: ${content}`);
}

function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.trim().split(' ').map(Number);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
