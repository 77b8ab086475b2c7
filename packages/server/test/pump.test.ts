import type { EventStreamHandle } from '@tidings/server';
import { pump, type PumpOptions, type SharedChunk, type Sink } from '@tidings/server/live';
import { decodeEventStream, type EventFields } from '@tidings/wire';
import { describe, expect, test } from 'vitest';
import { deferred } from './deferred.ts';
import { FakeClock } from './fake-clock.ts';

/** A sink whose transport the test is. */
class HandSink implements Sink {
  readonly written: Uint8Array[] = [];
  backlog = 0;
  needsDrain = false;
  ended: 'open' | 'ended' | 'destroyed' = 'open';
  onDrain = (): void => {};
  onClose = (): void => {};

  write(chunk: SharedChunk): void {
    if (this.ended === 'open') this.written.push(chunk.bytes);
  }

  end(): void {
    this.ended = 'ended';
  }

  destroy(): void {
    this.ended = 'destroyed';
  }

  drain(): void {
    this.needsDrain = false;
    this.onDrain();
  }

  async data(): Promise<string[]> {
    const data: string[] = [];
    for await (const event of decodeEventStream(new Response(new Blob(this.written as BlobPart[])).body!)) {
      data.push(event.data);
    }
    return data;
  }
}

/** Opens a stream for a callback, and gives its handle. */
function open(sink: Sink, options: PumpOptions = {}): { stream: EventStreamHandle; over: Promise<void> } {
  let stream: EventStreamHandle | undefined;
  const over = pump((handle) => void (stream = handle), sink, options, 'sent');
  return { stream: stream!, over };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the handle of a stream', () => {
  test('knows where the listener wants to go on', () => {
    expect(open(new HandSink()).stream.lastEventId).toBe('sent');
  });

  test('sends at once, and fulfils when the transport can take more', async () => {
    const sink = new HandSink();
    const { stream } = open(sink);
    await stream.send({ data: '1' });
    sink.needsDrain = true;
    let fulfilled = 0;
    for (const data of ['2', '3']) void stream.send({ data }).then(() => (fulfilled += 1));
    await settled();
    expect([fulfilled, await sink.data()]).toEqual([0, ['1', '2', '3']]);
    sink.drain();
    await settled();
    expect(fulfilled).toBe(2);
  });

  test('fulfils what waits, and aborts its signal, when the listener goes', async () => {
    const sink = new HandSink();
    const { stream, over } = open(sink);
    sink.needsDrain = true;
    const waiting = stream.send({ data: '1' });
    const { signal } = stream;
    expect(signal.aborted).toBe(false);
    sink.onClose();
    await Promise.all([waiting, over, stream.send({ data: 'in vain' })]);
    expect([signal.aborted, await sink.data()]).toEqual([true, ['1']]);
  });

  test('gives a signal that is aborted already to who asks late', async () => {
    const sink = new HandSink();
    const { stream, over } = open(sink);
    stream.close();
    await over;
    expect(stream.signal.aborted).toBe(true);
  });

  test('ends the response once, however often it is closed', async () => {
    const sink = new HandSink();
    const { stream, over } = open(sink);
    void stream.send({ data: '1' });
    stream.close();
    stream.close();
    await over;
    sink.onClose();
    expect([sink.ended, await sink.data()]).toEqual(['ended', ['1']]);
  });

  test('throws for an event that cannot be encoded, also after the end, and goes on', async () => {
    const sink = new HandSink();
    const { stream, over } = open(sink);
    expect(() => stream.send({ event: 'a\nb' })).toThrow('CR, LF');
    await stream.send({ data: 'good' });
    stream.close();
    await over;
    expect(() => stream.send({ retry: -1 })).toThrow('retry');
    expect(await sink.data()).toEqual(['good']);
  });

  test('lets one event be of any size, and breaks the response off at the next', async () => {
    const sink = new HandSink();
    const { stream, over } = open(sink, { maxBacklogBytes: 10 });
    sink.needsDrain = true;
    void stream.send({ data: 'x'.repeat(1000) });
    sink.backlog = 1008;
    expect(sink.ended).toBe('open');
    void stream.send({ data: 'y' });
    await expect(over).rejects.toMatchObject({ code: 'ERR_BACKLOG_EXCEEDED' });
    expect([sink.ended, (await sink.data()).length]).toEqual(['destroyed', 1]);
  });
});

