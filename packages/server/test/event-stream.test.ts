import { Channel, eventStream, ServerError, type EventStreamSource } from '@tidings/server';
import { bodySink, SharedChunk } from '@tidings/server/live';
import { decodeEventStream, type EventFields } from '@tidings/wire';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { deferred } from './deferred.ts';
import { halted, until } from './test-server.ts';

const REQUEST = new Request('http://test/');

describe('eventStream for a Request', () => {
  test('answers with the source’s events', async () => {
    const response = eventStream(
      REQUEST,
      (async function* () {
        yield { event: 'added', data: 'a\nb', id: '1' };
        yield { data: '2' };
      })(),
      { headers: { 'X-Test': 'yes' } },
    );
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-test': 'yes',
    });
    expect(await response.text()).toBe(':\n\nevent: added\nid: 1\ndata: a\ndata: b\n\ndata: 2\n\n');
  });

  test('breaks the body off when the source throws, and tells onError', async () => {
    const { promise, resolve } = deferred<unknown>();
    const failure = new Error('the source broke');
    const source = async function* (): AsyncGenerator<EventFields> {
      yield { data: '1' };
      throw failure;
    };
    const response = eventStream(REQUEST, source, { onError: resolve });
    await expect(response.text()).rejects.toThrow('broken off');
    expect(await promise).toBe(failure);
  });

  test('tells the console where there is no onError, and of an onError that fails', async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {});
    const failure = new Error('the source broke');
    const another = new Error('onError broke');
    const source = (): never => {
      throw failure;
    };
    await expect(eventStream(REQUEST, source).text()).rejects.toThrow('broken off');
    const onError = (): never => {
      throw another;
    };
    await expect(eventStream(REQUEST, source, { onError }).text()).rejects.toThrow('broken off');
    await until(() => told.mock.calls.length === 2);
    expect(told.mock.calls).toEqual([[failure], [another]]);
    told.mockRestore();
  });

  test.each([
    ['HEAD', 200],
    ['OPTIONS', 204],
  ])('answers %s without its source', (method, status) => {
    let asked = false;
    const source = (): void => {
      asked = true;
    };
    const response = eventStream(new Request('http://test/', { method }), source);
    expect([response.status, response.body, asked]).toEqual([status, null, false]);
  });

  test('runs the source’s finally when the body is cancelled', async () => {
    const { promise: finished, resolve } = deferred();
    const response = eventStream(REQUEST, async function* ({ signal }) {
      try {
        yield { data: '1' };
        await once(signal, 'abort');
      } finally {
        resolve();
      }
    });
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await expect(finished).resolves.toBeUndefined();
  });

  test.each(['before', 'while'])('ends the source when the request is aborted %s it is answered', async (when) => {
    const { promise: finished, resolve } = deferred();
    const controller = new AbortController();
    if (when === 'before') controller.abort();
    const request = new Request('http://test/', { signal: controller.signal });
    const source: EventStreamSource = ({ signal }) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve());
      return (async function* (): AsyncGenerator<EventFields> {
        yield { data: '1' };
        await once(signal, 'abort');
      })();
    };
    const response = eventStream(request, source);
    if (when === 'while') controller.abort();
    await expect(response.text()).rejects.toThrow('broken off');
    if (when === 'while') await finished;
  });

  test('stops the source while nobody reads, and then gives everything', async () => {
    let made = 0;
    const response = eventStream(REQUEST, async function* () {
      while (made < 200) {
        made += 1;
        yield { data: 'x'.repeat(10_000) };
      }
    });
    await until(() => made > 0);
    expect(await halted(() => made)).toBeLessThan(10);
    let events = 0;
    for await (const event of decodeEventStream(response.body!)) events += event.data.length === 10_000 ? 1 : 0;
    expect(events).toBe(200);
  });

  test('refuses a bad option at once', () => {
    const source = (async function* () {})();
    expect(() => eventStream(REQUEST, source, { keepAliveMs: -1 })).toThrow(ServerError);
  });
});

