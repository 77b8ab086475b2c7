import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Hub } from '@tidings/hub';
import type { EventLog } from '@tidings/server/log';
import { onTestFinished } from 'vitest';
import { serveHub } from './serve-hub.ts';

/** A request that a hub was sent, and its answer. */
export interface Passed {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** What the hub has answered; `undefined` if it was not asked, or has not answered yet. */
  status?: number;
  answer?: string;
}

/**
 * What the proxy does in place of passing a request on: it breaks the connection before the hub has it, or after the hub has answered, or never answers, or
 * answers itself.
 */
export type ProxyFault = 'lose-request' | 'lose-answer' | 'silence' | { readonly status: number };

/** Stands between publishers and a hub. */
export class HubProxy {
  readonly url: string;
  readonly passed: Passed[] = [];
  /** Called for each request. */
  fault: (request: Passed) => ProxyFault | undefined = () => undefined;
  /** A page that loads this script, and the script, are answered at other paths than those of the hub. */
  script = '';
  readonly #hubPort: number;

  private constructor(port: number, hubPort: number) {
    this.url = `http://127.0.0.1:${port}/`;
    this.#hubPort = hubPort;
  }

  static async start(hubPort: number): Promise<HubProxy> {
    const server = http.createServer((request, response) => void proxy.#pass(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const proxy = new HubProxy((server.address() as AddressInfo).port, hubPort);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return proxy;
  }

  /** The requests with a method that the hub has answered. */
  answered(method: string): Passed[] {
    return this.passed.filter((request) => request.method === method && request.answer !== undefined);
  }

  async #pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    // The host is passed on, too, so that the pages of the proxy are of the hub's own origin.
    const { method = '', url = '', headers } = request;
    if (!url.startsWith('/topics')) {
      const isScript = url === '/script.js';
      response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
      response.end(isScript ? this.script : '<!doctype html><script type="module" src="/script.js"></script>');
      return;
    }
    const body = await buffer(request).catch(() => undefined);
    if (!body) return;
    const passed: Passed = { method, url, headers, body: body.toString() };
    this.passed.push(passed);
    const fault = this.fault(passed);
    if (fault === 'silence') return;
    if (typeof fault === 'object') return void response.writeHead(fault.status).end();
    if (fault === 'lose-request') return void request.socket.destroy();
    const onward = http.request({ port: this.#hubPort, method, path: url, headers });
    onward.end(body);
    const [answer] = (await once(onward, 'response')) as [http.IncomingMessage];
    const answered = await buffer(answer);
    passed.status = answer.statusCode!;
    passed.answer = answered.toString();
    if (fault === 'lose-answer') request.socket.destroy();
    else response.writeHead(passed.status, answer.headers).end(answered);
  }
}

/** A hub on a log, behind a proxy, for the length of one test. */
export async function hubBehindProxy(log: EventLog): Promise<HubProxy> {
  return await HubProxy.start(await serveHub(new Hub({ log })));
}
