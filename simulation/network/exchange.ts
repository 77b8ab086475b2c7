import type { FetchInit, FetchResponse } from '@tidings/client';
import type { HubRequest } from '@tidings/hub';
import type { Answer } from '@tidings/server/live';
import type { Process } from '../scheduler/process.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { Body } from './body.ts';
import { Link } from './link.ts';
import type { Endpoint } from './network.ts';
import { StreamSink } from './stream-sink.ts';

const NO_BODY: AsyncIterable<Uint8Array> = (async function* none() {})();

/** What is known of the way between a client and a server. */
export interface Route {
  /** Where the client is. */
  readonly region: number;
  /** How long bytes are on their way now, in milliseconds. */
  delay(bytes: number): number;
}

/** One request and its answer, on a connection of its own. */
export class Exchange {
  readonly region: number;
  readonly #scheduler: Scheduler;
  readonly #endpoint: Endpoint;
  /** The one to which the connection leads. */
  readonly #process: Process | undefined;
  readonly #route: Route;
  readonly #toServer: Link;
  readonly #toClient: Link;
  readonly #body: Body;
  readonly #onOver: (exchange: Exchange) => void;
  #sink: StreamSink | undefined;
  #settle: { readonly resolve: (response: FetchResponse) => void; readonly reject: (error: Error) => void } | undefined;
  /** Called at the server if the client goes before it is answered. */
  #onGone: (() => void) | undefined;
  readonly #isOver = { client: false, server: false };

  constructor(scheduler: Scheduler, endpoint: Endpoint, route: Route, onOver: (exchange: Exchange) => void) {
    this.#scheduler = scheduler;
    this.#endpoint = endpoint;
    this.#process = endpoint.process.isAlive ? endpoint.process : undefined;
    this.#route = route;
    this.region = route.region;
    this.#onOver = onOver;
    this.#toServer = new Link(scheduler, this.#process);
    this.#toClient = new Link(scheduler, undefined);
    this.#body = new Body(
      (bytes) => this.#sink?.taken(bytes),
      () => this.leave(),
    );
  }

  /** Makes the request. Resolves when the head of the answer has come. */
  begin(url: string, { method, headers, body, signal }: FetchInit): Promise<FetchResponse> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      signal.addEventListener('abort', () => {
        this.leave();
        reject(signal.reason as Error);
      });
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : undefined;
      this.#toServer.send(this.#route.delay(bytes?.length ?? 0), () => {
        if (!this.#endpoint.isListening || this.#endpoint.process !== this.#process) return this.refuse();
        void this.#serve(this.#request(url, method, headers, bytes));
      });
    });
  }

  /** Nothing gets through from now on. Neither side is told. */
  hold(): void {
    this.#toServer.hold();
    this.#toClient.hold();
  }

  release(): void {
    this.#toServer.release();
    this.#toClient.release();
  }

  /** The client gives up. The server is told, if that gets through. */
  leave(): void {
    if (this.#isOver.client) return;
    this.#isOver.client = true;
    this.#toServer.send(this.#route.delay(0), () => this.#lose());
    this.#toClient.cut();
    this.#over();
  }

  /** Breaks the connection. Both sides are told, the client when that gets through. */
  reset(): void {
    this.#toClient.send(this.#route.delay(0), () => this.#fail('The connection was reset'));
  }

  /** The system of the server gives the connection up, because nothing that was sent has been acknowledged. */
  timeOut(): void {
    this.#scheduler.after(this.#process, 0, () => this.#lose());
  }

  /** The process of the server is dead. @param isSilent whether its machine is dead, too, so that nobody tells the client */
  die(isSilent: boolean): void {
    this.#isOver.server = true;
    this.#toServer.cut();
    if (isSilent) this.#toClient.cut();
    else this.reset();
    this.#over();
  }

  /** Nobody listens there. */
  refuse(): void {
    this.#toClient.send(this.#route.delay(0), () => this.#fail('The connection was refused'));
    this.#lose();
  }

  #request(url: string, method: string, headers: Record<string, string>, bytes: Uint8Array | undefined): HubRequest {
    return {
      method,
      url,
      header: (name) => (name === 'host' ? new URL(url).host : headers[name]),
      address: `10.0.0.${this.region}`,
      onGone: (gone) => {
        this.#onGone = gone;
        return () => {
          this.#onGone = undefined;
        };
      },
      body: NO_BODY,
      received: () => bytes ?? new Uint8Array(),
    };
  }

  async #serve(request: HubRequest): Promise<void> {
    const { status, headers, body, start, abandon } = await this.#endpoint.handle(request);
    if (this.#isOver.server) return abandon?.();
    this.#toClient.send(this.#route.delay(0), () => this.#answered(status, headers, request.url));
    const sink = new StreamSink({
      sendChunk: (bytes) => this.#toClient.send(this.#route.delay(bytes.length), () => this.#body.arrive(bytes)),
      sendEnd: () => this.#toClient.send(this.#route.delay(0), () => this.#complete()),
      reset: () => this.reset(),
      soon: (run) => void this.#scheduler.after(this.#process, 0, run),
    });
    this.#sink = sink;
    if (start) start(sink);
    else {
      if (body !== undefined)
        sink.write({ bytes: new TextEncoder().encode(body) } as Parameters<StreamSink['write']>[0]);
      sink.end();
    }
  }

  #answered(status: number, headers: Answer['headers'], url: string): void {
    const found = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    this.#settle?.resolve({
      status,
      url,
      redirected: false,
      headers: { get: (name) => found.get(name.toLowerCase()) ?? null },
      body: this.#body.stream,
    });
  }

  #complete(): void {
    this.#isOver.client = true;
    this.#body.end('complete');
    this.#over();
  }

  #fail(reason: string): void {
    if (this.#isOver.client) return;
    this.#isOver.client = true;
    const error = new Error(reason);
    this.#settle?.reject(error);
    this.#body.end(error);
    this.#over();
  }

  /** The server's end is gone. */
  #lose(): void {
    if (this.#isOver.server) return;
    this.#isOver.server = true;
    this.#onGone?.();
    this.#sink?.close();
    this.#over();
  }

  #over(): void {
    // A server that has ended its stream has closed its end by then.
    if (this.#isOver.client) this.#onOver(this);
  }
}
