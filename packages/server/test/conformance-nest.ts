// oxlint-disable-next-line import/no-unassigned-import -- what Nest's decorators write to
import 'reflect-metadata';
import { All, Controller, Module, Req, Res, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestRequest, NestResponse } from '@tidings/server/nest';
import type { FastifyInstance } from 'fastify';
import type { NodeHandler } from './conformance-node.ts';

/** What is used of a Nest. */
export interface Nest {
  readonly All: typeof All;
  readonly Controller: typeof Controller;
  readonly Module: typeof Module;
  readonly Req: typeof Req;
  readonly Res: typeof Res;
  readonly NestFactory: typeof NestFactory;
  readonly ExpressAdapter: typeof ExpressAdapter;
  readonly FastifyAdapter: typeof FastifyAdapter;
}

export const NEST_12: Nest = {
  All,
  Controller,
  Module,
  Req,
  Res,
  NestFactory,
  ExpressAdapter,
  FastifyAdapter,
};

export type NestPlatform = 'express' | 'fastify';

export type NestAnswer = (request: NestRequest & { url: string }, response: NestResponse) => Promise<void>;

/** An application with one controller, and what it does before it shuts down. */
export async function nestApplication(
  nest: Nest,
  platform: NestPlatform,
  answer: NestAnswer,
  beforeApplicationShutdown: () => Promise<void> = () => Promise.resolve(),
): Promise<INestApplication> {
  class Streams {
    answer(request: NestRequest & { url: string }, response: NestResponse): Promise<void> {
      return answer(request, response);
    }

    beforeApplicationShutdown(): Promise<void> {
      return beforeApplicationShutdown();
    }
  }
  // What decorators do, without their syntax.
  nest.Controller()(Streams);
  const property = Object.getOwnPropertyDescriptor(Streams.prototype, 'answer')!;
  nest.All(platform === 'express' ? '*path' : '*')(Streams.prototype, 'answer', property);
  nest.Req()(Streams.prototype, 'answer', 0);
  nest.Res()(Streams.prototype, 'answer', 1);
  class Main {
    readonly name = 'main';
  }
  nest.Module({ controllers: [Streams] })(Main);
  const adapter = platform === 'express' ? new nest.ExpressAdapter() : new nest.FastifyAdapter();
  return await nest.NestFactory.create(Main, adapter, { logger: false });
}

/** The handler that a Nest makes of an answer. */
export async function nestHandler(nest: Nest, platform: NestPlatform, answer: NestAnswer): Promise<NodeHandler> {
  const application = await nestApplication(nest, platform, answer);
  await application.init();
  if (platform === 'express') return application.getHttpAdapter().getInstance() as NodeHandler;
  const fastify = application.getHttpAdapter().getInstance() as FastifyInstance;
  await fastify.ready();
  return (request, response) => fastify.routing(request as never, response as never);
}
