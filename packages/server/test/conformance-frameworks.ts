import { getRequestListener } from '@hono/node-server';
import { eventStream as fetchEventStream, type Channel } from '@tidings/server';
import * as fastifyForm from '@tidings/server/fastify';
import * as koaForm from '@tidings/server/koa';
import * as nestForm from '@tidings/server/nest';
import * as nodeForm from '@tidings/server/node';
import express from 'express';
import { once } from 'node:events';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { NEST_11 } from '../../../test/nest-11/index.ts';
import { type ConformanceApp, optionsOfNode, type Tools } from './conformance-app.ts';
import { NEST_12, nestHandler, type Nest, type NestAnswer } from './conformance-nest.ts';
import { NODE_ADDS, runHere, type NodeHandler } from './conformance-node.ts';
import type { Adapter } from './conformance.ts';

/** The Fetch form's tools for a request. */
export function fetchTools(request: Request): Tools<Response | Promise<Response>> {
  return {
    eventStream: (source, options) => fetchEventStream(request, source, options),
    respond: (channel: Channel) => channel.respond(request),
  };
}

function expressHandler(app: ConformanceApp): NodeHandler {
  const server = express();
  server.use(express.json());
  server.all('/{*path}', (request, response) =>
    app.answer(request.url, {
      eventStream: (source, options) => nodeForm.eventStream(request, response, source, optionsOfNode(options)),
      respond: (channel) => nodeForm.respond(channel, request, response),
    }),
  );
  return server as unknown as NodeHandler;
}

async function fastifyHandler(app: ConformanceApp): Promise<NodeHandler> {
  const server = Fastify();
  // What a plugin puts on the reply is to be sent with the stream.
  server.addHook('onRequest', async (_request, reply) => {
    reply.header('x-plugin', 'yes');
  });
  server.route({
    method: ['GET', 'POST', 'PUT', 'OPTIONS', 'HEAD'],
    url: '/*',
    handler: (request, reply) =>
      app.answer(request.url, {
        eventStream: (source, options) => fastifyForm.eventStream(request, reply, source, optionsOfNode(options)),
        respond: (channel) => fastifyForm.respond(channel, request, reply),
      }),
  });
  await server.ready();
  return (request, response) => server.routing(request as never, response as never);
}

function koaHandler(app: ConformanceApp): NodeHandler {
  const server = new Koa();
  server.silent = true;
  server.use(async (context) => {
    // Read before, as a body parser would.
    context.req.resume();
    await once(context.req, 'end');
    await app.answer(context.url, {
      eventStream: (source, options) => koaForm.eventStream(context, source, optionsOfNode(options)),
      respond: (channel) => koaForm.respond(channel, context),
    });
  });
  return server.callback();
}

function honoHandler(app: ConformanceApp): NodeHandler {
  const server = new Hono();
  server.all('*', async (context) => {
    if (context.req.method === 'POST') await context.req.json();
    return await app.answer<Response | Promise<Response>>(context.req.url, fetchTools(context.req.raw));
  });
  server.onError(() => new Response(null, { status: 500 }));
  return getRequestListener(server.fetch);
}

function nestAnswer(app: ConformanceApp): NestAnswer {
  return (request, response) =>
    app.answer(request.url, {
      eventStream: (source, options) => nestForm.eventStream(request, response, source, optionsOfNode(options)),
      respond: (channel) => nestForm.respond(channel, request, response),
    });
}

/** The newest Nest, and the one before. */
const NESTS: readonly (readonly [name: string, nest: Nest])[] = [
  ['Nest', NEST_12],
  ['Nest 11', NEST_11],
];

export const frameworkAdapters: readonly Adapter[] = [
  {
    name: 'Express',
    form: 'req-res',
    adds: [...NODE_ADDS, 'x-powered-by'],
    start: () => runHere(expressHandler),
  },
  {
    name: 'Express on a server of @tidings/server/node',
    form: 'req-res',
    adds: [...NODE_ADDS, 'x-powered-by'],
    start: () => runHere(expressHandler, 'http', nodeForm.createServer),
  },
  {
    name: 'Fastify',
    form: 'req-res',
    adds: NODE_ADDS,
    carries: { 'x-plugin': 'yes' },
    start: () => runHere(fastifyHandler),
  },
  {
    name: 'Fastify on HTTP/2',
    form: 'req-res',
    adds: ['date'],
    carries: { 'x-plugin': 'yes' },
    start: () => runHere(fastifyHandler, 'http2'),
  },
  { name: 'Koa', form: 'req-res', adds: NODE_ADDS, start: () => runHere(koaHandler) },
  { name: 'Hono on Node', form: 'fetch', adds: NODE_ADDS, start: () => runHere(honoHandler) },
  ...NESTS.flatMap(([name, nest]): Adapter[] => [
    {
      name: `${name} on Express`,
      form: 'req-res',
      adds: [...NODE_ADDS, 'x-powered-by'],
      start: () => runHere((app) => nestHandler(nest, 'express', nestAnswer(app))),
    },
    {
      name: `${name} on Fastify`,
      form: 'req-res',
      adds: NODE_ADDS,
      start: () => runHere((app) => nestHandler(nest, 'fastify', nestAnswer(app))),
    },
  ]),
];
