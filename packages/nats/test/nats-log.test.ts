import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { NatsLog, type NatsLogOptions } from '@tidings/nats';
import type { EventLog } from '@tidings/server/log';
import {
  eventLogCases,
  type LogCapability,
  type LogHarness,
  type LogHarnessOptions,
} from '@tidings/server/log/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { NatsServer, Way } from './nats-server.ts';
import { isMissing } from '../../../test/missing.ts';

const WITHOUT = isMissing('nats-server');

let server: NatsServer;
let way: Way;
let made = 0;
beforeAll(async () => {
  server = await NatsServer.start();
  way = await Way.to(server.port);
});
afterAll(async () => {
  way.close();
  await server.end();
});

const CAPABILITIES: LogCapability[] = [
  'time',
  'trim',
  'directory',
  'totals',
  'states',
  'values',
  'exact',
  'durable',
  'epochs',
  'cut',
];

async function open(options: LogHarnessOptions): Promise<LogHarness> {
  made += 1;
  const name = `log${made}`;
  const all: NatsLogOptions = { servers: way.url, name, retention: {}, ...options };
  let log = await NatsLog.open(all);
  return {
    get log() {
      return log;
    },
    async reopen(): Promise<EventLog> {
      await log.close();
      log = await NatsLog.open(all);
      return log;
    },
    async beginEpoch(): Promise<EventLog> {
      const before = epochOf(log);
      await remove(name);
      while (epochOf(log) === before) await new Promise((resolve) => void setTimeout(resolve, 10));
      return log;
    },
    cut: () => {
      way.cut();
      return Promise.resolve();
    },
    async dispose() {
      await log.close();
      await remove(name);
    },
  };
}

/** The epoch in which followers are; undefined while they are in none. */
function epochOf(log: EventLog): string | undefined {
  let epoch: string | undefined;
  log.follow({ onStart: (start) => (epoch = start.epoch), onBatch: () => {}, onLost: () => {} }).stop();
  return epoch;
}

async function remove(name: string): Promise<void> {
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.delete(name).catch(() => {});
  await connection.close();
}

describe.skipIf(WITHOUT)('a log in NATS JetStream, as an EventLog', () => {
  for (const { name, run } of eventLogCases(CAPABILITIES)) test(name, () => run(open));
});
