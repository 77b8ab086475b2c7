import type { AddressInfo } from 'node:net';
import { createServer, health, Hub, topics } from '@tidings/hub';
import { PostgresLog } from '@tidings/postgres';
import { EventStreamDecoder } from '@tidings/wire';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { PostgresServer, withoutPostgres } from '../postgres-server.ts';

let database: PostgresServer;
beforeAll(async () => {
  if (!withoutPostgres) database = await PostgresServer.start();
});
afterAll(() => (withoutPostgres ? undefined : database.close()));

/** Asked again and again for so long at most: a machine under load takes a while. */
const LONG = { timeout: 30_000 };

/** A hub on the log of a schema, for the length of a test. */
async function startHub(schema: string): Promise<string> {
  const log = await PostgresLog.open({ url: database.url, schema, onError: () => {} });
  const hub = new Hub({ log, faces: [topics(), health()] });
  const server = createServer(hub);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await hub.close({ awayMs: 0, finishMs: 0 });
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Listens to a topic, and keeps what comes. */
async function listen(url: string): Promise<{ readonly got: string[]; readonly types: string[]; isOpen: boolean }> {
  const state = { got: [] as string[], types: [] as string[], isOpen: true };
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const response = await fetch(url, { signal: gone.signal });
  const decoder = new EventStreamDecoder({
    onEvent: ({ type, data }) => {
      state.types.push(type);
      if (type === 'message') state.got.push(data);
    },
  });
  void (async () => {
    for await (const chunk of response.body!) decoder.write(chunk);
  })()
    .catch(() => {})
    .then(() => {
      state.isOpen = false;
    });
  return state;
}

const publish = (hub: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${hub}/topics/a`, { method: 'POST', body, headers });

const statusOf = async (hub: string): Promise<number> => (await fetch(`${hub}/healthz`)).status;

test.skipIf(withoutPostgres)(
  'listeners stay while the database is away, publishes are refused with 503, and all goes on when it is back',
  async () => {
    const schema = database.schema();
    const hubs = [await startHub(schema), await startHub(schema)] as const;
    const listeners = await Promise.all(
      hubs.flatMap((hub) => Array.from({ length: 20 }, () => listen(`${hub}/topics/a`))),
    );
    expect((await publish(hubs[0], 'before')).status).toBe(200);
    await expect.poll(() => listeners.every(({ got }) => got.length === 1), LONG).toBe(true);
    // However many listen, a node has one connection that follows, one that writes, and a few that read.
    const [used] = await database.ask<{ count: string }>(
      `select count(*) from pg_stat_activity where application_name = 'tidings'`,
    );
    expect(Number(used!.count)).toBeLessThanOrEqual(2 * 6);

    await database.kill();
    await expect.poll(() => Promise.all(hubs.map(statusOf)), LONG).toEqual([503, 503]);
    const refused = await publish(hubs[0], 'refused');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ type: '/PROTOCOL.md#store-away' });
    // One that comes now waits for what it has missed, and is not told that there is nothing.
    const late = listen(`${hubs[1]}/topics/a?last_event_id=earliest`);
    expect(listeners.every(({ isOpen }) => isOpen)).toBe(true);

    await database.run();
    await expect.poll(() => Promise.all(hubs.map(statusOf)), LONG).toEqual([200, 200]);
    await expect.poll(async () => (await publish(hubs[1], 'after', { 'idempotency-key': 'k' })).status, LONG).toBe(200);
    await expect.poll(() => listeners.every(({ got }) => got.length === 2), LONG).toBe(true);
    for (const { got, types, isOpen } of [...listeners, await late]) {
      if (got.length < 2) await expect.poll(() => got.length, LONG).toBe(2);
      expect({ got, isOpen }).toEqual({ got: ['before', 'after'], isOpen: true });
      expect(types.filter((type) => type === 'tidings-gap')).toEqual([]);
    }
  },
);
