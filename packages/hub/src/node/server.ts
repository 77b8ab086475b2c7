import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createStreamServer, nodeHead, startResponse } from '@tidings/server/node';
import type { Hub } from '../hub.ts';

// An upload of an event stream may last for as long as its publisher likes; a request's head may not.
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 60_000 };

/** Returns a server for the hub. It does not listen yet. */
export function createServer(hub: Hub): Server {
  return createStreamServer((request, response) => void answer(hub, request, response), TIMEOUTS);
}

async function answer(hub: Hub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // If a client breaks off its upload, that is no error of the hub.
  request.on('error', () => {});
  const url = urlOf(request);
  if (url === undefined) {
    response
      .writeHead(400, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
      .end('The request has no valid URL\n');
    return;
  }
  const { status, headers, body, start, abandon } = await hub.handle(
    Object.assign(nodeHead(request, url), { body: request }),
  );
  if (response.destroyed) {
    abandon?.();
    return;
  }
  if (start) {
    start(startResponse(response, status, headers));
    return;
  }
  // The rest of a refused body is not read.
  const close = request.complete || request.method === 'GET' ? {} : { Connection: 'close' };
  const length = { 'Content-Length': Buffer.byteLength(body ?? '') };
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : length), ...close });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The absolute URL of a request, or undefined if it has no valid one. HTTP/1.0 may leave out the host. */
function urlOf(request: IncomingMessage): string | undefined {
  const base = `http://${request.headers.host ?? ownAddress(request)}`;
  // A path that begins with two slashes is still a path, never a host.
  const target = `${base}${request.url ?? '/'}`;
  return request.url?.startsWith('/') && URL.canParse(target) ? target : undefined;
}

/** The address that a request was sent to. Node keeps it in memory for as long as the connection lasts. */
function ownAddress({ socket }: IncomingMessage): string {
  const { family, address, port = 80 } = socket.address() as Partial<AddressInfo>;
  return `${family === 'IPv6' ? `[${address ?? '::1'}]` : (address ?? '127.0.0.1')}:${port}`;
}
