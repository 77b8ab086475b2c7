/** Rules 29 to 32: what is asked, of which URL, and behind which last event ID. */
import type { Scenario } from './scenario.ts';
import { listen, type Source, type Stage } from './scenario-stage.ts';
import { head, type ServerScript, STREAM } from './server-script.ts';

const END = { do: 'end' } as const;
/** Reconnect as soon as is allowed. */
const SOON = 'retry: 100\n\n';

const RECOVERY: ServerScript = [STREAM, 'data: recovered\n\n'];
const RECOVERED = ['open 1', 'message 1 "recovered" "" {origin}'];

const REFUSAL: ServerScript = [head(204), END];

/**
 * Settles when a source has been refused. A source that is closed before its request was sent leaves an unused connection behind,
 * and Chromium repeats a request that is reset on such a one without a word.
 */
function refusal(source: Source): Promise<unknown> {
  return new Promise((resolve) => source.addEventListener('error', resolve));
}

/** What becomes of a URL that is given to the constructor. */
function parsed(
  name: string,
  url: (stage: Stage) => unknown,
  href: string,
  where?: Scenario['where'],
  wpt?: string,
): Scenario {
  return {
    rules: [32],
    name: `${name} is parsed`,
    ...(wpt === undefined ? {} : { wpt: [wpt] }),
    ...(where === undefined ? {} : { where }),
    server: [REFUSAL],
    client: async (stage) => {
      const source = stage.open(url(stage) as string);
      stage.add(source.url);
      await refusal(source);
    },
    log: [href],
  };
}

function refused(url: string, where?: Scenario['where']): Scenario {
  return {
    rules: [32],
    name: `the URL ${JSON.stringify(url)} is refused with a SyntaxError`,
    wpt: url.includes('a:b:c') ? ['eventsource-constructor-url-bogus'] : [],
    ...(where === undefined ? {} : { where }),
    server: [],
    client: (stage) => {
      try {
        stage.open(url);
      } catch (error) {
        stage.add(`${(error as Error).name} ${error instanceof DOMException}`);
      }
    },
    log: ['SyntaxError true'],
    requests: [],
  };
}

