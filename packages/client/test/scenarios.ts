import { head, type ServerScript, STREAM_HEAD } from './scripted-server.ts';

/** What a listener does. Plain data, so that it can be carried into another runtime or a browser. */
export interface ListenerPlan {
  /** The URL to listen to; {origin} and {other} are the server's two names. */
  readonly url: string;
  readonly withCredentials?: boolean;
  /** Event types listened for besides open, message and error. */
  readonly types?: readonly string[];
  /** It closes as soon as its log has this many lines. */
  readonly lines: number;
}

/** A rule of the event stream's client side: what a server does, and what a listener then sees. */
export interface Scenario {
  /** The numbers of the rules it shows. */
  readonly rules: readonly number[];
  readonly name: string;
  readonly server: readonly ServerScript[];
  readonly plan: ListenerPlan;
  /** `open READYSTATE`, `error READYSTATE`, and for other events `TYPE READYSTATE "data" "lastEventId" origin`. */
  readonly log: readonly string[];
  /** What the server is asked, request by request. A header that is null must be absent. */
  readonly requests: readonly { readonly path?: string; readonly headers?: Record<string, string | null> }[];
}

const URL = '{origin}/stream';
const END = { do: 'end' } as const;
const RESET = { do: 'reset' } as const;
/** Reconnect as soon as is allowed. */
const SOON = 'retry: 100\n\n';

/** A connection that gives one event, then ends: shows that what came before was survived. */
const RECOVERY: ServerScript = [STREAM_HEAD, 'data: recovered\n\n'];
const RECOVERED = ['open 1', 'message 1 "recovered" "" {origin}'];

const STATUSES_THAT_FAIL = [204, 201, 202, 205, 206, 304, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503];
const REDIRECTS = [301, 302, 303, 307, 308];
const GOOD_TYPES = [
  'text/event-stream',
  'TEXT/Event-Stream',
  'text/event-stream;charset=utf-8',
  'text/event-stream; x',
];
const BAD_TYPES = ['text/event-streamx', 'text/plain', 'text/event-stream/x', 'application/json;text/event-stream', ''];

