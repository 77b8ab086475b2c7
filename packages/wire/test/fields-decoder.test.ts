import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEvent,
  encodeEvent,
  EventFieldsDecoder,
  type EventFields,
  type EventFieldsDecoderOptions,
} from '@tidings/wire';
import { fieldsWithData, normalised } from './arbitraries.ts';
import { chunkings, utf8 } from './recording.ts';

function collecting(options: Partial<EventFieldsDecoderOptions> = {}): {
  decoder: EventFieldsDecoder;
  events: EventFields[];
} {
  const events: EventFields[] = [];
  return { decoder: new EventFieldsDecoder({ onFields: (fields) => events.push(fields), ...options }), events };
}

describe('decodeEvent', () => {
  test('gives the fields back that the encoder was given, as bytes and as text', () => {
    fc.assert(
      fc.property(fieldsWithData, (given) => {
        const block = encodeEvent(given);
        expect(decodeEvent(utf8(block))).toStrictEqual(normalised(given));
        expect(decodeEvent(block)).toStrictEqual(normalised(given, { asText: true }));
      }),
      { numRuns: 2_000 },
    );
  });

  test('what it gives is written as the same block again', () => {
    fc.assert(
      fc.property(fieldsWithData, (given) => {
        const block = encodeEvent(given);
        expect(encodeEvent(decodeEvent(block)!)).toBe(block.replace(/^(:.*\n)*(event: message\n)?/, ''));
      }),
      { numRuns: 500 },
    );
  });

  test.each(['', ': a comment\n\n', 'event: e\nid: 1\nretry: 5\n\n', 'data: unfinished\n', 'unknown: x\n\n'])(
    '%j holds no event',
    (block) => {
      expect(decodeEvent(block)).toBeUndefined();
      expect(decodeEvent(utf8(block))).toBeUndefined();
    },
  );

  test.each<[string, EventFields]>([
    ['event: message\ndata: a\n\n', { data: 'a' }],
    ['id:\ndata: a\n\n', { data: 'a', id: '' }],
    [`retry: ${'9'.repeat(400)}\ndata\n\n`, { data: '', retry: Number.MAX_SAFE_INTEGER }],
    ['retry: soon\nid: \0\ndata: a\r\ndata: b\r\n\r\n', { data: 'a\nb' }],
    ['\ufeffid: 1\n\nretry: 5\n\ndata: a\n\ndata: b\n\n', { data: 'a', id: '1', retry: 5 }],
  ])('%j is read as %j', (block, expected) => {
    expect(decodeEvent(block)).toStrictEqual(expected);
    expect(decodeEvent(utf8(block))).toStrictEqual(expected);
  });

  test('an event past the default limit of a decoder is read', () => {
    const data = 'x'.repeat(16 * 1024 * 1024 + 1);
    expect(decodeEvent(encodeEvent({ data }))?.data).toHaveLength(data.length);
  });

  test.each([undefined, null, 5, {}, new ArrayBuffer(3), new Uint16Array(2)])('the block %s is refused', (block) => {
    expect(() => decodeEvent(block as string)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CHUNK' }));
  });
});

describe('EventFieldsDecoder', () => {
  test('gives the fields of every event of a stream back, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fieldsWithData, { maxLength: 3 }), (given) => {
        const expected = given.map((each) => normalised(each));
        const stream = utf8(given.map(encodeEvent).join(''));
        for (const chunks of stream.length < 60 ? chunkings(stream) : [[stream]]) {
          const { decoder, events } = collecting();
          for (const chunk of chunks) decoder.write(chunk);
          expect(events).toStrictEqual(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('an id and a reconnection time count for one event: their own, or the next where their block has no data', () => {
    const { decoder, events } = collecting();
    decoder.write(
      'id: 1\nretry: 5\ndata: a\n\ndata: b\n\nid: 2\n\nid: 3\nretry: 6\n\nretry: 7\n\n: c\n\ndata: c\n\ndata: d\n\n',
    );
    expect(events).toStrictEqual([
      { data: 'a', id: '1', retry: 5 },
      { data: 'b' },
      { data: 'c', id: '3', retry: 7 },
      { data: 'd' },
    ]);
  });

  test('end discards the unfinished event, and an id and a reconnection time that no event followed', () => {
    const { decoder, events } = collecting();
    decoder.write('id: 1\nretry: 5\n\ndata: unfinished\n');
    decoder.end();
    decoder.write('\ndata: a\n\n');
    expect(events).toStrictEqual([{ data: 'a' }]);
  });

  test('an event over the limit is refused after the events before it, until the end', () => {
    const { decoder, events } = collecting({ maxEventBytes: 10 });
    const tooLarge = expect.objectContaining({ code: 'ERR_EVENT_TOO_LARGE' });
    expect(() => decoder.write('data: 1\n\ndata: 12345\n\n')).toThrow(tooLarge);
    expect(() => decoder.write('data: 2\n\n')).toThrow(tooLarge);
    decoder.end();
    decoder.write('data: 3\n\n');
    expect(events).toStrictEqual([{ data: '1' }, { data: '3' }]);
  });

  test('a handler that throws loses no event, and write throws it at its end', () => {
    const events: EventFields[] = [];
    const decoder = new EventFieldsDecoder({
      onFields(fields) {
        events.push(fields);
        if (events.length === 1) throw new Error('thrown by the handler');
      },
    });
    expect(() => decoder.write('data: a\n\nid: 2\ndata: b\n\n')).toThrow('thrown by the handler');
    expect(events).toStrictEqual([{ data: 'a' }, { data: 'b', id: '2' }]);
  });

  test('a handler may not call end', () => {
    const decoder: EventFieldsDecoder = new EventFieldsDecoder({ onFields: () => decoder.end() });
    expect(() => decoder.write('data: a\n\n')).toThrow(expect.objectContaining({ code: 'ERR_REENTRANT_CALL' }));
  });

  test.each([
    [undefined, 'onFields'],
    [{}, 'onFields'],
    [{ onFields: 'x' }, 'onFields'],
    [{ onFields() {}, maxEventBytes: 0 }, 'maxEventBytes'],
  ])('%j is refused by the name of the option', (options, name) => {
    const refused = expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(name) });
    expect(() => new EventFieldsDecoder(options as EventFieldsDecoderOptions)).toThrow(refused);
  });
});
