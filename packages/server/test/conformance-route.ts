import { Writable } from 'node:stream';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConformanceApp } from './conformance-app.ts';
import { fetchTools } from './conformance-frameworks.ts';
import { NODE_ADDS, runHere, type NodeHandler } from './conformance-node.ts';
import type { Adapter } from './conformance.ts';

/** What a file `app/events/route.ts` of Next.js exports for its methods. */
type RouteHandler = (request: Request) => Response | Promise<Response>;

/** Serves a route handler as its framework does: a `Request` whose signal is aborted with the connection, its body piped to Node's response. */
function serveRoute(route: RouteHandler): NodeHandler {
  return (incoming, outgoing) => {
    const response = outgoing as ServerResponse;
    void answer(route, incoming as IncomingMessage, response).catch(() => response.destroy());
  };
}

async function answer(route: RouteHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const left = new AbortController();
  outgoing.on('close', () => left.abort());
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as [string, string]);
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const { method = 'GET' } = incoming;
  const body = parts.length === 0 || method === 'GET' || method === 'HEAD' ? null : Buffer.concat(parts);
  const url = new URL(incoming.url ?? '/', 'http://test');
  const response = await route(new Request(url, { method, headers, body, signal: left.signal }));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.flushHeaders();
  if (response.body === null) outgoing.end();
  else await response.body.pipeTo(Writable.toWeb(outgoing), { signal: left.signal });
}

function nextHandler(app: ConformanceApp): NodeHandler {
  return serveRoute(async (request) => {
    try {
      return await app.answer<Response | Promise<Response>>(request.url, fetchTools(request));
    } catch {
      return new Response(null, { status: 500 });
    }
  });
}

export const routeAdapter: Adapter = {
  name: 'a route handler',
  form: 'fetch',
  adds: NODE_ADDS,
  start: () => runHere(nextHandler),
};
