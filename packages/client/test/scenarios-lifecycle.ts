/** Rules 36 to 40 and 27: opening, losing, failing and closing. */
import type { Departure, Scenario } from './scenario.ts';
import { type Client, listen, pass } from './scenario-stage.ts';
import { head, type ServerScript, STREAM } from './server-script.ts';

const END = { do: 'end' } as const;
const RESET = { do: 'reset' } as const;
const SOON = 'retry: 100\n\n';
const CHUNKED = head(200, { 'Content-Type': 'text/event-stream', 'Transfer-Encoding': 'chunked' });

const FIRST = `${SOON}data: a\n\n`;
const FIRST_CHUNK = `${FIRST.length.toString(16)}\r\n${FIRST}\r\n`;

/** A connection that gives one event: shows that what came before was survived. */
const RECOVERY: ServerScript = [STREAM, 'data: recovered\n\n'];
const RECOVERED = ['open 1', 'message 1 "recovered" "" {origin}'];

/** A connection that breaks as it is made, between one that sets a short reconnection time and one that works. */
function brokenBetween(name: string, script: ServerScript, departures: readonly Departure[] = []): Scenario {
  return {
    departures,
    rules: [39, 37],
    name: `${name} is a network error`,
    server: [[STREAM, SOON, END], script, RECOVERY],
    client: (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      return stage.watch(source, { lines: 'message 1 "recovered" "" {origin}' });
    },
    log: ['open 1', 'error 0', 'error 0', ...RECOVERED],
    requests: [{}, {}, {}],
  };
}

/** A stream that gives an event and breaks when it has arrived. */
function broken(name: string, script: ServerScript, departures: readonly Departure[] = []): Scenario {
  return {
    departures,
    rules: [39, 37],
    name: `${name} is a network error`,
    server: [script, RECOVERY],
    client: goAtMessage(5),
    log: ['open 1', 'message 1 "a" "" {origin}', 'error 0', ...RECOVERED],
    requests: [{}, {}],
  };
}

/** Lets the server go on once an event has arrived: what is on its way when a connection is reset may be lost. */
function goAtMessage(lines: number, types: readonly string[] = []): Client {
  return async (stage) => {
    const source = stage.open(`${stage.here}/stream`);
    source.addEventListener('message', () => void stage.go());
    await stage.watch(source, { lines, types });
  };
}