describe('a channel for a Request', () => {
  test('gives the events behind the last event ID, ends with the channel and then answers 204', async () => {
    const channel = new Channel();
    const first = await channel.publish({ data: '1' });
    const request = (id: string): Request => new Request('http://test/', { headers: { 'Last-Event-ID': id } });
    const response = await channel.respond(request(first));
    await channel.publish({ data: '2' });
    await channel.close({ data: '3', id: 'last' });
    expect(await response.text()).toMatch(/^:\n\nid: .*\ndata: 2\n\nid: last\ndata: 3\n\n$/);
    const again = await channel.respond(request('last'));
    expect([again.status, again.body]).toEqual([204, null]);
  });

  test('lets a listener go whose body is cancelled', async () => {
    const channel = new Channel();
    const response = await channel.respond(REQUEST);
    expect(channel.listeners).toBe(1);
    await response.body!.cancel();
    await until(() => channel.listeners === 0);
  });

  test('lets a listener go whose request is aborted, or was before it was answered', async () => {
    const channel = new Channel();
    const controller = new AbortController();
    const request = new Request('http://test/', { signal: controller.signal });
    await channel.respond(request);
    expect(channel.listeners).toBe(1);
    controller.abort();
    await channel.respond(request);
    await until(() => channel.listeners === 0);
  });

  test('catches up a listener that did not read', async () => {
    const channel = new Channel({ maxBacklogBytes: 1000 });
    const response = await channel.respond(REQUEST);
    for (let n = 1; n <= 300; n += 1) {
      await channel.publish({ data: `${n} ${'x'.repeat(1000)}` });
      await new Promise((resolve) => setImmediate(resolve));
    }
    const numbers: number[] = [];
    for await (const event of decodeEventStream(response.body!)) {
      if (event.type === 'message') numbers.push(Number.parseInt(event.data, 10));
      if (numbers.length === 300) break;
    }
    expect(numbers).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  });
});

test('a listener that goes is noticed, although nothing else has kept its request', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const controller = new AbortController();
  const channel = new Channel();
  const ended = deferred();
  const open = async (): Promise<Response[]> => {
    const request = (): Request => new Request('http://test/', { signal: controller.signal });
    const source: EventStreamSource = ({ signal }) => signal.addEventListener('abort', () => ended.resolve());
    return [eventStream(request(), source), await channel.respond(request())];
  };
  const responses = await open();
  // What a weak reference leads to stays until the turn of the loop has ended.
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => void setImmediate(resolve));
    collect();
  }
  controller.abort();
  await ended.promise;
  await until(() => channel.listeners === 0);
  expect(responses.map(({ status }) => status)).toEqual([200, 200]);
});

describe('the sink of a body', () => {
  test('needs a drain once it holds its fill, and says when it has been read', async () => {
    const { body, sink } = bodySink();
    let drained = 0;
    sink.onDrain = () => {
      drained += 1;
    };
    sink.write(new SharedChunk(new Uint8Array(65_535)));
    expect([sink.backlog, sink.needsDrain]).toEqual([65_535, false]);
    sink.write(new SharedChunk(new Uint8Array(1)));
    expect([sink.backlog, sink.needsDrain]).toEqual([65_536, true]);
    const reader = body.getReader();
    expect((await reader.read()).value).toHaveLength(65_535);
    await until(() => drained === 1);
    expect([sink.backlog, sink.needsDrain]).toEqual([1, false]);
  });

  test('gives bytes that whoever reads them may change', async () => {
    const chunk = SharedChunk.fromText('shared');
    const { body, sink } = bodySink();
    sink.write(chunk);
    const { value } = await body.getReader().read();
    value!.fill(0);
    expect(Buffer.from(chunk.bytes).toString()).toBe('shared');
  });

  test('is closed where its reader gives the body up while bytes are handed over', async () => {
    const { body, sink } = bodySink();
    const reader = body.getReader();
    let closed = 0;
    sink.onClose = () => {
      closed += 1;
    };
    const enqueue = vi.spyOn(ReadableStreamDefaultController.prototype, 'enqueue').mockImplementation(() => {
      void reader.cancel();
    });
    sink.write(SharedChunk.fromText('a'));
    enqueue.mockRestore();
    await until(() => closed === 1);
    expect([sink.backlog, sink.needsDrain]).toEqual([0, false]);
  });

  test('takes nothing after its end, and closes once', async () => {
    const { body, sink } = bodySink();
    let closed = 0;
    sink.onClose = () => {
      closed += 1;
    };
    sink.write(SharedChunk.fromText('a'));
    sink.end();
    sink.write(SharedChunk.fromText('b'));
    sink.end();
    expect([closed, sink.backlog]).toEqual([0, 1]);
    expect(await new Response(body).text()).toBe('a');
    sink.destroy();
    expect([closed, sink.backlog, sink.needsDrain]).toEqual([1, 0, false]);
  });

  test('is open until all is read, and can be broken off until then', async () => {
    const { body, sink } = bodySink();
    const closed = new Promise<void>((resolve) => {
      sink.onClose = resolve;
    });
    sink.write(SharedChunk.fromText('a'));
    sink.end();
    sink.destroy();
    await closed;
    await expect(new Response(body).text()).rejects.toThrow('broken off');
  });
});
