import { describe, expect, test } from 'vitest';
import {
  decodeEventStream,
  EventStreamDecoderStream,
  EventStreamError,
  type EventMessage,
  type EventStreamOptions,
} from '@tidings/wire';
import { cut, utf8 } from './recording.ts';

const message = (data: string, lastEventId = ''): EventMessage => ({ type: 'message', data, lastEventId });

/** A stream that says what became of it; it gives a chunk only when it is asked for one. */
function source(
  chunks: (string | Error)[],
  { endless = false } = {},
): {
  stream: ReadableStream<Uint8Array>;
  pulls: () => number;
  cancelled: Promise<unknown>;
} {
  let pulls = 0;
  let cancel: (reason: unknown) => void;
  const cancelled = new Promise<unknown>((resolve) => (cancel = resolve));
  const rest = [...chunks];
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls++;
        const chunk = rest.shift();
        if (chunk instanceof Error) controller.error(chunk);
        else if (chunk !== undefined) controller.enqueue(utf8(chunk));
        else if (!endless) controller.close();
        else return new Promise(() => {});
        return undefined;
      },
      cancel: (reason) => cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { stream, pulls: () => pulls, cancelled };
}

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function all(events: AsyncIterable<EventMessage>): Promise<EventMessage[]> {
  const result: EventMessage[] = [];
  for await (const event of events) result.push(event);
  return result;
}

// The same tests for the two ways to read a stream
const ways: [
  string,
  (stream: ReadableStream<Uint8Array>, options?: EventStreamOptions) => AsyncIterable<EventMessage>,
][] = [
  ['decodeEventStream', (stream, options) => decodeEventStream(stream, options)],
  ['EventStreamDecoderStream', (stream, options) => stream.pipeThrough(new EventStreamDecoderStream(options))],
];

