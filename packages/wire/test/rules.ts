import { bytesOf, type Report } from './recording.ts';

// The rules of the format, each with its cases: what arrives, and what the decoder reports of it.
export interface RuleCase {
  rule: number;
  name: string;
  input: Uint8Array | string;
  reports: Report[];
  /** The last event ID afterwards, where a report of an id does not say it. */
  lastEventId?: string;
  /** The last event ID that the decoder starts with. */
  startsWith?: string;
}

function event(data: string, type = 'message', lastEventId = ''): Report {
  return { event: { type, data, lastEventId } };
}
const id = (value: string): Report => ({ id: value });
const retry = (value: number): Report => ({ retry: value });
const comment = (value: string): Report => ({ comment: value });

export const cases: RuleCase[] = [
  { rule: 1, name: 'the stream is UTF-8', input: 'data: é 語 😀\n\n', reports: [event('é 語 😀')] },
  {
    rule: 2,
    name: 'a byte that begins no character becomes U+FFFD',
    input: bytesOf('data: a\xffb\n\n'),
    reports: [event('a\ufffdb')],
  },
  {
    rule: 2,
    name: 'a character cut short by a line end becomes one U+FFFD',
    input: bytesOf('data: \xe8\xaa\ndata: \xf0\x9f\x98\n\n'),
    reports: [event('\ufffd\n\ufffd')],
  },
  {
    rule: 2,
    name: 'overlong and surrogate sequences become U+FFFD for each byte',
    input: bytesOf('data: \xc0\xaf \xed\xa0\x80\n\n'),
    reports: [event('\ufffd\ufffd \ufffd\ufffd\ufffd')],
  },
  {
    rule: 2,
    name: 'a malformed byte in a field name makes the field unknown',
    input: bytesOf('data\xff: x\n\ndata: y\n\n'),
    reports: [event('y')],
  },
  { rule: 3, name: 'one leading BOM is stripped', input: '\ufeffdata: x\n\n', reports: [event('x')] },
  {
    rule: 3,
    name: 'a second BOM belongs to the first field name',
    input: '\ufeff\ufeffdata: x\n\ndata: y\n\n',
    reports: [event('y')],
  },
  {
    rule: 3,
    name: 'a BOM on a later line belongs to its field name',
    input: 'data: x\n\n\ufeffdata: y\n\n',
    reports: [event('x')],
  },
  {
    rule: 3,
    name: 'a BOM in a value is data',
    input: 'data:\ufeffx\ndata: \ufeff\n\n',
    reports: [event('\ufeffx\n\ufeff')],
  },
  { rule: 3, name: 'a BOM alone is an empty stream', input: '\ufeff', reports: [] },
  {
    rule: 3,
    name: 'a BOM in front of a blank line and of a comment is stripped',
    input: '\ufeff\n:c\ndata: x\n\n',
    reports: [comment('c'), event('x')],
  },
  {
    rule: 4,
    name: 'the beginning of a BOM is not a BOM',
    input: bytesOf('\xef\xbbdata: x\n\ndata: y\n\n'),
    reports: [event('y')],
  },
  {
    rule: 4,
    name: 'another character that begins like a BOM is kept',
    input: bytesOf('\xef\xbb\xbe:x\n:y\n'),
    reports: [comment('y')],
  },
  {
    rule: 4,
    name: 'a BOM that begins twice is not a BOM',
    input: bytesOf('\xef\xef\xbb\xbfdata: x\n\ndata: y\n\n'),
    reports: [event('y')],
  },
  { rule: 5, name: 'LF ends a line', input: 'data: a\ndata: b\n\n', reports: [event('a\nb')] },
  { rule: 5, name: 'CR ends a line', input: 'data: a\rdata: b\r\r', reports: [event('a\nb')] },
  { rule: 5, name: 'CRLF ends one line', input: 'data: a\r\ndata: b\r\n\r\n', reports: [event('a\nb')] },
  {
    rule: 5,
    name: 'the three are mixed freely',
    input: 'data: a\r\ndata: b\rdata: c\ndata: d\r\n\rdata: e\n\r\ndata: f\r\n\ndata: g\r\r\n',
    reports: [event('a\nb\nc\nd'), event('e'), event('f'), event('g')],
  },
  { rule: 5, name: 'LF then CR are two line ends', input: 'data: a\n\rdata: b\n\n', reports: [event('a'), event('b')] },
  {
    rule: 6,
    name: 'a CRLF is one line end wherever it is cut',
    input: 'data: a\r\ndata:\r\n\r\ndata: b\r\n\r\n',
    reports: [event('a\n'), event('b')],
  },
  { rule: 6, name: 'a CR at the end dispatches at once', input: 'data: a\r\r', reports: [event('a')] },
  {
    rule: 7,
    name: 'U+2028, U+2029, U+0085, VT and FF do not end lines',
    input: 'data: a\u2028b\u2029c\u0085d\ve\ff\n\n',
    reports: [event('a\u2028b\u2029c\u0085d\ve\ff')],
  },
  {
    rule: 8,
    name: 'a comment dispatches nothing',
    input: ': hello\n\n:\n\n::x\n:  two\n\n',
    reports: [comment('hello'), comment(''), comment(':x'), comment(' two')],
  },
  {
    rule: 8,
    name: 'a comment between data lines does not split the block',
    input: 'data: a\n: data: c\ndata: b\n\n',
    reports: [comment('data: c'), event('a\nb')],
  },
  {
    rule: 9,
    name: 'a field line is split at its first colon',
    input: 'data: a:b: c\n\ndata::\n\ndata:data:x\n\n',
    reports: [event('a:b: c'), event(':'), event('data:x')],
  },
  {
    rule: 10,
    name: 'one space after the colon is dropped and no more',
    input: 'data:a\n\ndata: a\n\ndata:  a\n\ndata:   \n\ndata: \n\n',
    reports: [event('a'), event('a'), event(' a'), event('  '), event('')],
  },
  {
    rule: 10,
    name: 'other white space after the colon is kept',
    input: 'data:\ta\n\ndata:\u00a0a\n\n',
    reports: [event('\ta'), event('\u00a0a')],
  },
  {
    rule: 10,
    name: 'the space is dropped from event, id and retry too',
    input: 'event: e\nid:  i\nretry: 3\ndata:x\n\n',
    reports: [retry(3), id(' i'), event('x', 'e', ' i')],
  },
  {
    rule: 11,
    name: 'a line without a colon is a field with an empty value',
    input: 'data\n\ndata\ndata\n\nevent: e\nevent\ndata\n\n',
    reports: [event(''), event('\n'), event('')],
  },
  {
    rule: 11,
    name: 'id and retry without a colon have an empty value',
    input: 'id: 1\n\nid\nretry\n\n',
    reports: [id('1'), id('')],
  },
  {
    rule: 12,
    name: 'field names are case-sensitive',
    input: 'Data: a\nDATA: b\nEvent: c\nID: d\nRETRY: 5\ndata: x\n\n',
    reports: [event('x')],
  },
  {
    rule: 12,
    name: 'field names are not trimmed',
    input: ' data: a\ndata : b\n\tdata: c\nid : 4\nevent : d\nretry : 5\ndata: x\n\n',
    reports: [event('x')],
  },
  {
    rule: 12,
    name: 'unknown fields are ignored',
    input: 'foo: a\ndatax: b\ndat: c\nd\nevents: d\nids: e\ni: f\nretryy: 5\nbar\ndata: x\n\n',
    reports: [event('x')],
  },
  {
    rule: 12,
    name: 'a field name ends with its line',
    input: 'da\nta: a\nx\n:y\nevent\n:z\ni\nd: 4\ndata: x\n\n',
    reports: [comment('y'), comment('z'), event('x')],
  },
  { rule: 12, name: 'unknown fields make no event', input: 'foo: a\n\n', reports: [] },
  {
    rule: 13,
    name: 'data lines are joined with LF',
    input: 'data: a\ndata: b\ndata: c\n\n',
    reports: [event('a\nb\nc')],
  },
  {
    rule: 13,
    name: 'empty first, middle and last lines survive',
    input: 'data:\ndata: a\ndata\ndata: b\ndata:\n\n',
    reports: [event('\na\n\nb\n')],
  },
  {
    rule: 14,
    name: 'a lone data line dispatches an event with empty data',
    input: 'data\n\ndata:\n\ndata: \n\n',
    reports: [event(''), event(''), event('')],
  },
  {
    rule: 15,
    name: 'a blank line without data dispatches nothing',
    input: '\n\n\nevent: e\n\n\ndata: x\n\n\n\n',
    reports: [event('x')],
  },
  {
    rule: 16,
    name: 'a blank line resets the event type',
    input: 'event: e\ndata: a\n\ndata: b\n\nevent: f\n\ndata: c\n\n',
    reports: [event('a', 'e'), event('b'), event('c')],
  },
  {
    rule: 16,
    name: 'a blank line resets the data',
    input: 'data: a\n\ndata: b\n\n',
    reports: [event('a'), event('b')],
  },
  {
    rule: 16,
    name: 'the last event type of a block counts',
    input: 'event: e\nevent: f\ndata: a\nevent: g\n\n',
    reports: [event('a', 'g')],
  },
  {
    rule: 17,
    name: 'an empty event type means message',
    input: 'event:\ndata: a\n\nevent: e\nevent:\ndata: b\n\nevent\ndata: c\n\n',
    reports: [event('a'), event('b'), event('c')],
  },
  {
    rule: 18,
    name: 'an id counts only at the blank line',
    input: 'data: a\n\nid: 1\ndata: b\n',
    reports: [event('a')],
    lastEventId: '',
  },
  {
    rule: 18,
    name: 'an id in front of and behind the data counts for its event',
    input: 'id: 1\ndata: a\n\ndata: b\nid: 2\n\n',
    reports: [id('1'), event('a', 'message', '1'), id('2'), event('b', 'message', '2')],
  },
  {
    rule: 18,
    name: 'the last id of a block counts, once',
    input: 'id: 1\nid: 2\ndata: a\n\n',
    reports: [id('2'), event('a', 'message', '2')],
  },
  {
    rule: 19,
    name: 'a block with only an id sets it and dispatches nothing',
    input: 'id: 1\n\ndata: a\n\nid: 2\n\n',
    reports: [id('1'), event('a', 'message', '1'), id('2')],
  },
  { rule: 19, name: 'a block with an id and a type sets the id', input: 'event: e\nid: 1\n\n', reports: [id('1')] },
  {
    rule: 20,
    name: 'an id with NUL is ignored and its block stands',
    input: 'id: 1\n\nid: a\0b\nevent: e\ndata: x\n\n',
    reports: [id('1'), event('x', 'e', '1')],
  },
  {
    rule: 20,
    name: 'an id with NUL does not undo an earlier one of its block',
    input: 'id: 1\nid: \0\ndata: x\n\n',
    reports: [id('1'), event('x', 'message', '1')],
  },
  {
    rule: 21,
    name: 'an empty id resets the last event ID',
    input: 'id: 1\ndata: a\n\nid:\ndata: b\n\nid: 2\n\nid\ndata: c\n\n',
    reports: [id('1'), event('a', 'message', '1'), id(''), event('b'), id('2'), id(''), event('c')],
  },
  {
    rule: 22,
    name: 'the last event ID persists over events without one',
    input: 'id: 1\ndata: a\n\ndata: b\n\nevent: e\ndata: c\n\n',
    reports: [id('1'), event('a', 'message', '1'), event('b', 'message', '1'), event('c', 'e', '1')],
  },
  {
    rule: 22,
    name: 'a decoder can be given a last event ID',
    input: 'data: a\n\nid: 8\ndata: b\n\n',
    startsWith: '7',
    reports: [event('a', 'message', '7'), id('8'), event('b', 'message', '8')],
  },
  {
    rule: 23,
    name: 'ids are opaque strings',
    input: 'id: 7\n\nid: 007\n\nid:  é \n\nid: 1e3\n\n',
    reports: [id('7'), id('007'), id(' é '), id('1e3')],
  },
  {
    rule: 24,
    name: 'retry counts when it is ASCII digits',
    input: 'retry: 0\nretry:10\nretry: 007\n',
    reports: [retry(0), retry(10), retry(7)],
  },
  {
    rule: 24,
    name: 'any other retry is ignored',
    input:
      'retry: -1\nretry: +1\nretry: 1.5\nretry: 1e3\nretry: 0x10\nretry:  5\nretry: 5 \nretry: ٣\nretry: 5a\nretry: a5\nretry: Infinity\nretry: \t5\nretry: 1_000\nretry: 1,000\n\n',
    reports: [],
  },
  {
    rule: 24,
    name: 'a retry of many digits is a number',
    input: `retry: 99999999999999999999\nretry: ${'9'.repeat(400)}\n`,
    reports: [retry(1e20), retry(Infinity)],
  },
  { rule: 25, name: 'an empty retry is ignored', input: 'retry:\nretry: \nretry\n\n', reports: [] },
  { rule: 26, name: 'retry takes effect as its line is read', input: 'data: a\nretry: 5\n', reports: [retry(5)] },
  {
    rule: 26,
    name: 'retry in a block comes before its event',
    input: 'id: 1\ndata: a\nretry: 5\n\n',
    reports: [retry(5), id('1'), event('a', 'message', '1')],
  },
  {
    rule: 27,
    name: 'the end of the stream discards an unfinished block',
    input: 'data: a\n\nid: 1\nevent: e\ndata: b\n',
    reports: [event('a')],
    lastEventId: '',
  },
  {
    rule: 27,
    name: 'the end of the stream discards an unfinished line',
    input: 'data: a\n\nretry: 5',
    reports: [event('a')],
  },
  {
    rule: 28,
    name: 'data keeps every other character',
    input: 'data:  a \t\0 b  \ndata: \u0001\u007f\u200b\n\n',
    reports: [event(' a \t\0 b  \n\u0001\u007f\u200b')],
  },
  {
    rule: 28,
    name: 'data keeps a NUL alone and quotes',
    input: 'data: \0\n\ndata: "a\\nb"\n\n',
    reports: [event('\0'), event('"a\\nb"')],
  },
];
