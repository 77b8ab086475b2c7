/** Rules 33, 34 and 1 to 4: what a response has to be, and what it holds. */
import type { Scenario } from './scenario.ts';
import { listen, pass } from './scenario-stage.ts';
import { head, STREAM, STREAM_HEAD } from './server-script.ts';

const END = { do: 'end' } as const;
const SOON = 'retry: 100\n\n';

const STATUSES_THAT_FAIL = [
  201, 202, 203, 204, 205, 206, 210, 226, 299, 300, 304, 305, 306, 400, 401, 403, 404, 405, 406, 408, 409, 410, 418,
  425, 426, 429, 451, 500, 501, 502, 503, 504, 511, 599,
];
const WPT_STATUSES: ReadonlySet<number> = new Set([204, 205, 210, 299, 404, 410, 503]);
const GOOD_TYPES = [
  'text/event-stream',
  'TEXT/Event-Stream',
  'text/event-stream;charset=utf-8',
  'text/event-stream ; charset="UTF-8"',
  'text/event-stream; x',
  'text/event-stream;',
  'text/event-stream;charset=windows-1251',
];
const WPT_BAD_TYPES: Readonly<Record<string, readonly string[]>> = {
  'x bogus': ['format-mime-bogus'],
  'text/x-bogus': ['format-mime-valid-bogus'],
};
const BAD_TYPES = [
  'text/event-streamx',
  'text/event-stream/x',
  'text/event-stream x',
  'text/ event-stream',
  '"text/event-stream"',
  'text/plain',
  'text/x-bogus',
  'x bogus',
  'text/html;text/event-stream',
  'application/x-event-stream',
  'text',
  '',
];

export const responseScenarios: readonly Scenario[] = [
  ...STATUSES_THAT_FAIL.map((status): Scenario => ({
    rules: [33, 38],
    name: `status ${status} fails the connection`,
    wpt: WPT_STATUSES.has(status) ? [`request-status-error: ${status}`] : [],
    server: [[head(status, { 'Content-Type': 'text/event-stream' }), END]],
    client: listen(1),
    log: ['error 2'],
    requests: [{}],
  })),
  {
    rules: [33, 38],
    name: 'a status that fails does so on a reconnect too',
    server: [
      [STREAM, SOON, END],
      [head(204), END],
    ],
    client: listen(3),
    log: ['open 1', 'error 0', 'error 2'],
    requests: [{}, {}],
  },
  {
    rules: [33],
    name: 'an informational response goes before the real one',
    server: [['HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n', STREAM]],
    client: listen(1),
    log: ['open 1'],
    requests: [{}],
    departures: [
      {
        who: ['ours in an edge runtime'],
        why: 'its fetch does not take two of them',
        log: ['error 0'],
        anyRequests: true,
      },
    ],
  },
  {
    rules: [36],
    name: 'it opens when the head of the response is there, before any byte of the body',
    server: [[STREAM_HEAD, { do: 'wait' }, 'data: a\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.addEventListener('open', () => void stage.go());
      await Promise.race([stage.watch(source, { lines: 2 }), pass(1_000)]);
    },
    log: ['open 1', 'message 1 "a" "" {origin}'],
    requests: [{}],
    departures: [{ who: ['Firefox', 'ours in Firefox'], why: 'it waits for the first byte of the body', log: [] }],
  },
  {
    rules: [33],
    name: 'the head of a response may come byte by byte',
    server: [[...Array.from(new TextEncoder().encode(STREAM_HEAD), (byte) => [byte]), 'data: a\n\n']],
    client: listen(2),
    log: ['open 1', 'message 1 "a" "" {origin}'],
    requests: [{}],
  },
  ...GOOD_TYPES.map((type): Scenario => ({
    rules: [34],
    name: `content type '${type}' opens`,
    wpt: type.endsWith(';') ? ['format-mime-trailing-semicolon'] : [],
    server: [[head(200, { 'Content-Type': type }), ':\n']],
    client: listen(1),
    log: ['open 1'],
    requests: [{}],
    departures: type.includes('windows')
      ? [{ who: ['Chromium'], why: 'it refuses every charset but UTF-8', log: ['error 2'] }]
      : [],
  })),
  ...BAD_TYPES.map((type): Scenario => ({
    rules: [34, 38],
    name: `content type '${type}' fails the connection`,
    wpt: WPT_BAD_TYPES[type] ?? [],
    server: [[head(200, { 'Content-Type': type }), 'data: a\n\n', END]],
    client: listen(1),
    log: ['error 2'],
    requests: [{}],
    departures: type.endsWith(' x')
      ? [{ who: ['Chromium', 'Firefox'], why: 'they read it up to the space', log: ['open 1'] }]
      : [],
  })),
  {
    rules: [34, 38],
    name: 'no content type fails the connection',
    server: [[head(200), 'data: a\n\n', END]],
    client: listen(1),
    log: ['error 2'],
    requests: [{}],
  },
  {
    rules: [34],
    name: 'of two content types the last one counts, and opens',
    server: [['HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Type: text/event-stream\r\n\r\n', ':\n']],
    client: listen(1),
    log: ['open 1'],
    requests: [{}],
  },
  {
    rules: [34, 38],
    name: 'of two content types the last one counts, and fails the connection',
    server: [['HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Type: text/plain\r\n\r\n', END]],
    client: listen(1),
    log: ['error 2'],
    requests: [{}],
  },
  {
    rules: [1, 3, 4],
    name: 'the stream is UTF-8 behind one byte order mark',
    server: [[STREAM_HEAD, [0xef], [0xbb], [0xbf], 'data: é\n\ndata: ', [0xff], '\n\n']],
    client: listen(3),
    log: ['open 1', 'message 1 "é" "" {origin}', 'message 1 "\uFFFD" "" {origin}'],
    requests: [{}],
  },
  {
    rules: [5, 6],
    name: 'an event that ends in CR is dispatched without waiting for the next byte',
    server: [[STREAM, 'data: a\r\r', { do: 'wait' }, '\ndata: b\r\n\r', { do: 'wait' }, '\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.addEventListener('message', () => void stage.go());
      await stage.watch(source, { lines: 3 });
    },
    log: ['open 1', 'message 1 "a" "" {origin}', 'message 1 "b" "" {origin}'],
    requests: [{}],
  },
  {
    rules: [16, 17],
    name: 'events of other types reach those who listen for them',
    wpt: ['format-field-event'],
    server: [[STREAM, 'event: other\ndata: a\n\nevent: unheard\ndata: b\n\nevent:\ndata: c\n\n']],
    client: listen(3, { types: ['other'] }),
    log: ['open 1', 'other 1 "a" "" {origin}', 'message 1 "c" "" {origin}'],
    requests: [{}],
  },
  {
    rules: [16],
    name: 'an event of the stream may be named open or error, and changes no state',
    server: [[STREAM, 'event: open\ndata: a\n\nevent: error\ndata: b\n\ndata: c\n\n']],
    client: listen(4),
    log: ['open 1', 'open 1', 'error 1', 'message 1 "c" "" {origin}'],
    requests: [{}],
  },
];
