import { serve } from '@hono/node-server';
import { Channel } from '@tidings/server';
import * as fastifyForm from '@tidings/server/fastify';
import * as koaForm from '@tidings/server/koa';
import * as nestForm from '@tidings/server/nest';
import * as nodeForm from '@tidings/server/node';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { describe, expect, test } from 'vitest';
import { NEST_11 } from '../../../test/nest-11/index.ts';
import { ask, type Address, type Exchange } from './conformance-client.ts';
import { NEST_12, nestApplication, type Nest, type NestPlatform } from './conformance-nest.ts';
import { until } from './test-server.ts';

/** An application that serves a channel and is shut down as its README says. */
interface Application {
  readonly port: number;
  shutDown(windowMs: number): Promise<void>;
}

type Start = (channel: Channel) => Promise<Application>;

async function ofServer(channel: Channel, server: Server): Promise<Application> {
  if (!server.listening) await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async shutDown(windowMs) {
      await channel.drain(windowMs);
      server.close();
      await once(server, 'close');
    },
  };
}

function startNest(nest: Nest, platform: NestPlatform): Start {
  return async (channel) => {
    let window: number | undefined;
    const application = await nestApplication(
      nest,
      platform,
      (request, response) => nestForm.respond(channel, request, response),
      () => channel.drain(window),
    );
    await application.listen(0, '127.0.0.1');
    return {
      port: ((application.getHttpServer() as Server).address() as AddressInfo).port,
      async shutDown(windowMs) {
        window = windowMs;
        await application.close();
      },
    };
  };
}

/** Those whose channel sees how much of a stream is still to be read. */
const NODE_APPLICATIONS: readonly (readonly [name: string, start: Start])[] = [
  [
    'a server of @tidings/server/node',
    (channel) => {
      const server = nodeForm.createServer((request, response) => {
        void nodeForm.respond(channel, request, response);
      });
      return ofServer(channel, server.listen(0, '127.0.0.1'));
    },
  ],
  [
    'Express',
    (channel) => {
      const application = express();
      application.get('/events', (request, response) => nodeForm.respond(channel, request, response));
      return ofServer(channel, application.listen(0, '127.0.0.1'));
    },
  ],
  [
    'Fastify',
    async (channel) => {
      const application = Fastify();
      application.get('/events', (request, reply) => fastifyForm.respond(channel, request, reply));
      await application.listen({ port: 0, host: '127.0.0.1' });
      return {
        port: (application.server.address() as AddressInfo).port,
        async shutDown(windowMs) {
          await channel.drain(windowMs);
          await application.close();
        },
      };
    },
  ],
  [
    'Koa',
    (channel) => {
      const application = new Koa();
      application.silent = true;
      application.use((context) => koaForm.respond(channel, context));
      return ofServer(channel, application.listen(0, '127.0.0.1'));
    },
  ],
  ['Nest on Express', startNest(NEST_12, 'express')],
  ['Nest on Fastify', startNest(NEST_12, 'fastify')],
  ['Nest 11 on Express', startNest(NEST_11, 'express')],
  ['Nest 11 on Fastify', startNest(NEST_11, 'fastify')],
];

const APPLICATIONS: readonly (readonly [name: string, start: Start])[] = [
  ...NODE_APPLICATIONS,
  [
    'Hono on Node',
    (channel) => {
      const application = new Hono();
      application.get('/events', (context) => channel.respond(context.req.raw));
      return ofServer(channel, serve({ fetch: application.fetch, port: 0, hostname: '127.0.0.1' }));
    },
  ],
];

/** More than the kernel takes for a listener that does not read. */
const EVENT = { data: 'x'.repeat(64 * 1024) };

/** The first listener of a channel, which does not read what it is sent, though not so much that it is caught up from the log instead. */
async function listenWithoutReading(channel: Channel, address: Address): Promise<Exchange> {
  const stuck = await ask(address, { path: '/events', paused: true });
  await until(() => channel.listeners === 1);
  while (channel.stats().backlog.max === 0) await channel.publish(EVENT);
  return stuck;
}

/** What an application must do that is shut down while streams are open. */
export function shutsDown(): void {
  test.each(APPLICATIONS)(
    'an application of %s that shuts down ends its streams, tells listeners when to come back, and leaves nothing',
    async (_, start) => {
      const channel = new Channel();
      const application = await start(channel);
      const address: Address = { transport: 'http', port: application.port };
      const reading = await ask(address, { path: '/events' });
      await reading.head();
      await channel.publish({ data: 'last' });
      await application.shutDown(60_000);
      expect(await reading.over()).toEqual({
        how: 'complete',
        body: expect.stringMatching(/\ndata: last\n\nretry: \d+\n\n$/),
      });
      expect(channel.listeners).toBe(0);
      await expect(ask(address, { path: '/events' })).rejects.toThrow('ECONNREFUSED');
    },
  );

  describe.each(APPLICATIONS)('an application of %s that shuts down', (_, start) => {
    test('tells listeners that come meanwhile when to come back', async () => {
      const channel = new Channel();
      const application = await start(channel);
      const address: Address = { transport: 'http', port: application.port };
      const stuck = await listenWithoutReading(channel, address);
      const reading = await ask(address, { path: '/events' });
      await reading.head();
      const over = application.shutDown(60_000);
      expect((await reading.over()).how).toBe('complete');
      const late = await ask(address, { path: '/events' });
      expect((await late.head()).status).toBe(200);
      expect(await late.over()).toEqual({ how: 'complete', body: expect.stringMatching(/^:?\s*retry: \d+\n\n$/) });
      stuck.leave();
      await over;
      expect(channel.listeners).toBe(0);
    });

    test('does not wait longer for a listener that does not read than it is allowed', async () => {
      const channel = new Channel();
      const application = await start(channel);
      const stuck = await listenWithoutReading(channel, { transport: 'http', port: application.port });
      await application.shutDown(50);
      expect(channel.listeners).toBe(0);
      stuck.read();
      expect((await stuck.over()).how).toBe('cut');
    });
  });
}
