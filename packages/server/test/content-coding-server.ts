import { Channel } from '@tidings/server';
import {
  eventStream,
  respond,
  type EventStreamHandle,
  type NodeRequest,
  type NodeResponse,
} from '@tidings/server/node';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { makeCertificate } from './certificate.ts';

/** What a response said of its coding. */
export interface Answered {
  readonly coding: string | undefined;
  readonly vary: string | undefined;
}

export type Version = 'HTTP/1.1' | 'HTTP/2';

/** A real server with compression: a channel, a response of its own whose source the test is, and a page. */
export class CodedServer {
  readonly origin: string;
  readonly channel = new Channel({ compression: true, keepAliveMs: 0 });
  /** What was answered to each listener. */
  readonly answers: Answered[] = [];
  /** The responses at /stream that are open, each with what breaks it off. */
  readonly streams: { readonly handle: EventStreamHandle; readonly fail: (error: Error) => void }[] = [];
  readonly #accepted: string | undefined;
  readonly #close: () => Promise<void>;

  private constructor(origin: string, accepted: string | undefined, close: () => Promise<void>) {
    this.origin = origin;
    this.#accepted = accepted;
    this.#close = close;
  }

  /** @param accepted - what listeners are taken to accept, whatever they say: browsers say that they accept all that they know, always */
  static async listen(version: Version, accepted?: string): Promise<CodedServer> {
    const answer = (request: NodeRequest, response: NodeResponse): void => coded.#answer(request, response);
    const server =
      version === 'HTTP/2' ? createSecureServer(makeCertificate(), answer) : createServer((...pair) => answer(...pair));
    const sockets = new Set<{ destroy(): void }>();
    server.on(version === 'HTTP/2' ? 'secureConnection' : 'connection', (socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const origin = `http${version === 'HTTP/2' ? 's' : ''}://127.0.0.1:${port}`;
    const coded = new CodedServer(origin, accepted, async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    });
    return coded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #answer(request: NodeRequest, response: NodeResponse): void {
    const path = request.url?.split('?')[0];
    if (this.#accepted !== undefined) request.headers['accept-encoding'] = this.#accepted;
    if (path === '/channel' || path === '/stream') this.#watch(response);
    if (path === '/channel') void respond(this.channel, request, response);
    else if (path === '/stream') {
      const source = (handle: EventStreamHandle): Promise<void> =>
        new Promise((_resolve, fail) => {
          this.streams.push({ handle, fail });
        });
      // What breaks it off is the test's own doing.
      eventStream(request, response, source, { compression: true, keepAliveMs: 0 }).catch(() => {});
    } else {
      // The one of HTTP/2 has the same methods, which its type does not say.
      const whole = response as ServerResponse;
      whole.writeHead(path === '/page' ? 200 : 404, { 'Content-Type': 'text/html' });
      whole.end('<!doctype html><title>Content coding</title>');
    }
  }

  /** Notes what is said in the head. */
  #watch(response: NodeResponse): void {
    // Its two kinds differ in what they give back, which nobody looks at here.
    const head = response as unknown as { writeHead: WriteHead };
    const write = head.writeHead.bind(response);
    head.writeHead = (status, headers) => {
      this.answers.push({ coding: headers['Content-Encoding'], vary: headers['Vary'] });
      return write(status, headers);
    };
  }
}

type WriteHead = (status: number, headers: Record<string, string>) => NodeResponse;
