import { describe, expect, test } from 'vitest';
import {
  DEFAULT_MAX_EVENT_BYTES,
  EventStreamDecoder,
  EventStreamError,
  type EventMessage,
  type EventStreamDecoderOptions,
} from '@tidings/wire';
import { chunkings, record, utf8 } from './recording.ts';

function collecting(options: Partial<EventStreamDecoderOptions> = {}): { decoder: EventStreamDecoder; events: EventMessage[] } {
  const events: EventMessage[] = [];
  return { decoder: new EventStreamDecoder({ onEvent: (event) => events.push(event), ...options }), events };
}

const data = (events: EventMessage[]): string[] => events.map((event) => event.data);

describe('delivery', () => {
  test('an event is delivered by the write that brings its blank line', () => {
    const { decoder, events } = collecting();
    decoder.write('data: a\r');
    expect(events).toEqual([]);
    decoder.write('\r');
    expect(data(events)).toEqual(['a']);
    decoder.write('\ndata: b\n\n');
    expect(data(events)).toEqual(['a', 'b']);
  });

  test('a chunk may be overwritten after the write', () => {
    const { decoder, events } = collecting();
    for (const size of [5, 5_000]) {
      const chunk = utf8(`data: ${'a'.repeat(size)}\n\ndata: b`);
      decoder.write(chunk);
      chunk.fill(0x78);
      decoder.write('\n\n');
    }
    expect(data(events)).toEqual(['a'.repeat(5), 'b', 'a'.repeat(5_000), 'b']);
  });

  test('a Buffer and a view from another place in its memory are chunks', () => {
    const { decoder, events } = collecting();
    decoder.write(Buffer.from('xxdata: a\n\nxx').subarray(2, 11));
    expect(data(events)).toEqual(['a']);
  });

  test('a string chunk that ends in half a pair is followed by bytes', () => {
    const { decoder, events } = collecting();
    decoder.write('data: a\ud83d');
    decoder.write(utf8('b\n\n'));
    expect(data(events)).toEqual(['a\ufffdb']);
  });

  test.each([5, undefined, null, {}, new ArrayBuffer(3), new Uint16Array(2), [100, 97]])('the chunk %s is refused', (chunk) => {
    const { decoder, events } = collecting();
    decoder.write('data: a\n');
    expect(() => decoder.write(chunk as Uint8Array)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CHUNK' }));
    decoder.write('\n');
    expect(data(events)).toEqual(['a']);
  });
});

describe('end', () => {
  test('it discards the unfinished block and keeps the last event ID', () => {
    const { decoder, events } = collecting();
    decoder.write('id: 1\ndata: a\n\nevent: e\nid: 2\ndata: b\ndata: un');
    decoder.end();
    expect(decoder.lastEventId).toBe('1');
    decoder.write('\n\ndata: c\n\n');
    expect(events.slice(1)).toEqual([{ type: 'message', data: 'c', lastEventId: '1' }]);
  });

  test('the next stream may begin with a BOM and with the LF of no CR', () => {
    const { decoder, events } = collecting();
    decoder.write('\ufeffdata: a\r\r');
    decoder.end();
    decoder.write('\ufeffdata: b\r\r');
    decoder.end();
    decoder.write('\ndata: c\n\n');
    expect(data(events)).toEqual(['a', 'b', 'c']);
  });

  test('it forgets half a BOM and half a pair', () => {
    const { decoder, events } = collecting();
    decoder.write(Uint8Array.of(0xef, 0xbb));
    decoder.end();
    decoder.write('data: a\ud83d');
    decoder.end();
    decoder.write('data: b\n\n');
    expect(data(events)).toEqual(['b']);
  });
});

describe('a handler that throws', () => {
  const stream = 'id: 1\nretry: 5\n:c\ndata: a\n\ndata: b\ndata: 語\xa0\n\nid: 2\n\nid: 3\r\ndata: c\r\n\r\ndata: d\r\r\ndata: e\n\ndata: un';
  const wanted = ['retry 5', 'comment c', 'id 1', 'event a', 'event b\n語\xa0', 'id 2', 'id 3', 'event c', 'event d', 'event e'];

  test.each(wanted.map((_, index) => index))('at call %i throws out of write, and the next write goes on', (at) => {
    for (const chunks of [...chunkings(utf8(stream)), [utf8(`${': filler\n'.repeat(1_000)}\n${stream}`)]]) {
      const calls: string[] = [];
      const call = (name: string): void => {
        if (name === 'comment filler') return;
        calls.push(name);
        if (calls.length === at + 1) throw new Error('thrown by the handler');
      };
      const decoder = new EventStreamDecoder({
        onEvent: (event) => call(`event ${event.data}`),
        onId: (id) => call(`id ${id}`),
        onRetry: (ms) => call(`retry ${ms}`),
        onComment: (text) => call(`comment ${text}`),
      });
      let thrown = 0;
      for (const chunk of chunks) {
        try {
          decoder.write(chunk);
        } catch (error) {
          thrown++;
          expect(error).toHaveProperty('message', 'thrown by the handler');
          expect(calls).toHaveLength(at + 1);
        }
      }
      expect(thrown).toBe(1);
      decoder.write('finished\n\n');
      expect(calls).toEqual([...wanted, 'event unfinished']);
      expect(decoder.lastEventId).toBe('3');
    }
  });

  test('always still gets each event once', () => {
    const calls: string[] = [];
    const decoder = new EventStreamDecoder({
      onEvent: (event) => {
        calls.push(event.data);
        throw new Error('never content');
      },
    });
    for (let i = 0; i < 20; i++) expect(() => decoder.write(`data: ${i}\n\ndata: ${i}b\n\n`)).toThrow('never content');
    for (let i = 0; i < 20; i++) expect(() => decoder.end()).toThrow('never content');
    decoder.end();
    expect(calls).toEqual(Array.from({ length: 20 }, (_, i) => [`${i}`, `${i}b`]).flat());
  });

  test('cannot make the decoder keep more than 16 MiB', () => {
    const decoder = new EventStreamDecoder({
      onEvent: () => {
        throw new Error('never content');
      },
    });
    const chunk = utf8('data: a\n\n'.repeat(500_000));
    let code: unknown;
    for (let i = 0; i < 6; i++) {
      try {
        decoder.write(chunk);
      } catch (error) {
        code = (error as { code?: string }).code;
      }
    }
    expect(code).toBe('ERR_UNDELIVERED_TOO_LARGE');
    decoder.end();
  });

  test.each(['write', 'end'] as const)('a handler may not call %s', (method) => {
    const codes: unknown[] = [];
    const events: string[] = [];
    const decoder: EventStreamDecoder = new EventStreamDecoder({
      onEvent: (event) => {
        events.push(event.data);
        try {
          decoder[method]('data: x\n\n');
        } catch (error) {
          codes.push((error as EventStreamError).code);
        }
      },
    });
    decoder.write('data: a\n\ndata: b\n\n');
    expect(events).toEqual(['a', 'b']);
    expect(codes).toEqual(['ERR_REENTRANT_CALL', 'ERR_REENTRANT_CALL']);
  });
});

describe('maxEventBytes', () => {
  const tooLarge = { error: 'ERR_EVENT_TOO_LARGE' };

  /** The number of events before the error; every chunking has to agree. */
  function outcome(input: string, maxEventBytes: number): { events: number; failed: boolean } {
    const bytes = utf8(input);
    const outcomes = [...chunkings(bytes)].map((chunks) => {
      const { reports } = record(chunks, { maxEventBytes });
      return { events: reports.filter((report) => 'event' in report).length, failed: 'error' in (reports.at(-1) ?? {}) };
    });
    for (const other of outcomes) expect(other).toEqual(outcomes[0]);
    return outcomes[0]!;
  }

  test.each([
    { what: 'a line of as many bytes', input: 'data: 1234\n\n', max: 10, events: 1, failed: false },
    { what: 'a line of one more byte', input: 'data: 12345\n\n', max: 10, events: 0, failed: true },
    { what: 'an unfinished line of as many bytes', input: 'data: 1234', max: 10, events: 0, failed: false },
    { what: 'an unfinished line of one more byte', input: 'data: 12345', max: 10, events: 0, failed: true },
    { what: 'the events before', input: 'data: 1\n\ndata: 2\n\ndata: 12345\n\ndata: 3\n\n', max: 10, events: 2, failed: true },
    { what: 'two data lines within it', input: 'data: 12\ndata: 1\n\n', max: 10, events: 1, failed: false },
    { what: 'two data lines past it', input: 'data: 123\ndata: 1\n\n', max: 10, events: 0, failed: true },
    { what: 'many empty data lines', input: 'data\n'.repeat(12), max: 10, events: 0, failed: true },
    { what: 'a type and data past it', input: 'event: 12345\ndata: 1\n\n', max: 11, events: 0, failed: true },
    { what: 'a type and data within it', input: 'event: 1234\ndata: 1\n\n', max: 11, events: 1, failed: false },
    { what: 'an id and data past it', input: 'id: 12345\ndata: 1\n\n', max: 11, events: 0, failed: true },
    { what: 'types in place of each other', input: `${'event: 123\n'.repeat(9)}data: 1\n\n`, max: 13, events: 1, failed: false },
    { what: 'ids in place of each other', input: `${'id: 123\n'.repeat(9)}data: 1\n\n`, max: 11, events: 1, failed: false },
    { what: 'a long comment', input: ': 3456789012\n', max: 10, events: 0, failed: true },
    { what: 'a long unknown field', input: 'unknown: 012\n', max: 10, events: 0, failed: true },
    { what: 'comments without end', input: `data: 1\n${': 345678\n'.repeat(40)}\n`, max: 10, events: 1, failed: false },
    { what: 'a comment after buffered data', input: 'data: 12\n: 34567\n', max: 9, events: 0, failed: true },
    { what: 'characters of three bytes within it', input: 'data: 語\ndata: é\n\n', max: 12, events: 1, failed: false },
    { what: 'characters of three bytes past it', input: 'data: 語é\ndata\n\n', max: 9, events: 0, failed: true },
    { what: 'characters of four bytes within it', input: 'data: 😀\n\n', max: 10, events: 1, failed: false },
    { what: 'characters of four bytes past it', input: 'data: 😀\n\n', max: 9, events: 0, failed: true },
    { what: 'blocks that do not add up', input: 'data: 12\n\n'.repeat(20), max: 10, events: 20, failed: false },
    { what: 'a leading BOM', input: '\ufeff:\n', max: 1, events: 0, failed: false },
  ])('$what: $failed at a limit of $max', ({ input, max, events, failed }) => {
    expect(outcome(input, max)).toEqual({ events, failed });
  });

  test('the error says the limit and its option, and comes again until the end', () => {
    const { decoder, events } = collecting({ maxEventBytes: 100 });
    let first: unknown;
    try {
      decoder.write(`data: a\n\n${'x'.repeat(101)}`);
    } catch (error) {
      first = error;
    }
    expect(first).toBeInstanceOf(EventStreamError);
    expect(first).toMatchObject({ name: 'EventStreamError', code: 'ERR_EVENT_TOO_LARGE' });
    expect(String(first)).toMatch(/100 bytes.*maxEventBytes/);
    expect(data(events)).toEqual(['a']);
    let second: unknown;
    try {
      decoder.write('\n\ndata: b\n\n');
    } catch (error) {
      second = error;
    }
    expect(second).toBe(first);
    expect(data(events)).toEqual(['a']);
    decoder.end();
    decoder.write('data: c\n\n');
    expect(data(events)).toEqual(['a', 'c']);
  });

  test('the default lets an event of 16 MiB through and no larger one', () => {
    const line = utf8(`data:${'x'.repeat(DEFAULT_MAX_EVENT_BYTES - 5)}`);
    const chunks = (bytes: Uint8Array): Uint8Array[] =>
      Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) => bytes.subarray(i * 65_536, (i + 1) * 65_536));
    expect(DEFAULT_MAX_EVENT_BYTES).toBe(16 * 1024 * 1024);
    const { reports } = record([...chunks(line), '\n\n']);
    expect(reports).toHaveLength(1);
    expect(record([...chunks(line), 'x']).reports).toEqual([tooLarge]);
  });

  test('an event of many lines that is near the limit is read in linear time', () => {
    const { decoder, events } = collecting({ maxEventBytes: 3_000_000 });
    for (let i = 0; i < 400_000; i++) decoder.write('data: é\n');
    decoder.write('\n');
    expect(events[0]?.data).toHaveLength(799_999);
  });
});