describe('a stream that is silent', () => {
  const comments = (sink: HandSink): number =>
    sink.written.filter((bytes) => Buffer.from(bytes).toString() === ':\n\n').length;

  test('is sent a comment when it has been silent for that long, and not before', async () => {
    const clock = new FakeClock();
    const sink = new HandSink();
    const { stream } = open(sink, { keepAliveMs: 1000, clock });
    // The first byte comes at once.
    expect(comments(sink)).toBe(1);
    clock.advance(999);
    expect(comments(sink)).toBe(1);
    clock.advance(1);
    expect(comments(sink)).toBe(2);
    clock.advance(600);
    await stream.send({ data: '1' });
    clock.advance(999);
    expect(comments(sink)).toBe(2);
    clock.advance(1);
    expect(comments(sink)).toBe(3);
    stream.close();
    expect(clock.pending).toBe(0);
  });

  test('is sent none while bytes wait for the listener, or where there are to be none', () => {
    const clock = new FakeClock();
    const sink = new HandSink();
    open(sink, { keepAliveMs: 1000, clock });
    sink.needsDrain = true;
    clock.advance(10_000);
    expect(comments(sink)).toBe(1);
    sink.drain();
    clock.advance(1000);
    expect(comments(sink)).toBe(2);
    const other = new FakeClock();
    open(new HandSink(), { keepAliveMs: 0, clock: other });
    expect(other.pending).toBe(0);
  });
});

describe('a source', () => {
  test('that is a function may give its iterable later', async () => {
    const sink = new HandSink();
    const source = async (): Promise<AsyncIterable<EventFields>> => {
      await settled();
      return (async function* () {
        yield { data: '1' };
      })();
    };
    await pump(source, sink);
    expect([sink.ended, await sink.data()]).toEqual(['ended', ['1']]);
  });

  test('that comes when the listener has gone is returned without being asked', async () => {
    const sink = new HandSink();
    const came = deferred<AsyncIterable<EventFields>>();
    const calls: string[] = [];
    const over = pump(() => came.promise, sink);
    sink.onClose();
    await over;
    came.resolve({
      [Symbol.asyncIterator]: () => ({
        async next() {
          calls.push('next');
          return { done: true, value: undefined };
        },
        async return() {
          calls.push('return');
          return { done: true, value: undefined };
        },
      }),
    });
    await settled();
    expect(calls).toEqual(['return']);
  });

  test.each(['throws', 'rejects', 'gives nothing'])('whose return %s does no harm', async (how) => {
    const sink = new HandSink();
    const failure = new Error('return broke');
    const iterator = {
      next: () => new Promise<never>(() => {}),
      return(): never {
        if (how === 'throws') throw failure;
        return (how === 'rejects' ? Promise.reject(failure) : undefined) as never;
      },
    };
    const over = pump({ [Symbol.asyncIterator]: () => iterator }, sink);
    await settled();
    sink.onClose();
    await expect(over).resolves.toBeUndefined();
    await settled();
  });

  test('that fails after the listener has gone is not heard of', async () => {
    const sink = new HandSink();
    const failing = deferred();
    const over = pump(async function* () {
      yield { data: '1' };
      await failing.promise;
    }, sink);
    await settled();
    sink.onClose();
    await over;
    failing.reject(new Error('too late'));
    await settled();
    expect(sink.ended).toBe('open');
  });

  test('is not asked for more while the transport does not take it', async () => {
    const sink = new HandSink();
    sink.needsDrain = true;
    let asked = 0;
    void pump(async function* () {
      for (;;) {
        asked += 1;
        yield { data: String(asked) };
      }
    }, sink);
    await settled();
    expect(asked).toBe(1);
    sink.onDrain();
    await settled();
    expect(asked).toBe(2);
    sink.onClose();
  });
});

describe('a source whose next event is always there', () => {
  const LAST = 100_000;

  test('leaves the others in the process their turns, and ends when its listener has gone', async () => {
    const sink = new HandSink();
    let made = 0;
    let returned = false;
    const pumping = pump(async function* () {
      try {
        while (made < LAST) yield { data: String((made += 1)) };
      } finally {
        returned = true;
      }
    }, sink);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    const soFar = made;
    expect(soFar).toBeGreaterThan(0);
    sink.onClose();
    await pumping;
    await new Promise((resolve) => setImmediate(resolve));
    expect(returned).toBe(true);
    expect(made).toBeLessThan(LAST);
  });

  test('is sent whole and in order', async () => {
    const sink = new HandSink();
    await pump(async function* () {
      for (let n = 0; n < 2000; n += 1) yield { data: String(n) };
    }, sink);
    expect(await sink.data()).toEqual(Array.from({ length: 2000 }, (_, n) => String(n)));
  });

  test('has its turns also where it sends to a response that is over', async () => {
    const sink = new HandSink();
    let sent = 0;
    const pumping = pump(async (stream) => {
      stream.close();
      while (sent < LAST) {
        sent += 1;
        await stream.send({ data: 'x' });
      }
    }, sink);
    await pumping;
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toBeLessThan(LAST);
  });
});
