import { describe, expect, test } from 'vitest';
import {
  EventStreamDecoder,
  type EventStreamError,
  type EventMessage,
  type EventStreamDecoderOptions,
} from '@tidings/wire';
import { chunkings, collecting, utf8 } from './recording.ts';

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

  test('an empty string changes nothing', () => {
    const { decoder, events } = collecting();
    for (const chunk of ['', '\ufeff', '', 'data: a\r', '', '\ndata: b\n\n', '']) decoder.write(chunk);
    expect(data(events)).toEqual(['a\nb']);
  });

  test('a Buffer and a view from another place in its memory are chunks', () => {
    const { decoder, events } = collecting();
    decoder.write(Buffer.from('xxdata: a\n\nxx').subarray(2, 11));
    expect(data(events)).toEqual(['a']);
  });

  test.each([5, undefined, null, {}, new ArrayBuffer(3), new Uint16Array(2), [100, 97]])(
    'the chunk %s is refused',
    (chunk) => {
      const { decoder, events } = collecting();
      decoder.write('data: a\n');
      expect(() => decoder.write(chunk as Uint8Array)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CHUNK' }));
      decoder.write('\n');
      expect(data(events)).toEqual(['a']);
    },
  );
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
  const stream =
    'id: 1\nretry: 5\n:c\ndata: a\n\ndata: b\ndata: 語\xa0\n\nid: 2\n\nid: 3\r\ndata: c\r\n\r\ndata: d\r\r\ndata: e\n\ndata: un';
  const wanted = [
    'retry 5',
    'comment c',
    'id 1',
    'event a',
    'event b\n語\xa0',
    'id 2',
    'id 3',
    'event c',
    'event d',
    'event e',
  ];

  test.each(wanted.map((_, index) => index))(
    'at call %i loses and doubles nothing, and write throws it at its end',
    (at) => {
      for (const chunks of [...chunkings(utf8(stream)), [utf8(`${': filler\n'.repeat(1_000)}\n${stream}`)]]) {
        const calls: string[] = [];
        const call = (name: string): void => {
          if (name === 'comment filler') return;
          calls.push(name);
          if (calls.length > at) throw new Error(`call ${calls.length - 1}`);
        };
        const decoder = new EventStreamDecoder({
          onEvent: (event) => call(`event ${event.data}`),
          onId: (id) => call(`id ${id}`),
          onRetry: (ms) => call(`retry ${ms}`),
          onComment: (text) => call(`comment ${text}`),
        });
        for (const chunk of [...chunks, utf8('finished\n\n')]) {
          const before = calls.length;
          let thrown: unknown;
          try {
            decoder.write(chunk);
          } catch (error) {
            thrown = error;
          }
          // The first one of this write
          if (calls.length > before && calls.length > at) {
            expect(thrown).toHaveProperty('message', `call ${Math.max(before, at)}`);
          } else {
            expect(thrown).toBeUndefined();
          }
        }
        expect(calls).toEqual([...wanted, 'event unfinished']);
        expect(decoder.lastEventId).toBe('3');
      }
    },
  );

  test('does not hide that the same chunk holds an event that is too large', () => {
    const decoder = new EventStreamDecoder({
      maxEventBytes: 10,
      onEvent: () => {
        throw new Error('thrown by the handler');
      },
    });
    expect(() => decoder.write('data: a\n\ndata: 3456789\n\n')).toThrow('thrown by the handler');
    expect(() => decoder.write('')).toThrow(expect.objectContaining({ code: 'ERR_EVENT_TOO_LARGE' }));
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
