import { decodeEventStream, type EventMessage } from '@tidings/wire';
import * as hubPackage from '@tidings/hub';
import { Hub, MemoryLog } from '@tidings/hub';
import * as lmdbPackage from '@tidings/lmdb';
import * as testingPackage from '@tidings/server/log/testing';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { ask, startHub } from './test-hub.ts';

test('the package exports exactly these names', () => {
  const names = [hubPackage, lmdbPackage, testingPackage].map((entry) => Object.keys(entry).toSorted());
  expect(names).toEqual([
    ['Hub', 'HubError', 'MemoryLog', 'PROBLEMS', 'checkBinding', 'createServer'],
    ['LmdbLog'],
    ['eventLogContract'],
  ]);
});

test('every error code is documented', () => {
  const source = readFileSync(new URL('../src/errors.ts', import.meta.url), 'utf8');
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/\| '(ERR_[A-Z_]+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(3);
  expect(codes.filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
});

describe('a hub in a Fetch server', () => {
  const at = (path: string): string => `http://localhost${path}`;

  function fetchHub(): Hub {
    const hub = new Hub({ log: new MemoryLog() });
    onTestFinished(() => hub.close());
    return hub;
  }

  test('publishes and streams to Response bodies', async () => {
    const hub = fetchHub();
    const abort = new AbortController();
    const listening = await hub.fetch(new Request(at('/topics/a'), { signal: abort.signal }));
    expect([listening.status, listening.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const answer = await hub.fetch(new Request(at('/topics/a?type=t'), { method: 'POST', body: 'Hello 🎉' }));
    const id = await answer.text();
    const events: EventMessage[] = [];
    for await (const event of decodeEventStream(listening.body!)) {
      events.push(event);
      if (event.type === 't') break;
    }
    expect(events.map(({ type }) => type)).toEqual(['tidings-heartbeat', 't']);
    expect(events[1]).toEqual({ type: 't', data: 'Hello 🎉', lastEventId: id });
    const body = 'data: 1\n\ndata: 2\n\n';
    const headers = { 'content-type': 'text/event-stream' };
    await hub.fetch(new Request(at('/topics/a'), { method: 'POST', headers, body }));
    const again = await hub.fetch(new Request(at('/topics/a'), { headers: { 'last-event-id': id } }));
    const data: string[] = [];
    for await (const event of decodeEventStream(again.body!)) if (data.push(event.data) === 2) break;
    expect(data).toEqual(['1', '2']);
  });

  test('answers problems and documents', async () => {
    const hub = fetchHub();
    const missing = await hub.fetch(new Request(at('/nothing')));
    expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    expect(await (await hub.fetch(new Request(at('/topics')))).json()).toMatchObject({ topics: [], total: 0 });
    const elsewhere = await hub.fetch(new Request('http://example.com/topics'));
    expect(elsewhere.status).toBe(403);
    const preflight = await hub.fetch(new Request(at('/topics/a'), { method: 'OPTIONS' }));
    expect([preflight.status, await preflight.text()]).toEqual([204, '']);
  });

  test('lets a listener go when its request is aborted or its body cancelled', async () => {
    const hub = fetchHub();
    const listeners = async (): Promise<number> =>
      ((await (await hub.fetch(new Request(at('/healthz')))).json()) as { listeners: number }).listeners;
    const abort = new AbortController();
    const aborted = await hub.fetch(new Request(at('/topics/a'), { signal: abort.signal }));
    const cancelled = await hub.fetch(new Request(at('/topics/a')));
    expect(await listeners()).toBe(2);
    abort.abort();
    await expect(aborted.text()).rejects.toThrow('broken off');
    await cancelled.body!.cancel();
    expect(await listeners()).toBe(0);
  });
});

describe('closing a hub', () => {
  test('sends each listener away with a time of its own to come back, and refuses new requests', async () => {
    const { hub, port } = await startHub();
    const listeners = await Promise.all(Array.from({ length: 8 }, () => Listener.open(port, '/topics/a')));
    const list = await Listener.open(port, '/topics', { accept: 'text/event-stream' });
    await list.take(1);
    await hub.close({ windowMs: 1000 });
    for (const listener of listeners) expect(await listener.end()).toBe('complete');
    const times = listeners.map(({ retries }) => retries[0]!);
    for (const time of times) expect(time).toSatisfy((ms: number) => ms >= 1000 && ms <= 2000);
    expect(new Set(times).size).toBeGreaterThan(1);
    expect(await list.end()).toBe('complete');
    expect((await ask(port, 'GET', '/topics/a')).status).toBe(503);
    expect((await ask(port, 'POST', '/topics/a')).status).toBe(503);
    expect((await ask(port, 'GET', '/healthz')).status).toBe(503);
  });

  test('breaks off who is still being given old events, so that nobody takes the end for a whole stream', async () => {
    const { hub, port, log } = await startHub();
    for (let n = 0; n < 40; n += 1) await log.append([{ topics: ['a'], fields: { data: 'x'.repeat(1024 * 1024) } }]);
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write('GET /topics/a?last_event_id=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => void socket.once('readable', resolve));
    await hub.close();
    let tail = '';
    for await (const chunk of socket.on('error', () => {})) tail = (tail + String(chunk)).slice(-7);
    expect(tail).not.toBe('\r\n0\r\n\r\n');
  });

  test('lets publishes under way finish', async () => {
    const { hub, epoch } = await startHub();
    let finish = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        finish = () => {
          controller.enqueue(Buffer.from('last'));
          controller.close();
        };
      },
    });
    const request = { method: 'POST', body, duplex: 'half' } as RequestInit;
    const publishing = hub.fetch(new Request('http://localhost/topics/a', request));
    const closing = hub.close();
    finish();
    const reply = await publishing;
    expect([reply.status, await reply.text()]).toEqual([200, `${epoch}.1`]);
    await closing;
    await hub.close();
  });
});
