import type { Client, Heard } from './client.ts';
import { type Row, verdict } from './row.ts';
import { stream } from './scripted-server.ts';
import { Session } from './session.ts';

type Pair = readonly [type: string, data: string];

/** The last event of each stream. With it, what came before has been read. */
const END = 'event: end\ndata: end\n\n';

const BOM = [0xef, 0xbb, 0xbf];

/** A row that asks whether these pieces of a stream are read as these events. */
function reads(title: string, pieces: readonly (string | readonly number[])[], ...events: readonly Pair[]): Row {
  const bytes = [...pieces, END].map((piece) => (typeof piece === 'string' ? piece : Uint8Array.from(piece)));
  return {
    title,
    check: async (client: Client) => {
      using session = await Session.start(client, [stream(bytes)]);
      return verdict((await session.hears('end')) && same(session.heard, [...events, ['end', 'end']]));
    },
  };
}

function same(heard: readonly Heard[], events: readonly Pair[]): boolean {
  return JSON.stringify(heard.map(({ type, data }) => [type, data])) === JSON.stringify(events);
}

/** How the bytes of a stream become events. */
export const FORMAT: readonly Row[] = [
  reads('malformed UTF-8 becomes U+FFFD', [[...bytesOf('data: a'), 0xff], '\n\n'], ['message', 'a\ufffd']),
  reads(
    'a byte order mark at the start is left out, in three pieces too',
    [[0xef], [0xbb], [0xbf], 'data: a\n\n'],
    ['message', 'a'],
  ),
  reads('a second byte order mark is not left out', [[...BOM, ...BOM], 'data: a\n\ndata: b\n\n'], ['message', 'b']),
  reads(
    'nor is it if the first came in three pieces',
    [[0xef], [0xbb], [0xbf], BOM, 'data: a\n\ndata: b\n\n'],
    ['message', 'b'],
  ),
  reads('CR, LF and CRLF end lines', ['data: a\rdata: b\ndata: c\r\n\r\n'], ['message', 'a\nb\nc']),
  reads('a CRLF in two pieces is one line end', ['data: a\r', '\ndata: b\r', '\n\r', '\n'], ['message', 'a\nb']),
  {
    title: 'an event that ends in CR is delivered at once',
    check: async (client) => {
      using session = await Session.start(client, [stream(['data: a\r\r'])]);
      return verdict(await session.hears('a', 1_000));
    },
  },
  reads('U+2028, U+0085 and VT do not end lines', ['data: a\u2028b\u0085c\vd\n\n'], ['message', 'a\u2028b\u0085c\vd']),
  reads(
    'one space after the colon is dropped, no more',
    ['data:  a \n\ndata:\tb\n\n'],
    ['message', ' a '],
    ['message', '\tb'],
  ),
  reads('empty lines of data are kept', ['data:\ndata: a\ndata:\n\n'], ['message', '\na\n']),
  reads('a line without a colon is a field without a value', ['data\ndata: a\n\n'], ['message', '\na']),
  reads('a lone `data` is an event without data', ['data\n\n'], ['message', '']),
  reads(
    'a block without `data` is no event, and its type is forgotten',
    ['event: named\n\ndata: a\n\n'],
    ['message', 'a'],
  ),
  reads(
    'field names are not trimmed, nor is case ignored',
    ['Data: a\n data: b\ndata : c\ndata: d\n\n'],
    ['message', 'd'],
  ),
  reads('data keeps NUL', ['data: a\0b\n\n'], ['message', 'a\0b']),
  {
    title: 'an event without its blank line at the end of the stream is left out',
    check: async (client) => {
      using session = await Session.start(client, [stream(['retry: 100\ndata: a\n\ndata: b\n'], 'end'), stream([])]);
      const hasRead = await session.hears('a');
      await session.asks(2, 1_000);
      return verdict(hasRead && !session.heard.some(({ data }) => data === 'b'));
    },
  },
];

function bytesOf(text: string): number[] {
  return [...Buffer.from(text)];
}
