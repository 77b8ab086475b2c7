import { Channel, ServerError, type ChannelOptions } from '@tidings/server';
import { MemoryLog } from '@tidings/server/log';
import { respond } from '@tidings/server/node';
import { decodeEventStream, type EventMessage } from '@tidings/wire';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { listen as admit } from './channel-rig.ts';
import { FakeClock } from './fake-clock.ts';
import { parseChunked, TestServer, until, type RawClient } from './test-server.ts';

async function serve(channel: Channel, where?: 'tcp' | 'unix'): Promise<TestServer> {
  return await TestServer.listen((request, response) => {
    void respond(channel, request, response);
  }, where);
}

async function* listen(server: TestServer, lastEventId?: string): AsyncGenerator<EventMessage> {
  const response = await fetch(
    server.url,
    lastEventId === undefined ? {} : { headers: { 'Last-Event-ID': lastEventId } },
  );
  expect(response.status).toBe(200);
  yield* decodeEventStream(response.body!);
}

async function rest(events: AsyncGenerator<EventMessage>): Promise<string[]> {
  const all: string[] = [];
  for await (const event of events) all.push(event.data);
  return all;
}

describe('a channel', () => {
  test('sends every event to every listener', async () => {
    const channel = new Channel();
    await using server = await serve(channel);
    const listeners = [listen(server), listen(server), listen(server)];
    // The first event is the position.
    for (const events of listeners) expect((await events.next()).value).toMatchObject({ type: 'tidings-heartbeat' });
    expect(channel.listeners).toBe(3);
    const id = await channel.publish({ event: 'added', data: 'a\nb' });
    for (const events of listeners) {
      expect((await events.next()).value).toEqual({ type: 'added', data: 'a\nb', lastEventId: id });
    }
    await Promise.all(listeners.map((events) => events.return(undefined)));
    await until(() => channel.listeners === 0);
  });

  test('goes on where a listener was', async () => {
    const channel = new Channel();
    await using server = await serve(channel);
    const ids: string[] = [];
    for (const data of ['1', '2', '3']) ids.push(await channel.publish({ data }));
    const events = listen(server, ids[0]);
    await channel.publish({ data: '4' });
    const seen: unknown[] = [];
    for (let n = 0; n < 3; n += 1) seen.push((await events.next()).value?.data);
    expect(seen).toEqual(['2', '3', '4']);
    await events.return(undefined);
  });

  test('goes on behind a publisher’s id that is not ASCII', async () => {
    const channel = new Channel();
    await using server = await serve(channel);
    await channel.publish({ data: '1', id: 'ünï→🎉' });
    await channel.publish({ data: '2' });
    const client = server.connect();
    // It goes out as UTF-8, as browsers send it.
    client.get('/', { headers: 'Last-Event-ID: ünï→🎉\r\n' });
    const received = await client.until('data: 2');
    expect(received).not.toContain('data: 1');
    expect(received).not.toContain('tidings-gap');
    client.socket.destroy();
  });

  test('tells a listener what its history no longer holds', async () => {
    const channel = new Channel({ history: { maxEvents: 1 } });
    await using server = await serve(channel);
    const ids: string[] = [];
    for (const data of ['1', '2', '3']) ids.push(await channel.publish({ data }));
    const events = listen(server, ids[0]);
    const gap = (await events.next()).value as EventMessage;
    expect(gap.type).toBe('tidings-gap');
    expect(JSON.parse(gap.data)).toEqual({ after: ids[0], resumedAt: ids[1], reason: 'trimmed' });
    expect((await events.next()).value?.data).toBe('3');
    await events.return(undefined);
  });

  test('ends every response with the last event, and then answers 204', async () => {
    const channel = new Channel();
    await using server = await serve(channel);
    const live = listen(server);
    await live.next();
    const first = await channel.publish({ data: '1' });
    const publishing = channel.publish({ data: '2' });
    await channel.close({ event: 'end', data: 'bye', id: 'last' });
    await publishing;
    expect(await rest(live)).toEqual(['1', '2', 'bye']);
    expect(await rest(listen(server, first))).toEqual(['2', 'bye']);
    const statuses = await Promise.all(
      [{ 'Last-Event-ID': 'last' }, {}].map(async (headers) => (await fetch(server.url, { headers })).status),
    );
    expect(statuses).toEqual([204, 204]);
    await until(() => channel.listeners === 0);
  });

  test('ends without a last event too', async () => {
    const channel = new Channel();
    await using server = await serve(channel);
    const events = listen(server);
    await events.next();
    await channel.publish({ data: '1' });
    await channel.close();
    await channel.close();
    expect(await rest(events)).toEqual(['1']);
  });

  test('that closes waits for what is being stored', async () => {
    let store = (): void => {};
    class SlowLog extends MemoryLog {
      override async append(...args: Parameters<MemoryLog['append']>): ReturnType<MemoryLog['append']> {
        await new Promise<void>((resolve) => {
          store = resolve;
        });
        return await super.append(...args);
      }
    }
    const channel = new Channel({ log: new SlowLog() });
    await using server = await serve(channel);
    const events = listen(server);
    await events.next();
    const publishing = channel.publish({ data: '1' });
    const closing = channel.close();
    await expect(channel.publish({ data: '2' })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await new Promise((resolve) => setImmediate(resolve));
    store();
    await Promise.all([publishing, closing]);
    expect(await rest(events)).toEqual(['1']);
  });

  test.each(['tidings-gap', 'tidings-heartbeat', 'tidings-'])('refuses events of its own type %s', async (event) => {
    const channel = new Channel();
    const refused = { code: 'ERR_INVALID_EVENT', message: expect.stringContaining(JSON.stringify(event)) as string };
    await expect(channel.publish({ event, data: '1' })).rejects.toMatchObject(refused);
    await expect(channel.close({ event, data: '1' })).rejects.toMatchObject(refused);
    expect(await channel.earliest()).toBeUndefined();
    await channel.publish({ event: 'tidings', data: '2' });
    // What is no string is refused as such, also where it cannot become one.
    const unprintable = { event: { toString: false } as never, data: '3' };
    await expect(channel.publish(unprintable)).rejects.toMatchObject({ code: 'ERR_INVALID_EVENT' });
  });

  test('whose last event is refused goes on', async () => {
    const channel = new Channel();
    await expect(channel.close({ id: 'a\nb' })).rejects.toMatchObject({ code: 'ERR_INVALID_EVENT' });
    await channel.publish({ data: '1' });
    await channel.close({ data: '2' });
    await expect(channel.publish({ data: '3' })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('that drains sends everyone away with a time to come back, those that come then too', async () => {
    const channel = new Channel();
    await using server = await serve(channel);
    const before = server.connect();
    before.get('/', { headers: 'Connection: close\r\n' });
    await before.until('tidings-heartbeat');
    await channel.publish({ data: '1' });
    await channel.drain(1000);
    const after = server.connect();
    after.get('/', { headers: 'Connection: close\r\n' });
    await Promise.all([before.closed, after.closed]);
    for (const [client, text] of [
      [before, 'data: 1\n\n'],
      [after, ''],
    ] as [RawClient, string][]) {
      const { body, complete } = parseChunked(client.received);
      expect(complete).toBe(true);
      expect(body).toContain(text);
      const retry = Number(/retry: (\d+)\n\n$/.exec(body)?.[1]);
      expect(retry).toBeGreaterThanOrEqual(1000);
      expect(retry).toBeLessThanOrEqual(2000);
    }
    await expect(channel.publish({ data: '2' })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('that was drained says so to a publisher', async () => {
    const channel = new Channel();
    await channel.drain();
    await expect(channel.publish({ data: '1' })).rejects.toThrow('Cannot publish: the channel has been drained');
  });

  test('that drains waits for its listeners, and breaks off who does not read at the end of the window', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ clock });
    const reading = await admit(channel);
    const asleep = await admit(channel);
    reading.sink.take();
    let drained = 0;
    const count = (): void => {
      drained += 1;
    };
    const calls = [channel.drain(3000).then(count), channel.drain(1).then(count)];
    reading.sink.take();
    clock.advance(2999);
    await new Promise((resolve) => setImmediate(resolve));
    expect([reading.sink.state, asleep.sink.state, channel.listeners, drained]).toEqual(['ended', 'ending', 1, 0]);
    clock.advance(1);
    await Promise.all(calls);
    expect([asleep.sink.state, channel.listeners, drained]).toEqual(['destroyed', 0, 2]);
  });

  test('that is closed twice is closed for both callers at the same time', async () => {
    const channel = new Channel();
    const { sink } = await admit(channel);
    const first = channel.close({ data: 'last' });
    expect(channel.close()).toBe(first);
    await channel.close();
    await until(() => sink.text.includes('data: last'));
  });

  test('does not write to a listener that has closed its side', async () => {
    const channel = new Channel({ maxBacklogBytes: 16 * 1024 * 1024 });
    await using server = await serve(channel, 'unix');
    const errors: Error[] = [];
    server.server.on('clientError', (error) => errors.push(error));
    let socket: Socket | undefined;
    server.server.on('connection', (connection: Socket) => {
      socket = connection;
    });
    const client = server.connect();
    client.socket.pause();
    client.get();
    await until(() => channel.listeners === 1);
    // More than the kernel takes, so that its end of the connection stays open.
    await channel.publish({ data: 'x'.repeat(4 * 1024 * 1024) });
    await until(() => socket!.writableLength > 0);
    client.socket.end();
    await until(() => socket!.writableEnded);
    await channel.publish({ data: 'too late' });
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.resume();
    await client.closed;
    expect(errors).toEqual([]);
    expect(client.received).not.toContain('too late');
    await until(() => channel.listeners === 0);
  });

  test('keeps quiet listeners alive', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ keepAliveMs: 20, clock });
    await using server = await serve(channel);
    const client = server.connect();
    client.get();
    await client.until('data:\n\n');
    clock.advance(50);
    const received = await client.until('\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n');
    expect(parseChunked(received).body).toMatch(/^event: tidings-heartbeat\nid: .*\ndata:\n\n(:\n\n){2}$/);
    client.socket.destroy();
    await channel.drain();
  });

  test('adds its headers to every stream', async () => {
    const channel = new Channel({ headers: { 'Access-Control-Allow-Origin': '*' } });
    const response = await channel.respond(new Request('http://test/'));
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    await response.body!.cancel();
  });

  const bad: ChannelOptions[] = [
    { history: { maxEvents: -1 } },
    { history: { maxBytes: 0.5 } },
    { history: { maxAgeMs: Number.NaN } },
    { keepAliveMs: -1 },
    { maxBacklogBytes: Number.POSITIVE_INFINITY },
  ];
  test.each(bad)('refuses the options %o', (options) => {
    expect(() => new Channel(options)).toThrow(ServerError);
  });
});

describe('one listener that never reads beside 49 that do', () => {
  const SIZE = 16 * 1024;
  const COUNT = 250;
  const MAX_BACKLOG = 64 * 1024;

  test('costs a bounded backlog, holds nobody up, and gets everything when it reads again', async () => {
    const channel = new Channel({ maxBacklogBytes: MAX_BACKLOG, history: {} });
    await using server = await serve(channel, 'unix');
    const backlogs: (() => number)[] = [];
    server.server.on('connection', (socket: { writableLength: number }) => backlogs.push(() => socket.writableLength));

    const stuck = server.connect();
    stuck.socket.pause();
    stuck.get('/', { headers: 'Connection: close\r\n' });
    await until(() => channel.listeners === 1);
    const readers = Array.from({ length: 49 }, () => server.connect());
    for (const reader of readers) reader.get('/', { headers: 'Connection: close\r\n' });
    await Promise.all(readers.map((reader) => reader.until('tidings-heartbeat')));

    let highest = 0;
    for (let n = 1; n <= COUNT; n += 1) {
      await channel.publish({ data: `${'x'.repeat(SIZE)} ${n}` });
      // Everyone else has each event while the one is stuck.
      await Promise.all(readers.map((reader) => reader.untilEnd(` ${n}\n\n\r\n`)));
      highest = Math.max(highest, backlogs[0]!());
    }
    // The backlog, a tick, and what the kernel counts apart.
    expect(highest).toBeLessThan(MAX_BACKLOG + 2 * SIZE);
    expect(highest).toBeGreaterThan(0);

    stuck.socket.resume();
    await stuck.untilEnd(` ${COUNT}\n\n\r\n`);
    await channel.publish({ data: 'after' });
    await channel.close({ data: 'bye' });
    const clients = [stuck, ...readers];
    await Promise.all(clients.map((client) => client.closed));
    const bodies = new Set(clients.map((client) => parseChunked(client.received).body));
    expect(bodies.size).toBe(1);
    const [body = ''] = bodies;
    const numbers = [...body.matchAll(/^data: x+ (\d+)$/gm)].map((match) => Number(match[1]));
    expect(numbers).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1));
    expect(body.endsWith('data: bye\n\n')).toBe(true);
    expect(body).not.toContain('tidings-gap');
  });
});
