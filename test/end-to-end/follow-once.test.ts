import { once } from 'node:events';
import { connect } from 'node:net';
import { Hub, topics } from '@tidings/hub';
import { NatsLog } from '@tidings/nats';
import { PostgresLog } from '@tidings/postgres';
import type { EventLog } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CountingWay, POSTGRES_COUNTERS } from '../../scripts/cluster/counting-way.ts';
import { NatsServer } from '../../scripts/cluster/nats-server.ts';
import { freePort } from '../../scripts/cluster/ports.ts';
import { PostgresServer } from '../../scripts/cluster/postgres-server.ts';
import { isMissing } from '../missing.ts';
import { serveHub } from './serve-hub.ts';

const MANY = 1000;
const EVENTS = 20;

/** Listens on a bare socket. Gives how many events have come. */
async function listen(port: number): Promise<() => number> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write('GET /topics/news HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n');
  let events = 0;
  socket.setEncoding('latin1').on('data', (text: string) => {
    events += text.split('data: event').length - 1;
  });
  await once(socket, 'data');
  return () => events;
}

/**
 * How much a node asks its store for, with one listener and with many, while another node publishes.
 * @param take what was counted since the last call
 */
async function compare<Counts>(
  node: EventLog,
  other: EventLog,
  take: () => Counts | Promise<Counts>,
): Promise<Counts[]> {
  const port = await serveHub(new Hub({ log: node, faces: [topics()] }));
  const listeners = [await listen(port)];
  let sent = 0;
  const publish = async (): Promise<Counts> => {
    const before = sent;
    for (let done = 0; done < EVENTS; done += 1) {
      await other.append([{ topics: ['news'], fields: { data: 'event' } }]);
      sent += 1;
      await expect.poll(() => listeners[0]!(), { interval: 1 }).toBe(sent);
    }
    await expect
      .poll(() => listeners.slice(1).every((count) => count() === sent - before), { timeout: 30_000 })
      .toBe(true);
    return await take();
  };
  await publish();
  const one = await publish();
  while (listeners.length < MANY)
    listeners.push(...(await Promise.all(Array.from({ length: 111 }, () => listen(port)))));
  await take();
  return [one, await publish()];
}

describe('a node follows the store once, however many listeners it has', () => {
  test.skipIf(isMissing('postgresql'))('in PostgreSQL', async () => {
    const server = await PostgresServer.start();
    onTestFinished(() => server.close());
    const way = await CountingWay.to(server.port, POSTGRES_COUNTERS);
    onTestFinished(() => way.close());
    // It looks and trims by itself so rarely that it does not while this counts.
    const node = await PostgresLog.open({
      url: server.url.replace(`${server.port}`, `${way.port}`),
      pollMs: 60_000,
      trimEveryMs: 3_600_000,
    });
    const other = await PostgresLog.open({ url: server.url });
    onTestFinished(() => other.close());
    const [one, many] = await compare(node, other, () => {
      const { bytes: _, ...counts } = way.take();
      return counts;
    });
    // A notification wakes it, and one statement asks for what is new.
    expect(one).toEqual({ notifications: EVENTS, statements: EVENTS, rows: EVENTS, 'round trips': EVENTS });
    expect(many).toEqual(one);
  });

  test.skipIf(isMissing('nats-server'))('in NATS', async () => {
    const http = await freePort();
    const server = await NatsServer.start(`http: "127.0.0.1:${http}"`);
    onTestFinished(() => server.end());
    const node = await NatsLog.open({ servers: server.url });
    const look = async (): Promise<{ cid: number; out_msgs: number; subscriptions: number }[]> => {
      const response = await fetch(`http://127.0.0.1:${http}/connz`);
      return ((await response.json()) as { connections: [] }).connections;
    };
    const { cid } = (await look())[0]!;
    const other = await NatsLog.open({ servers: server.url });
    onTestFinished(() => other.close());
    let before = 0;
    const [one, many] = await compare(node, other, async () => {
      const { out_msgs: messages, subscriptions } = (await look()).find((each) => each.cid === cid)!;
      const counts = { messages: messages - before, subscriptions };
      before = messages;
      return counts;
    });
    // The stream's messages, and now and then a sign of life or an answer to a look.
    expect(one!.messages).toBeGreaterThanOrEqual(EVENTS);
    expect(one!.messages).toBeLessThan(EVENTS + 10);
    expect(many!.messages).toBeGreaterThanOrEqual(EVENTS);
    expect(many!.messages).toBeLessThan(EVENTS + 10);
    expect(many!.subscriptions).toBe(one!.subscriptions);
  });
});
