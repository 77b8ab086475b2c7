import * as streamForm from '@tidings/server/http2';
import {
  createServer as createStreamServer,
  eventStream,
  respond,
  type NodeRequest,
  type NodeResponse,
} from '@tidings/server/node';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { makeCertificate } from './certificate.ts';
import { ConformanceApp, optionsOfNode } from './conformance-app.ts';
import type { Transport } from './conformance-client.ts';
import type { Adapter, Running } from './conformance.ts';
import { Facts } from './facts.ts';

export type NodeHandler = (request: NodeRequest, response: NodeResponse) => unknown;

/** What Node's own servers add to a response. */
export const NODE_ADDS: readonly string[] = ['date', 'connection', 'keep-alive', 'transfer-encoding'];

/** A server of this process for an app, with the handler that a framework made of it. */
export function runHere(
  make: (app: ConformanceApp) => NodeHandler | Promise<NodeHandler>,
  transport: Transport = 'http',
  makePlain: (handler: NodeHandler) => Server = createHttp,
): Promise<Running> {
  return runServer(transport, async (app) => {
    const handler = await make(app);
    return transport === 'http' ? makePlain(handler) : makeSecureServer(transport, handler);
  });
}

async function runServer(
  transport: Transport,
  make: (app: ConformanceApp) => Server | Promise<Server>,
): Promise<Running> {
  const facts = new Facts();
  const app = new ConformanceApp((fact) => facts.add(fact));
  const unhandled = (reason: unknown): void => facts.add(`unhandled ${String(reason)}`);
  process.on('unhandledRejection', unhandled);
  const server = await make(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.once('close', () => sockets.delete(socket))));
  return {
    address: { transport, port: (server.address() as AddressInfo).port },
    facts,
    command: (line) => app.command(line),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      process.off('unhandledRejection', unhandled);
    },
  };
}

/** Answers with the (req, res) form, and with 500 what it refuses. */
function handleNode(app: ConformanceApp): NodeHandler {
  return (request, response) => {
    app
      .answer(request.url ?? '/', {
        eventStream: (source, options) => eventStream(request, response, source, optionsOfNode(options)),
        respond: (channel) => respond(channel, request, response),
      })
      .catch(() => {
        if (!response.headersSent) {
          response.statusCode = 500;
          response.end();
        }
      });
  };
}

/** Answers without requests and responses, and with 500 what is refused. */
function serveStreams(app: ConformanceApp): Server {
  const server = createSecureServer(makeCertificate());
  server.on('stream', (stream, headers) => {
    app
      .answer(headers[':path'] ?? '/', {
        eventStream: (source, options) => streamForm.eventStream(stream, headers, source, optionsOfNode(options)),
        respond: (channel) => streamForm.respond(channel, stream, headers),
      })
      .catch(() => {
        if (!stream.headersSent) stream.respond({ ':status': 500 }, { endStream: true });
      });
  });
  return server;
}

export const nodeAdapters: readonly Adapter[] = [
  ...(['http', 'https', 'http2'] as const).map((transport): Adapter => ({
    name: `node:${transport}`,
    form: 'req-res',
    adds: transport === 'http2' ? ['date'] : NODE_ADDS,
    start: () => runHere(handleNode, transport),
  })),
  {
    name: 'the streams of node:http2',
    form: 'req-res',
    adds: ['date'],
    start: () => runServer('http2', serveStreams),
  },
  {
    name: 'a server of @tidings/server/node',
    form: 'req-res',
    adds: NODE_ADDS,
    start: () => runHere(handleNode, 'http', createStreamServer),
  },
];

function makeSecureServer(transport: 'https' | 'http2', handler: NodeHandler): Server {
  if (transport === 'https') return createHttps(makeCertificate(), handler);
  return createSecureServer(makeCertificate(), handler);
}
