import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createStreamServer, nodeHead, startResponse } from '@tidings/server/node';
import type { Hub } from '../hub.ts';

// An upload of an event stream may last for as long as its publisher likes; a request's head may not.
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 60_000 };

/** A server for the hub, not listening yet. */
export function createServer(hub: Hub): Server {
  return createStreamServer((request, response) => void answer(hub, request, response), TIMEOUTS);
}

async function answer(hub: Hub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A client that breaks off its upload is no error of ours.
  request.on('error', () => {});
  const url = urlOf(request);
  if (url === undefined) {
    response
      .writeHead(400, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
      .end('The request has no valid URL\n');
    return;
  }
  // Assigned to the head and not spread from it: its getters ask the socket only when somebody wants to know.
  const head = Object.assign(nodeHead(request, url), { body: request });
  const { status, headers, body, start, abandon } = await hub.handle(head);
  if (response.destroyed) {
    abandon?.();
    return;
  }
  if (start) {
    start(startResponse(response, status, headers));
    return;
  }
  // What is left of a refused body is not read to its end.
  const close = request.complete || request.method === 'GET' ? {} : { Connection: 'close' };
  const length = { 'Content-Length': Buffer.byteLength(body ?? '') };
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : length), ...close });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The absolute URL of a request, undefined where it has no valid one. */
function urlOf(request: IncomingMessage): string | undefined {
  const base = `http://${request.headers.host ?? ownHost(request)}`;
  // A path that begins with two slashes is a path here, never a host.
  const target = `${base}${request.url ?? '/'}`;
  return request.url?.startsWith('/') && URL.canParse(target) ? target : undefined;
}

/** HTTP/1.0 may leave the host out; then the hub is asked by the address at which it was reached. */
function ownHost({ socket }: IncomingMessage): string {
  const { family, address = '127.0.0.1', port = 80 } = socket.address() as Partial<AddressInfo>;
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
