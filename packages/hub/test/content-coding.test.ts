import { decodeEventStream, type EventMessage } from '@tidings/wire';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startHub, type TestHub } from './test-hub.ts';

interface Stream {
  readonly headers: Headers;
  readonly events: AsyncIterator<EventMessage>;
}

/** Listens with the fetch of Node, which decodes what is coded. */
async function listen(hub: TestHub, path: string, headers: Record<string, string> = {}): Promise<Stream> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const response = await fetch(hub.url + path, { headers, signal: leaving.signal });
  return { headers: response.headers, events: decodeEventStream(response.body!)[Symbol.asyncIterator]() };
}

async function next({ events }: Stream): Promise<string> {
  const { value } = (await events.next()) as { value: EventMessage };
  return value.type === 'message' ? value.data : value.type;
}

const coding = ({ headers }: Stream): (string | null)[] => [headers.get('content-encoding'), headers.get('vary')];

describe('a hub with compression', () => {
  test('codes a stream for who accepts it, each event as it is published', async () => {
    const hub = await startHub({ compression: true });
    const coded = await listen(hub, '/topics/a');
    const other = await listen(hub, '/topics?match=a&match=b&envelope=json');
    const plain = await listen(hub, '/topics/a', { 'accept-encoding': 'identity' });
    for (const stream of [coded, other, plain]) expect(await next(stream)).toBe('tidings-heartbeat');
    for (let n = 1; n <= 20; n += 1) {
      await hub.publish('a', `reading ${n}`);
      expect([await next(coded), await next(plain)]).toEqual([`reading ${n}`, `reading ${n}`]);
      expect(JSON.parse(await next(other))).toMatchObject({ topic: 'a', data: `reading ${n}` });
    }
    const behind = await listen(hub, `/topics/a?last_event_id=${hub.cursor(15)}`);
    for (let n = 16; n <= 20; n += 1) expect(await next(behind)).toBe(`reading ${n}`);
    expect([coded, other, behind].map(coding)).toEqual(Array.from({ length: 3 }, () => ['gzip', 'Accept-Encoding']));
    expect(coding(plain)).toEqual([null, 'Accept-Encoding']);
    const preferring = await listen(hub, '/topics/a', { 'accept-encoding': 'zstd, gzip;q=0.5' });
    expect(coding(preferring)).toEqual(['zstd', 'Accept-Encoding']);
    expect(await next(preferring)).toBe('tidings-heartbeat');
    for (let n = 21; n <= 40; n += 1) {
      await hub.publish('a', `reading ${n}`);
      expect([await next(preferring), await next(coded)]).toEqual([`reading ${n}`, `reading ${n}`]);
    }
  });

  test('codes the list of topics as it changes', async () => {
    const hub = await startHub({ compression: true });
    const list = await listen(hub, '/topics', { accept: 'text/event-stream' });
    expect(coding(list)).toEqual(['gzip', 'Accept-Encoding']);
    expect(await next(list)).toBe('topics');
    await hub.publish('a', 'x');
    const { value } = (await list.events.next()) as { value: EventMessage };
    expect(value.data).toContain('"a"');
  });

  test('tells caches of the origin too', async () => {
    const hub = await startHub({ compression: true, allowedOrigins: ['https://example.com'] });
    const stream = await listen(hub, '/topics/a', { origin: 'https://example.com' });
    expect(coding(stream)).toEqual(['gzip', 'Accept-Encoding, Origin']);
  });

  test('ends its streams whole when it closes', async () => {
    const hub = await startHub({ compression: true });
    const stream = await listen(hub, '/topics/a');
    expect(await next(stream)).toBe('tidings-heartbeat');
    await hub.hub.close();
    // A stream that was cut would throw.
    expect(await stream.events.next()).toMatchObject({ done: true });
  });
});

test('a hub without the option codes nothing', async () => {
  const hub = await startHub();
  const stream = await listen(hub, '/topics/a');
  expect(coding(stream)).toEqual([null, null]);
  expect(await next(stream)).toBe('tidings-heartbeat');
});

test('an option that is no yes or no is refused', async () => {
  await expect(startHub({ compression: 'gzip' as unknown as boolean })).rejects.toThrow(
    'The option compression is "gzip", but must be one of true, false',
  );
});