export const lifecycleScenarios: readonly Scenario[] = [
  {
    rules: [27, 37],
    name: 'a block that the connection left unfinished is forgotten',
    wpt: ['format-data-before-final-empty-line'],
    server: [
      [STREAM, SOON, 'id: 1\ndata: a\n\n', 'id: 2\nevent: x\ndata: half\n', { do: 'wait' }, RESET],
      [STREAM, '\n\ndata: b\n\n'],
    ],
    client: goAtMessage(5, ['x']),
    log: ['open 1', 'message 1 "a" "1" {origin}', 'error 0', 'open 1', 'message 1 "b" "1" {origin}'],
    requests: [{}, { headers: { 'last-event-id': '1' } }],
  },
  {
    rules: [37],
    name: 'a stream that ends is lost, time after time',
    wpt: ['eventsource-reconnect: test reconnection events'],
    server: [
      [STREAM, SOON, 'data: a\n\n', END],
      [STREAM, 'data: b\n\n', END],
      [STREAM, 'data: c\n\n', END],
    ],
    client: listen(9),
    log: ['a', 'b', 'c'].flatMap((data) => ['open 1', `message 1 "${data}" "" {origin}`, 'error 0']),
    requests: [{}, {}, {}],
  },
  broken('a stream that is reset', [STREAM, FIRST, { do: 'wait' }, RESET]),
  broken('a chunked stream that is cut off', [CHUNKED, FIRST_CHUNK, { do: 'wait' }, END]),
  broken(
    'a chunk with a false length',
    [CHUNKED, FIRST_CHUNK, { do: 'wait' }, 'xyz\r\n', END],
    [
      {
        who: ['Firefox'],
        why: 'it expects the same each time',
        log: ['open 1', 'message 1 "a" "" {origin}', 'error 2'],
        requests: [{}],
      },
    ],
  ),
  broken('a body shorter than it was announced', [
    head(200, { 'Content-Type': 'text/event-stream', 'Content-Length': '1000' }),
    FIRST,
    { do: 'wait' },
    END,
  ]),
  {
    rules: [39, 37],
    name: 'gzip that is none is a network error',
    server: [
      [STREAM, SOON, END],
      [
        head(200, { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'gzip' }),
        'no gzip at all, and long enough to be seen as such',
        END,
      ],
      RECOVERY,
    ],
    client: listen('message 1 "recovered" "" {origin}'),
    log: ['open 1', 'error 0', 'open 1', 'error 0', ...RECOVERED],
    requests: [{}, {}, {}],
  },
  brokenBetween('a server that hangs up without an answer', [END]),
  brokenBetween('a server that resets without an answer', [RESET]),
  brokenBetween(
    'an answer that is no HTTP',
    ['nonsense\r\n\r\n', END],
    [
      {
        who: ['Firefox', 'ours in Firefox'],
        why: 'it is HTTP/0.9 to it, which has no content type',
        log: ['open 1', 'error 0', 'error 2'],
        requests: [{}, {}],
      },
    ],
  ),
  brokenBetween(
    'a head that is cut off',
    ['HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-', END],
    [
      {
        who: ['Chromium', 'Firefox', 'ours in Chromium', 'ours in Firefox'],
        why: 'they take what there is of the head',
        log: ['open 1', 'error 0', 'open 1', 'error 0', ...RECOVERED],
      },
    ],
  ),
  {
    rules: [39, 37],
    name: 'a refused connection is a network error',
    server: [],
    client: listen(1, { url: ({ nowhere }) => nowhere }),
    log: ['error 0'],
    requests: [],
    departures: [
      { who: ['Firefox'], why: 'it takes another origin that is not there for one that forbids', log: ['error 2'] },
    ],
  },
  {
    rules: [39, 38],
    name: 'a URL whose scheme cannot be asked fails the connection',
    wpt: ['eventsource-constructor-non-same-origin: ftp:'],
    server: [],
    client: listen(1, { url: () => 'ftp://127.0.0.1/stream' }),
    log: ['error 2'],
    requests: [],
  },
  {
    rules: [40],
    name: 'after close() not even the rest of the chunk is dispatched',
    server: [[`${STREAM}data: a\n\ndata: b\n\nevent: other\ndata: c\n\n`, END]],
    client: listen(2, { types: ['other'] }),
    log: ['open 1', 'message 1 "a" "" {origin}'],
    requests: [{}],
  },
  {
    rules: [40],
    name: 'close() in the open event leaves it at that',
    server: [[`${STREAM}data: a\n\n`, END]],
    client: listen(1),
    log: ['open 1'],
    requests: [{}],
  },
  {
    rules: [40, 37],
    name: 'close() in the error event ends the wait',
    server: [[STREAM, SOON, END]],
    client: async (stage) => {
      await listen(2)(stage);
      await pass(300);
    },
    log: ['open 1', 'error 0'],
    requests: [{}],
  },
  {
    rules: [40, 37],
    name: 'close() while it waits ends the wait',
    server: [[STREAM, SOON, END]],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.addEventListener('error', () => setTimeout(() => source.close()));
      void stage.watch(source, { lines: 9 });
      await new Promise((resolve) => source.addEventListener('error', resolve));
      await pass(300);
    },
    log: ['open 1', 'error 0'],
    requests: [{}],
  },
  {
    rules: [40],
    name: 'close() while the answer is awaited gives the request up, and nothing follows',
    server: [[{ do: 'wait' }, STREAM, 'data: a\n\n', END]],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      void stage.watch(source, { lines: 9 });
      await stage.received(1);
      source.close();
      stage.add(`closed ${source.readyState}`);
      await stage.go();
    },
    log: ['closed 2'],
    requests: [{}],
  },
  {
    rules: [40],
    name: 'close() in a listener leaves the other listeners of that event their turn',
    server: [[STREAM, 'data: a\n\ndata: b\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.addEventListener('message', () => source.close());
      await stage.watch(source, { lines: 2 });
    },
    log: ['open 1', 'message 2 "a" "" {origin}'],
    requests: [{}],
  },
  {
    rules: [40],
    name: 'close() again changes nothing',
    server: [[STREAM]],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      await stage.watch(source, { lines: 1 });
      source.close();
      stage.add(`closed ${source.readyState}`);
    },
    log: ['open 1', 'closed 2'],
    requests: [{}],
  },
  {
    rules: [36, 40],
    name: 'a source is connecting, then open, then closed',
    wpt: ['eventsource-close: close()'],
    server: [[STREAM]],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      stage.add(`made ${source.readyState}`);
      await stage.watch(source, { lines: 2 });
      stage.add(`closed ${source.readyState}`);
    },
    log: ['made 0', 'open 1', 'closed 2'],
    requests: [{}],
  },
  {
    rules: [37, 38],
    name: 'a source that is refused after it was lost twice is closed for good',
    wpt: ['eventsource-close: test events'],
    server: [
      [STREAM, SOON, 'data: a\n\n', END],
      [STREAM, 'data: b\n\n', END],
      [head(204), END],
    ],
    client: async (stage) => {
      await listen(9)(stage);
      await pass(300);
    },
    log: [...['a', 'b'].flatMap((data) => ['open 1', `message 1 "${data}" "" {origin}`, 'error 0']), 'error 2'],
    requests: [{}, {}, {}],
  },
  {
    rules: [37],
    name: 'a stream that ends before its first event is lost, too',
    wpt: ['eventsource-reconnect: 200'],
    server: [[STREAM, 'retry: 100\n', END], RECOVERY],
    client: listen(4),
    log: ['open 1', 'error 0', ...RECOVERED],
    requests: [{}, {}],
  },
  ...['about:blank', 'mailto:someone@example.org', "javascript:alert('called')"].map((url): Scenario => ({
    rules: [38, 39],
    name: `${url.split(':')[0]} is no scheme to ask, and fails the connection`,
    wpt: [`eventsource-constructor-non-same-origin: ${url.split(':')[0]}:`],
    server: [],
    client: listen(1, { url: () => url }),
    log: ['error 2'],
    requests: [],
  })),
];
