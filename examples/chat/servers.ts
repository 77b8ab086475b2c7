import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, request as ask, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { NodeRequest, NodeResponse } from '@tidings/server/node';
import { reply } from '../site/reply.ts';

interface ChatServer {
  readonly name: string;
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly url: string;
}

const NAMES = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Two servers of the chat behind a proxy that gives each request to the next one. A server that was killed is followed by another one. */
export class ChatServers {
  readonly #hub: string;
  readonly #model: string;
  #servers: ChatServer[] = [];
  #turn = 0;
  #made = 0;

  private constructor(hub: string, model: string) {
    this.#hub = hub;
    this.#model = model;
  }

  static async start(hub: string, model: string): Promise<ChatServers> {
    const servers = new ChatServers(hub, model);
    await servers.#startOne();
    await servers.#startOne();
    return servers;
  }

  /** Kills a server at once, as when its machine loses its power. */
  async kill(name: string): Promise<void> {
    const server = this.#servers.find((each) => each.name === name);
    if (!server) return;
    this.#servers = this.#servers.filter((each) => each !== server);
    server.process.kill('SIGKILL');
    await this.#startOne();
  }

  /** Gives a request to the next server. */
  async pass(request: NodeRequest, response: NodeResponse, path: string): Promise<void> {
    const server = this.#servers[(this.#turn += 1) % this.#servers.length];
    if (!server) return reply(response, 503, 'There is no server.\n');
    const { host: _, ...headers } = request.headers;
    const passed = ask(`${server.url}/${path}`, { method: request.method ?? 'GET', headers: plain(headers) });
    response.once('close', () => passed.destroy());
    try {
      pipeline(request, passed).catch(() => {});
      const [answer] = (await once(passed, 'response')) as [IncomingMessage];
      // HTTP/2 forbids them.
      const { connection: __, 'keep-alive': ___, 'transfer-encoding': ____, ...answered } = answer.headers;
      (response as ServerResponse).writeHead(answer.statusCode ?? 502, answered).flushHeaders();
      await pipeline(answer, response as Writable);
    } catch {
      // The server was killed, or the page has gone.
      response.destroy();
    }
  }

  async #startOne(): Promise<void> {
    const name = NAMES[this.#made % NAMES.length] ?? '';
    this.#made += 1;
    const args = [join(import.meta.dirname, 'chat-server.ts'), this.#hub, this.#model, name];
    // Its standard input ends when this process does, and the server with it.
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [url] = (await once(child.stdout, 'data')) as [Buffer];
    this.#servers.push({ name, process: child, url: String(url).trim() });
  }
}

/** Those of HTTP/2 have names that no request of HTTP/1.1 may have. */
function plain(headers: NodeRequest['headers']): Record<string, string | string[] | undefined> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
}