describe.each(ways)('%s', (_, decode) => {
  test('gives the events of the stream, however it is cut', async () => {
    const bytes = utf8(
      '\ufeffid: 1\r\ndata: 語\r\n\r\n: c\n\ndata: b\ndata: c\n\nevent: e\ndata: d\r\r\ndata: unfinished',
    );
    for (let size = 1; size <= bytes.length; size++) {
      const at = Array.from({ length: Math.ceil(bytes.length / size) }, (__, i) => i * size);
      const events = await all(decode(streamOf(cut(bytes, at))));
      expect(events).toEqual([message('語', '1'), message('b\nc', '1'), { type: 'e', data: 'd', lastEventId: '1' }]);
    }
  });

  test('passes its options on', async () => {
    const seen: unknown[] = [];
    const { stream } = source(['retry: 5\n:c\ndata: a\n\nid: 8\n\n']);
    const events = await all(
      decode(stream, {
        lastEventId: '7',
        onRetry: (ms) => seen.push(ms),
        onComment: (text) => seen.push(text),
        onId: (id) => seen.push(id),
      }),
    );
    expect(events).toEqual([message('a', '7')]);
    expect(seen).toEqual([5, 'c', '8']);
  });

  test('refuses an invalid option at once and leaves the stream alone', () => {
    const { stream } = source([]);
    expect(() => decode(stream, { maxEventBytes: 0 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(stream.locked).toBe(false);
  });

  test('cancels the source when the consumer breaks off', async () => {
    const { stream, cancelled } = source(['data: a\n\ndata: b\n\n'], { endless: true });
    for await (const event of decode(stream)) {
      expect(event).toEqual(message('a'));
      break;
    }
    await cancelled;
  });

  test('cancels the source when the consumer throws', async () => {
    const { stream, cancelled } = source(['data: a\n\n'], { endless: true });
    const reading = (async () => {
      for await (const event of decode(stream)) throw new Error(event.data);
    })();
    await expect(reading).rejects.toThrow('a');
    await cancelled;
  });

  test('gives the events before an event that is too large, then throws and cancels the source', async () => {
    const { stream, cancelled } = source([`data: a\n\ndata: b\n\n${'x'.repeat(101)}`], { endless: true });
    const events: string[] = [];
    const reading = (async () => {
      for await (const event of decode(stream, { maxEventBytes: 100 })) events.push(event.data);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_EVENT_TOO_LARGE' });
    expect(events).toEqual(['a', 'b']);
    expect(await cancelled).toBeInstanceOf(EventStreamError);
  });

  test('throws what the source failed with, after the events before', async () => {
    const { stream } = source(['data: a\n\ndata: b\n\n', new Error('the line is dead')]);
    const events: string[] = [];
    const reading = (async () => {
      for await (const event of decode(stream)) events.push(event.data);
    })();
    await expect(reading).rejects.toThrow('the line is dead');
    expect(events).toEqual(['a', 'b']);
  });

  test('throws what a handler throws, after the events of its chunk', async () => {
    const { stream, cancelled } = source(['data: a\n\nretry: 5\ndata: b\n\n'], { endless: true });
    const events: string[] = [];
    const onRetry = (): never => {
      throw new Error('thrown by the handler');
    };
    const reading = (async () => {
      for await (const event of decode(stream, { onRetry })) events.push(event.data);
    })();
    await expect(reading).rejects.toThrow('thrown by the handler');
    expect(events).toEqual(['a', 'b']);
    await cancelled;
  });
});

describe('decodeEventStream', () => {
  test('reads a chunk only when the events before have been taken', async () => {
    const { stream, pulls } = source(['data: a\n\ndata: b\n\n', ': nothing\n', 'data: c\n\n']);
    const events = decodeEventStream(stream)[Symbol.asyncIterator]();
    expect(pulls()).toBe(0);
    await events.next();
    expect(pulls()).toBe(1);
    await events.next();
    expect(pulls()).toBe(1);
    await events.next();
    expect(pulls()).toBe(3);
  });

  test('answers calls of next in order', async () => {
    const { stream } = source(['data: a\n\n', 'data: b\n\ndata: c\n\n']);
    const events = decodeEventStream(stream)[Symbol.asyncIterator]();
    const results = await Promise.all([events.next(), events.next(), events.next(), events.next(), events.next()]);
    expect(results.map(({ done, value }) => (done ? undefined : value.data))).toEqual([
      'a',
      'b',
      'c',
      undefined,
      undefined,
    ]);
  });

  test('cancels a source that was never read', async () => {
    const { stream, cancelled, pulls } = source(['data: a\n\n']);
    const events = decodeEventStream(stream)[Symbol.asyncIterator]();
    await events.return?.();
    await cancelled;
    expect(pulls()).toBe(0);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('cancels a source while next waits for it, and next ends', async () => {
    const { stream, cancelled } = source([], { endless: true });
    const events = decodeEventStream(stream)[Symbol.asyncIterator]();
    const waiting = events.next();
    await events.return?.();
    await cancelled;
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test('reads an async iterable and ends it when the consumer breaks off', async () => {
    let ended = false;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        yield utf8('data: a\n\n');
        yield utf8('data: b\n\n');
      } finally {
        ended = true;
      }
    }
    expect(await all(decodeEventStream(chunks()))).toEqual([message('a'), message('b')]);
    ended = false;
    for await (const event of decodeEventStream(chunks())) {
      expect(event.data).toBe('a');
      break;
    }
    expect(ended).toBe(true);
  });

  test.each([null, undefined, 'data: a\n\n', {}, [utf8('data: a\n\n')]])('%j is refused as a source', (value) => {
    expect(() => decodeEventStream(value as ReadableStream<Uint8Array>)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_SOURCE' }),
    );
  });
});

describe('EventStreamDecoderStream', () => {
  test('cancels the pipe while it waits for the source', async () => {
    const { stream, cancelled } = source(['data: a\n\n'], { endless: true });
    const reader = stream.pipeThrough(new EventStreamDecoderStream()).getReader();
    expect((await reader.read()).value).toEqual(message('a'));
    const waiting = reader.read();
    await reader.cancel('enough');
    expect(await cancelled).toBe('enough');
    expect((await waiting).done).toBe(true);
  });

  test('fails the writable side when the stream cannot be decoded', async () => {
    const { readable, writable } = new EventStreamDecoderStream({ maxEventBytes: 10 });
    const writer = writable.getWriter();
    const written = writer.write(utf8('data: more than ten\n\n'));
    await expect(readable.getReader().read()).rejects.toMatchObject({ code: 'ERR_EVENT_TOO_LARGE' });
    await written.catch(() => {});
    await expect(writer.closed).rejects.toMatchObject({ code: 'ERR_EVENT_TOO_LARGE' });
  });
});

describe('a source whose next chunk is always there', () => {
  test.each([1, 100, 100_000])('leaves others their turns: chunks of %i events', async (count) => {
    const chunk = new TextEncoder().encode('data: x\n\n'.repeat(count));
    let isOver = false;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      // The bound is for a decoder that leaves no turns: then the test fails, and does not hang.
      for (let left = 100_000_000; left > 0 && !isOver; left -= chunk.length) yield chunk;
    }
    const turn = new Promise<string>((resolve) => setImmediate(() => resolve('turn')));
    void turn.then(() => (isOver = true));
    const decoding = (async () => {
      for await (const _ of decodeEventStream(chunks()));
      return 'end';
    })();
    expect(await Promise.race([turn, decoding])).toBe('turn');
    await decoding;
  });

  test('is left alone after its turn, if the consumer has gone', async () => {
    let asked = 0;
    const endless = {
      next: async () => ({ done: false, value: utf8(`:${asked++}\n`) }),
    };
    const events = decodeEventStream({ [Symbol.asyncIterator]: () => endless } as AsyncIterable<Uint8Array>);
    const iterator = events[Symbol.asyncIterator]();
    const next = iterator.next();
    while (asked < 64) await Promise.resolve();
    for (let step = 0; step < 100; step += 1) await Promise.resolve();
    const before = asked;
    await iterator.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(asked).toBe(before);
  });
});
