// oxlint-disable-next-line import/no-unassigned-import -- what Nest's decorators write to
import 'reflect-metadata';
import { getRequestListener } from '@hono/node-server';
import { All, Controller, Module, Req, Res, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
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
import type { ConformanceApp, Tools } from './conformance-app.ts';
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
      eventStream: (source, options) => nodeForm.eventStream(request, response, source, options),
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
        eventStream: (source, options) => fastifyForm.eventStream(request, reply, source, options),
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
      eventStream: (source, options) => koaForm.eventStream(context, source, options),
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

async function nestHandler(app: ConformanceApp, platform: 'express' | 'fastify'): Promise<NodeHandler> {
  class Streams {
    answer(request: nestForm.NestRequest & { url: string }, response: nestForm.NestResponse): Promise<void> {
      return app.answer(request.url, {
        eventStream: (source, options) => nestForm.eventStream(request, response, source, options),
        respond: (channel) => nestForm.respond(channel, request, response),
      });
    }
  }
  // What decorators do, without their syntax.
  Controller()(Streams);
  const property = Object.getOwnPropertyDescriptor(Streams.prototype, 'answer')!;
  All(platform === 'express' ? '*path' : '*')(Streams.prototype, 'answer', property);
  Req()(Streams.prototype, 'answer', 0);
  Res()(Streams.prototype, 'answer', 1);
  class Main {
    readonly name = 'main';
  }
  Module({ controllers: [Streams] })(Main);

  if (platform === 'express') {
    const nest: INestApplication = await NestFactory.create(Main, new ExpressAdapter(), { logger: false });
    await nest.init();
    return nest.getHttpAdapter().getInstance() as NodeHandler;
  }
  const nest = await NestFactory.create<NestFastifyApplication>(Main, new FastifyAdapter(), { logger: false });
  await nest.init();
  const fastify = nest.getHttpAdapter().getInstance();
  await fastify.ready();
  return (request, response) => fastify.routing(request as never, response as never);
}

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
  {
    name: 'Nest on Express',
    form: 'req-res',
    adds: [...NODE_ADDS, 'x-powered-by'],
    start: () => runHere((app) => nestHandler(app, 'express')),
  },
  {
    name: 'Nest on Fastify',
    form: 'req-res',
    adds: NODE_ADDS,
    start: () => runHere((app) => nestHandler(app, 'fastify')),
  },
];