describe('time', () => {
  // Each was quadratic in some decoder: seconds, where linear time is milliseconds
  test.each([
    ['one line in tiny chunks', () => Array.from({ length: 500_000 }, () => 'x'.repeat(4))],
    ['lines of CR alone', () => ['x\r'.repeat(1_000_000)]],
    ['lines without a colon', () => ['data\n'.repeat(400_000), '\n']],
    ['CRs far ahead of one LF', () => [`${'data: x\r\r'.repeat(200_000)}\n`]],
    ['an LF each and a CR at the end', () => [`${'data: x\n\n'.repeat(200_000)}\r`]],
    ['data lines without end', () => Array.from({ length: 200_000 }, () => 'data: x\n')],
  ])('%s: it takes linear time', (_, chunks) => {
    const start = performance.now();
    record(chunks());
    expect(performance.now() - start).toBeLessThan(4_000);
  });
});

describe('options', () => {
  test.each([
    [undefined, 'options'],
    [{}, 'onEvent'],
    [{ onEvent: 'x' }, 'onEvent'],
    [{ onEvent() {}, onId: 1 }, 'onId'],
    [{ onEvent() {}, onRetry: null }, 'onRetry'],
    [{ onEvent() {}, onComment: {} }, 'onComment'],
    [{ onEvent() {}, lastEventId: 7 }, 'lastEventId'],
    [{ onEvent() {}, maxEventBytes: 0 }, 'maxEventBytes'],
    [{ onEvent() {}, maxEventBytes: Infinity }, 'maxEventBytes'],
    [{ onEvent() {}, maxEventBytes: 1.5 }, 'maxEventBytes'],
    [{ onEvent() {}, maxEventBytes: '1' }, 'maxEventBytes'],
  ])('%j is refused by the name of the option', (options, name) => {
    let error: unknown;
    try {
      new EventStreamDecoder(options as EventStreamDecoderOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(String(error)).toContain(name);
  });

  test('handlers are called without a this', () => {
    const receivers: unknown[] = [];
    const decoder = new EventStreamDecoder({
      onEvent(this: unknown) {
        receivers.push(this);
      },
    });
    decoder.write('data: a\n\nid: 1\ndata: a\n\n');
    expect(receivers).toEqual([undefined, undefined]);
  });
});
