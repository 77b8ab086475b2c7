import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { Channel } from '@tidings/server';
import { eventStream, respond } from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';

/** A request that has come in. */
export interface Arrival {
  /** That of HTTP, as the proxy speaks it. */
  readonly version: string;
  /** Fulfils when its response is over, however that came. */
  readonly closed: Promise<unknown>;
  /** For an event stream: what it is written to. */
  readonly source: PassThrough;
  /** For an event stream: what `eventStream` gave. */
  readonly outcome: Promise<void>;
}

/** The ways in which events are sent. */
export const SENDERS = ['eventStream', 'Channel', 'compressing eventStream', 'compressing Channel'] as const;
export type Sender = (typeof SENDERS)[number];

export function compresses(sender: Sender): boolean {
  return sender.startsWith('compressing ');
}

/** Our server, behind whatever there is in front of it. */
export class Origin {
  readonly #channels = { plain: new Channel(), compressing: new Channel({ compression: true }) };
  readonly #keepAliveMs: number;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));
  readonly #arrivals = new Map<string, Arrival[]>();
  #arrived: (() => void)[] = [];
  #paths = 0;

  private constructor(keepAliveMs: number) {
    this.#keepAliveMs = keepAliveMs;
  }

  /** @param keepAliveMs of event streams */
  static async listen(keepAliveMs = 15_000): Promise<Origin> {
    const origin = new Origin(keepAliveMs);
    origin.#server.listen(0, '127.0.0.1');
    await once(origin.#server, 'listening');
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  channel(sender: Sender): Channel {
    return compresses(sender) ? this.#channels.compressing : this.#channels.plain;
  }

  /** A path of its own at which a listener gets what the sender sends. */
  path(sender: Sender): string {
    this.#paths += 1;
    return `/${sender.replace(' ', '/')}/${this.#paths}`;
  }

  /** The next request for this path that has not been asked for here yet. */
  async arrival(path: string): Promise<Arrival> {
    for (;;) {
      const first = this.#arrivals.get(path)?.shift();
      if (first) return first;
      await new Promise<void>((resolve) => void this.#arrived.push(resolve));
    }
  }

  /** Sends an event to who arrived, in the way that it asked for. */
  async send(sender: Sender, arrival: Arrival, fields: EventFields): Promise<void> {
    if (sender.endsWith('Channel')) await this.channel(sender).publish(fields);
    else arrival.source.write(fields);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Object.values(this.#channels).map((channel) => channel.drain()));
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/';
    if (path === '/page') {
      response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Listener</title>');
      return;
    }
    const source = new PassThrough({ objectMode: true });
    const closed = once(response, 'close');
    const sender = SENDERS.find((one) => path.startsWith(`/${one.replace(' ', '/')}/`)) ?? 'eventStream';
    const outcome = sender.endsWith('Channel')
      ? respond(this.channel(sender), request, response)
      : eventStream(request, response, source as AsyncIterable<EventFields>, {
          keepAliveMs: this.#keepAliveMs,
          compression: compresses(sender),
        });
    // Whoever asks for the arrival hears of it.
    outcome.catch(() => {});
    this.#arrivals.set(path, [
      ...(this.#arrivals.get(path) ?? []),
      { version: request.httpVersion, closed, source, outcome },
    ]);
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const wake of arrived) wake();
  }
}
