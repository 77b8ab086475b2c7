import { LmdbLog } from '@tidings/lmdb';
import { NatsLog } from '@tidings/nats';
import { PostgresLog } from '@tidings/postgres';
import { MemoryLog } from '@tidings/server/log';
import { RemoteLog } from '@tidings/server/log/remote';
import { Runs } from '@tidings/server/runs';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { NatsServer } from '../../packages/nats/test/nats-server.ts';
import { isMissing } from '../missing.ts';
import { PostgresServer, withoutPostgres } from '../postgres-server.ts';
import { runsCases } from './cases.ts';
import { HUB_KEY, servedHub } from './served-hub.ts';

describe('runs in memory', () => {
  runsCases(async (atEnd) => {
    const log = new MemoryLog();
    atEnd(() => log.close());
    return { runs: new Runs({ log }), other: new Runs({ log }) };
  });
});

describe('runs in LMDB', () => {
  runsCases(async (atEnd) => {
    const path = mkdtempSync(join(tmpdir(), 'tidings-runs-'));
    atEnd(() => rmSync(path, { recursive: true }));
    const log = await LmdbLog.open({ path });
    atEnd(() => log.close());
    return { runs: new Runs({ log }), other: new Runs({ log }) };
  });
});

describe('runs in a log of another process, from two nodes', () => {
  runsCases(async (atEnd) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidings-runs-'));
    atEnd(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'log.sock');
    const host = fork(fileURLToPath(new URL('log-process.ts', import.meta.url)), [path]);
    atEnd(() => host.kill());
    await once(host, 'message');
    const open = async (): Promise<Runs> => {
      const log = await RemoteLog.open({ path });
      atEnd(() => log.close());
      return new Runs({ log });
    };
    return { runs: await open(), other: await open() };
  });
});

describe('runs at a hub', () => {
  runsCases(async (atEnd) => {
    const hub = await servedHub(new MemoryLog(), atEnd);
    const headers = { authorization: `Bearer ${HUB_KEY}` };
    return { runs: new Runs({ hub, headers }), other: new Runs({ hub: `${hub}/`, headers: async () => headers }) };
  });
});

describe('runs in a log and at a hub on it', () => {
  runsCases(async (atEnd) => {
    const log = new MemoryLog();
    const hub = await servedHub(log, atEnd);
    return { runs: new Runs({ log }), other: new Runs({ hub, headers: { authorization: `Bearer ${HUB_KEY}` } }) };
  });
});

describe.skipIf(withoutPostgres)('runs in Postgres, from two nodes', () => {
  runsCases(async (atEnd) => {
    const server = await PostgresServer.start();
    atEnd(() => server.close());
    const open = async (): Promise<Runs> => {
      const log = await PostgresLog.open({ url: server.url, schema: 'runs', retention: {} });
      atEnd(() => log.close());
      return new Runs({ log });
    };
    return { runs: await open(), other: await open() };
  });
});

describe.skipIf(isMissing('nats-server'))('runs in NATS, from two nodes', () => {
  runsCases(async (atEnd) => {
    const server = await NatsServer.start();
    atEnd(() => server.end());
    const open = async (): Promise<Runs> => {
      const log = await NatsLog.open({ servers: `nats://127.0.0.1:${server.port}`, name: 'runs', retention: {} });
      atEnd(() => log.close());
      return new Runs({ log });
    };
    return { runs: await open(), other: await open() };
  });
});