export const requestScenarios: readonly Scenario[] = [
  {
    rules: [29, 36],
    name: 'the request asks for an event stream, uncached, and OPEN comes before the open event',
    wpt: ['request-accept'],
    server: [[STREAM, 'data: a\n\n']],
    client: listen(2),
    log: ['open 1', 'message 1 "a" "" {origin}'],
    requests: [
      {
        method: 'GET',
        path: '/stream',
        headers: {
          accept: 'text/event-stream',
          'cache-control': 'no-cache',
          pragma: 'no-cache',
          'last-event-id': null,
          cookie: null,
        },
      },
    ],
  },
  {
    rules: [29],
    name: 'nothing is taken from the HTTP cache',
    wpt: ['request-cache-control: own origin, first', 'request-cache-control: own origin, second'],
    where: 'in browsers',
    server: [
      [head(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'max-age=1000' }), 'data: a\n\n', END],
      [head(200, { 'Content-Type': 'text/event-stream' }), 'data: b\n\n'],
    ],
    client: async (stage) => {
      await listen(3)(stage);
      await listen(5)(stage);
    },
    log: ['open 1', 'message 1 "a" "" {origin}', 'error 0', 'open 1', 'message 1 "b" "" {origin}'],
    requests: [{}, {}],
  },
  {
    rules: [30, 37, 22],
    name: 'a lost connection is made again behind the last event ID, in UTF-8',
    wpt: ['format-field-id'],
    server: [
      [STREAM, SOON, 'id: é漢🙂\ndata: a\n\n', END],
      [STREAM, 'data: b\n\n', END],
    ],
    client: listen(6),
    log: ['open 1', 'message 1 "a" "é漢🙂" {origin}', 'error 0', 'open 1', 'message 1 "b" "é漢🙂" {origin}', 'error 0'],
    requests: [{ headers: { 'last-event-id': null } }, { headers: { 'last-event-id': 'é漢🙂' } }],
  },
  {
    rules: [30, 21],
    name: 'an empty last event ID is not sent',
    server: [[STREAM, SOON, 'id: 1\ndata: a\n\nid\ndata: b\n\n', END], RECOVERY],
    client: listen(6),
    log: ['open 1', 'message 1 "a" "1" {origin}', 'message 1 "b" "" {origin}', 'error 0', ...RECOVERED],
    requests: [{}, { headers: { 'last-event-id': null } }],
  },
  {
    rules: [19, 30],
    name: 'a block with only an id moves the last event ID',
    server: [[STREAM, SOON, 'id: 7\n\n', END], [STREAM]],
    client: listen(3),
    log: ['open 1', 'error 0', 'open 1'],
    requests: [{}, { headers: { 'last-event-id': '7' } }],
    departures: [
      {
        who: ['Firefox'],
        why: 'it takes no id from a block without data',
        requests: [{}, { headers: { 'last-event-id': null } }],
      },
    ],
  },
  {
    rules: [18, 30],
    name: 'the last event ID stays over more than one connection',
    wpt: ['format-field-id-2'],
    server: [
      [STREAM, SOON, 'id: …\ndata: a\n\n', END],
      [STREAM, 'data: b\n\n', END],
      [STREAM, 'data: c\n\n'],
    ],
    client: listen(8),
    log: [
      'open 1',
      'message 1 "a" "…" {origin}',
      'error 0',
      'open 1',
      'message 1 "b" "…" {origin}',
      'error 0',
      'open 1',
      'message 1 "c" "…" {origin}',
    ],
    requests: [{}, { headers: { 'last-event-id': '…' } }, { headers: { 'last-event-id': '…' } }],
  },
  {
    rules: [20, 30],
    name: 'an id with NUL is not sent, the one before it is',
    server: [
      [STREAM, SOON, 'id: 1\ndata: a\n\nid: x\u0000y\ndata: b\n\n', END],
      [STREAM, 'data: c\n\n'],
    ],
    client: listen('message 1 "c" "1" {origin}'),
    log: [
      'open 1',
      'message 1 "a" "1" {origin}',
      'message 1 "b" "1" {origin}',
      'error 0',
      'open 1',
      'message 1 "c" "1" {origin}',
    ],
    requests: [{}, { headers: { 'last-event-id': '1' } }],
    departures: [
      {
        who: ['Firefox'],
        why: 'it forgets the rest of the block too',
        log: ['open 1', 'message 1 "a" "1" {origin}', 'error 0', 'open 1', 'message 1 "c" "1" {origin}'],
      },
    ],
  },
  {
    rules: [30],
    name: 'a tab in an id is sent',
    server: [[STREAM, SOON, 'id: a\tb\ndata: a\n\n', END], [STREAM]],
    client: listen(4),
    log: ['open 1', 'message 1 "a" "a\\tb" {origin}', 'error 0', 'open 1'],
    requests: [{}, { headers: { 'last-event-id': 'a\tb' } }],
  },
  {
    rules: [30],
    name: 'the last event ID outlives a connection that could not be made',
    server: [[STREAM, SOON, 'id: 1\ndata: a\n\n', END], [{ do: 'reset' }], [STREAM, 'data: b\n\n']],
    client: listen(6),
    log: ['open 1', 'message 1 "a" "1" {origin}', 'error 0', 'error 0', 'open 1', 'message 1 "b" "1" {origin}'],
    requests: [{}, { headers: { 'last-event-id': '1' } }, { headers: { 'last-event-id': '1' } }],
  },
  {
    rules: [31],
    name: 'an id that no header can carry does not stop reconnecting',
    server: [[STREAM, SOON, 'id: a\u0001b\ndata: a\n\n', END], [STREAM]],
    client: listen(4),
    log: ['open 1', 'message 1 "a" "a\\u0001b" {origin}', 'error 0', 'open 1'],
    requests: [{}, { headers: { 'last-event-id': null } }],
    departures: [
      {
        who: ['Chromium', 'Firefox'],
        why: 'they put the control character into the header, as the standard has it',
        requests: [{}, { headers: { 'last-event-id': 'a\u0001b' } }],
      },
    ],
  },
  parsed('an absolute URL', ({ here }) => `${here.replace('http', 'HTTP')}/a b?c#d`, '{origin}{path}/a%20b?c#d'),
  parsed('a URL instance', ({ here }) => new URL(`${here}/x`), '{origin}{path}/x'),
  parsed(
    'an object that is a URL as a string',
    ({ here }) => ({ toString: () => `${here}/y` }),
    '{origin}{path}/y',
    undefined,
    'eventsource-constructor-stringify: object',
  ),
  parsed(
    'a path',
    ({ here }) => `${new URL(here).pathname}/x?y`,
    '{origin}{path}/x?y',
    'in browsers',
    'eventsource-url',
  ),
  ...[1, null, undefined].map((value) =>
    parsed(
      String(value),
      () => value,
      `{origin}/${value}`,
      'in browsers',
      `eventsource-constructor-stringify: ${value}`,
    ),
  ),
  parsed('a URL without a scheme', ({ here }) => here.slice('http:'.length), '{origin}{path}', 'in browsers'),
  {
    rules: [32],
    name: 'an empty URL is that of the page or worker',
    wpt: ['eventsource-constructor-empty-url'],
    where: 'in browsers',
    server: [],
    client: async (stage) => {
      const source = stage.open('');
      stage.add(String(source.url === globalThis.location.href));
      await refusal(source);
    },
    log: ['true'],
  },
  refused('http://'),
  refused('http://a:b:c/'),
  // Chromium takes the spaces.
  refused('http://this is invalid/', 'outside browsers'),
  refused('/relative', 'outside browsers'),
  refused('', 'outside browsers'),
  {
    rules: [32],
    name: 'a fragment belongs to the URL and is not sent',
    server: [[STREAM]],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream?a#fragment`);
      stage.add(source.url);
      await stage.watch(source, { lines: 2 });
    },
    log: ['{origin}{path}/stream?a#fragment', 'open 1'],
    requests: [{ path: '/stream?a' }],
  },
  {
    rules: [32],
    name: 'the user name and password of a URL are sent',
    server: [[STREAM]],
    client: listen(1, { url: ({ here }) => `${here.replace('//', '//me:p%40ss@')}/stream` }),
    log: ['open 1'],
    requests: [{ headers: { authorization: 'Basic bWU6cEBzcw==' } }],
    departures: [
      { who: ['Chromium'], why: 'it refuses a user name in the URL of a request', log: ['error 2'], requests: [] },
      { who: ['Firefox'], why: 'it leaves them out', requests: [{ headers: { authorization: null } }] },
    ],
  },
];
