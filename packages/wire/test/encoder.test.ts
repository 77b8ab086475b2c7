import { describe, expect, test } from 'vitest';
import { encodeEvent, EventStreamError, type EventFields } from '@tidings/wire';

test.each<[string, EventFields, string]>([
  ['data alone', { data: 'a' }, 'data: a\n\n'],
  [
    'every field in an order that a decoder need not buffer',
    { data: 'a', retry: 5, id: '1', event: 'e', comment: 'c' },
    ': c\nevent: e\nid: 1\nretry: 5\ndata: a\n\n',
  ],
  ['data lines that end in LF, CR and CRLF', { data: 'a\nb\rc\r\nd' }, 'data: a\ndata: b\ndata: c\ndata: d\n\n'],
  ['empty data', { data: '' }, 'data:\n\n'],
  ['data that begins and ends with a line end', { data: '\na\n' }, 'data:\ndata: a\ndata:\n\n'],
  ['LF then CR as two line ends', { data: 'a\n\rb' }, 'data: a\ndata:\ndata: b\n\n'],
  ['data that begins with a space', { data: ' a' }, 'data:  a\n\n'],
  ['comment lines', { comment: 'a\nb\r\n' }, ': a\n: b\n:\n\n'],
  ['an empty comment', { comment: '' }, ':\n\n'],
  ['an empty id, which resets', { id: '', data: 'a' }, 'id:\ndata: a\n\n'],
  ['an empty type as no line', { event: '', data: 'a' }, 'data: a\n\n'],
  ['an id alone', { id: '1' }, 'id: 1\n\n'],
  ['a retry alone', { retry: 0 }, 'retry: 0\n\n'],
  ['the largest retry as digits', { retry: Number.MAX_SAFE_INTEGER }, 'retry: 9007199254740991\n\n'],
  ['NUL and other control characters in data', { data: 'a\0\u2028\u0085b' }, 'data: a\0\u2028\u0085b\n\n'],
  ['fields that are undefined as not given', { data: 'a', id: undefined }, 'data: a\n\n'],
])('encoder writes %s', (_, fields, block) => {
  expect(encodeEvent(fields)).toBe(block);
});

describe('encoder refuses', () => {
  test.each<[string, unknown, RegExp]>([
    ['LF in an id', { id: 'a\nb' }, /"id": expected a string without CR, LF and NUL, found LF at index 1/],
    ['CR in an id', { id: 'ab\r' }, /"id": .*found CR at index 2/],
    ['NUL in an id', { id: '\0' }, /"id": .*found NUL at index 0/],
    ['LF in a type', { event: 'a\ndata: b', data: 'c' }, /"event": .*found LF at index 1/],
    ['CR in a type', { event: '\r' }, /"event": .*found CR/],
    ['NUL in a type', { event: 'a\0' }, /"event": .*found NUL/],
    ['a negative retry', { retry: -1 }, /"retry": expected an integer from 0 .*, found -1/],
    ['a retry with a fraction', { retry: 1.5 }, /"retry": .*found 1.5/],
    ['a retry past the safe integers', { retry: 2 ** 53 }, /"retry": .*found 9007199254740992/],
    ['a retry that is not a number', { retry: '5\ndata: x' }, /"retry": .*found "5\\ndata: x"/],
    ['a retry that is NaN or infinite', { retry: NaN }, /"retry": .*found NaN/],
    ['a number as data', { data: 5 }, /"data": expected a string, found 5/],
    ['null as data', { data: null }, /"data": .*found null/],
    ['an object that turns into lines', { data: { toString: () => 'a\n\ndata: b' } }, /"data": .*found an object/],
    ['an array as an id', { id: ['a\nb'] }, /"id": .*found an object/],
    ['a String object as a type', { event: new String('a') }, /"event": .*found an object/],
    ['a bigint as a comment', { comment: 1n }, /"comment": .*found a bigint/],
    [
      'an unknown field',
      { data: 'a', type: 'b' },
      /"type": there is no such field, only event, data, id, retry and comment/,
    ],
    ['an unknown field that is undefined', { data: 'a', evnet: undefined }, /"evnet"/],
    ['no field', {}, /without fields/],
    ['only an empty type', { event: '' }, /without fields/],
    ['null', null, /null/],
    ['a string', 'data: a', /"data: a"/],
    ['nothing', undefined, /undefined/],
  ])('%s', (_, fields, text) => {
    let error: unknown;
    try {
      encodeEvent(fields as EventFields);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(EventStreamError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_FIELD', message: expect.stringMatching(text) });
  });

  test('a field that changes between two looks at it', () => {
    let looks = 0;
    const fields = {
      get id() {
        return looks++ === 0 ? 'a' : 'a\ndata: forged';
      },
    };
    expect(encodeEvent(fields)).toBe('id: a\n\n');
    expect(looks).toBe(1);
  });
});