export const scenarios: readonly Scenario[] = [
  {
    rules: [29, 36],
    name: 'the request asks for an event stream, uncached, and OPEN comes before the open event',
    server: [[STREAM_HEAD, 'data: a\n\n']],
    plan: { url: URL, lines: 2 },
    log: ['open 1', 'message 1 "a" "" {origin}'],
    requests: [
      {
        path: '/stream',
        headers: {
          accept: 'text/event-stream',
          'cache-control': 'no-cache',
          'last-event-id': null,
          cookie: null,
        },
      },
    ],
  },
  {
    rules: [30, 37, 22],
    name: 'a lost connection is made again behind the last event ID, in UTF-8',
    server: [
      [STREAM_HEAD, SOON, 'id: é漢🙂\ndata: a\n\n', END],
      [STREAM_HEAD, 'data: b\n\n', END],
    ],
    plan: { url: URL, lines: 6 },
    log: ['open 1', 'message 1 "a" "é漢🙂" {origin}', 'error 0', 'open 1', 'message 1 "b" "é漢🙂" {origin}', 'error 0'],
    requests: [{ headers: { 'last-event-id': null } }, { headers: { 'last-event-id': 'é漢🙂' } }],
  },
  {
    rules: [30, 21],
    name: 'an empty last event ID is not sent',
    server: [[STREAM_HEAD, SOON, 'id: 1\ndata: a\n\nid\ndata: b\n\n', END], RECOVERY],
    plan: { url: URL, lines: 6 },
    log: ['open 1', 'message 1 "a" "1" {origin}', 'message 1 "b" "" {origin}', 'error 0', ...RECOVERED],
    requests: [{}, { headers: { 'last-event-id': null } }],
  },
  {
    rules: [19, 30],
    name: 'a block with only an id moves the last event ID',
    server: [[STREAM_HEAD, SOON, 'id: 7\n\n', END], [STREAM_HEAD]],
    plan: { url: URL, lines: 3 },
    log: ['open 1', 'error 0', 'open 1'],
    requests: [{}, { headers: { 'last-event-id': '7' } }],
  },
  {
    rules: [31],
    name: 'an id that no header can carry does not stop reconnecting',
    server: [[STREAM_HEAD, SOON, 'id: a\u0001b\ndata: a\n\n', END], [STREAM_HEAD]],
    plan: { url: URL, lines: 4 },
    log: ['open 1', 'message 1 "a" "a\\u0001b" {origin}', 'error 0', 'open 1'],
    requests: [{}, { headers: { 'last-event-id': null } }],
  },
  {
    rules: [27, 37],
    name: 'a block that the connection left unfinished is forgotten',
    server: [
      [STREAM_HEAD, SOON, 'id: 1\ndata: a\n\n', 'id: 2\ndata: half', RESET],
      [STREAM_HEAD, '\n\ndata: b\n\n'],
    ],
    plan: { url: URL, lines: 5 },
    log: ['open 1', 'message 1 "a" "1" {origin}', 'error 0', 'open 1', 'message 1 "b" "1" {origin}'],
    requests: [{}, { headers: { 'last-event-id': '1' } }],
  },
  ...STATUSES_THAT_FAIL.map((status): Scenario => ({
    rules: [33, 38],
    name: `status ${status} fails the connection`,
    server: [[head(status, { 'Content-Type': 'text/event-stream' }), END]],
    plan: { url: URL, lines: 1 },
    log: ['error 2'],
    requests: [{}],
  })),
  {
    rules: [33, 38],
    name: 'a status that fails does so on a reconnect too',
    server: [
      [STREAM_HEAD, SOON, END],
      [head(204), END],
    ],
    plan: { url: URL, lines: 3 },
    log: ['open 1', 'error 0', 'error 2'],
    requests: [{}, {}],
  },
  ...GOOD_TYPES.map((type): Scenario => ({
    rules: [34],
    name: `content type "${type}" opens`,
    server: [[head(200, { 'Content-Type': type })]],
    plan: { url: URL, lines: 1 },
    log: ['open 1'],
    requests: [{}],
  })),
  ...BAD_TYPES.map((type): Scenario => ({
    rules: [34, 38],
    name: `content type "${type}" fails the connection`,
    server: [[head(200, { 'Content-Type': type }), 'data: a\n\n']],
    plan: { url: URL, lines: 1 },
    log: ['error 2'],
    requests: [{}],
  })),
  {
    rules: [34, 38],
    name: 'no content type fails the connection',
    server: [[head(200), 'data: a\n\n']],
    plan: { url: URL, lines: 1 },
    log: ['error 2'],
    requests: [{}],
  },
  ...REDIRECTS.map((status): Scenario => ({
    rules: [35],
    name: `a ${status} is followed, and a reconnect goes to its target`,
    server: [
      [head(status, { Location: '/target', 'Content-Length': '0' }), END],
      [STREAM_HEAD, SOON, 'data: a\n\n', END],
      [STREAM_HEAD, 'data: b\n\n'],
    ],
    plan: { url: URL, lines: 5 },
    log: ['open 1', 'message 1 "a" "" {origin}', 'error 0', 'open 1', 'message 1 "b" "" {origin}'],
    requests: [{ path: '/stream' }, { path: '/target' }, { path: '/target' }],
  })),
  {
    rules: [35],
    name: "an event's origin is that of the final URL",
    server: [
      [head(307, { Location: '{other}/target', 'Access-Control-Allow-Origin': '*' }), END],
      [head(200, { 'Content-Type': 'text/event-stream', 'Access-Control-Allow-Origin': '*' }), 'data: a\n\n'],
    ],
    plan: { url: URL, lines: 2 },
    log: ['open 1', 'message 1 "a" "" {other}'],
    requests: [{ path: '/stream' }, { path: '/target' }],
  },
  {
    rules: [35, 33],
    name: 'a redirect without a target fails the connection',
    server: [[head(302), END]],
    plan: { url: URL, lines: 1 },
    log: ['error 2'],
    requests: [{}],
  },
  {
    rules: [39, 37],
    name: 'a stream that is cut off is a network error',
    server: [
      [
        head(200, { 'Content-Type': 'text/event-stream', 'Transfer-Encoding': 'chunked' }),
        `${(SOON.length + 9).toString(16)}\r\n${SOON}data: a\n\n\r\n`,
        RESET,
      ],
      RECOVERY,
    ],
    plan: { url: URL, lines: 5 },
    log: ['open 1', 'message 1 "a" "" {origin}', 'error 0', ...RECOVERED],
    requests: [{}, {}],
  },
  {
    rules: [39, 37],
    name: 'a body shorter than it was announced is a network error',
    server: [[head(200, { 'Content-Type': 'text/event-stream', 'Content-Length': '1000' }), SOON, END], RECOVERY],
    plan: { url: URL, lines: 4 },
    log: ['open 1', 'error 0', ...RECOVERED],
    requests: [{}, {}],
  },
  {
    rules: [39, 37],
    name: 'a server that hangs up without an answer is a network error',
    server: [[STREAM_HEAD, SOON, END], [END], RECOVERY],
    plan: { url: URL, lines: 5 },
    log: ['open 1', 'error 0', 'error 0', ...RECOVERED],
    requests: [{}, {}, {}],
  },
  {
    rules: [39, 37],
    name: 'an answer that is no HTTP is a network error',
    server: [[STREAM_HEAD, SOON, END], ['nonsense\r\n\r\n', END], RECOVERY],
    plan: { url: URL, lines: 5 },
    log: ['open 1', 'error 0', 'error 0', ...RECOVERED],
    requests: [{}, {}, {}],
  },
  {
    rules: [39, 38],
    name: 'a URL whose scheme cannot be asked fails the connection',
    server: [],
    plan: { url: 'ftp://127.0.0.1/stream', lines: 1 },
    log: ['error 2'],
    requests: [],
  },
  {
    rules: [40],
    name: 'after close() not even the rest of the chunk is dispatched',
    server: [[`${STREAM_HEAD}data: a\n\ndata: b\n\nevent: other\ndata: c\n\n`, END]],
    plan: { url: URL, types: ['other'], lines: 2 },
    log: ['open 1', 'message 1 "a" "" {origin}'],
    requests: [{}],
  },
  {
    rules: [40],
    name: 'close() in the open event leaves it at that',
    server: [[`${STREAM_HEAD}data: a\n\n`, END]],
    plan: { url: URL, lines: 1 },
    log: ['open 1'],
    requests: [{}],
  },
  {
    rules: [40, 37],
    name: 'close() in the error event ends the wait',
    server: [[STREAM_HEAD, SOON, END]],
    plan: { url: URL, lines: 2 },
    log: ['open 1', 'error 0'],
    requests: [{}],
  },
  {
    rules: [16, 17],
    name: 'events of other types reach those who listen for them',
    server: [[STREAM_HEAD, 'event: other\ndata: a\n\nevent: unheard\ndata: b\n\nevent:\ndata: c\n\n']],
    plan: { url: URL, types: ['other'], lines: 3 },
    log: ['open 1', 'other 1 "a" "" {origin}', 'message 1 "c" "" {origin}'],
    requests: [{}],
  },
  {
    rules: [1, 3, 4],
    name: 'the stream is UTF-8 behind one byte order mark',
    server: [
      [
        head(200, { 'Content-Type': 'text/event-stream;charset=utf-8' }),
        [0xef],
        [0xbb],
        [0xbf],
        'data: é\n\ndata: ',
        [0xff],
        '\n\n',
      ],
    ],
    plan: { url: URL, lines: 3 },
    log: ['open 1', 'message 1 "é" "" {origin}', 'message 1 "\uFFFD" "" {origin}'],
    requests: [{}],
  },
];
