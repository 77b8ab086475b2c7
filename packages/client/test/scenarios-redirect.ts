/** Rule 35: redirects. */
import { OURS_CANNOT_TELL, type Departure, type Scenario } from './scenario.ts';
import { listen } from './scenario-stage.ts';
import { head, type ServerScript, STREAM } from './server-script.ts';

const END = { do: 'end' } as const;
const SOON = 'retry: 100\n\n';

const ALLOWED = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': 'last-event-id' };

const FIREFOX_FAILS: Departure = { who: ['Firefox'], why: 'it expects the same each time', log: ['error 2'] };

function redirect(status: number, location: string, headers: Record<string, string> = {}): ServerScript {
  return [head(status, { Location: location, 'Content-Length': '0', ...headers }), END];
}

export const redirectScenarios: readonly Scenario[] = [
  ...[301, 302, 303, 307, 308].map((status): Scenario => ({
    rules: [35],
    name: `a ${status} is followed, and a reconnect goes to its target`,
    wpt: status === 308 ? [] : [`request-redirect: ${status}`],
    server: [redirect(status, '{path}/target'), [STREAM, SOON, 'data: a\n\n', END], [STREAM, 'data: b\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      await stage.watch(source, { lines: 5 });
      stage.add(source.url);
    },
    log: [
      'open 1',
      'message 1 "a" "" {origin}',
      'error 0',
      'open 1',
      'message 1 "b" "" {origin}',
      '{origin}{path}/stream',
    ],
    requests: [{ path: '/stream' }, { path: '/target' }, { path: '/target' }],
    departures:
      status === 301 || status === 308
        ? []
        : [
            {
              who: ['Firefox'],
              why: 'it asks the first URL again after a redirect that is not permanent',
              requests: [{ path: '/stream' }, { path: '/target' }, { path: '/stream' }],
            },
          ],
  })),
  {
    rules: [35],
    name: 'a relative target belongs to the URL that redirects',
    server: [redirect(302, 'folder/target?x'), redirect(302, '?y'), redirect(302, '../z'), [STREAM]],
    client: listen(1),
    log: ['open 1'],
    requests: [{ path: '/stream' }, { path: '/folder/target?x' }, { path: '/folder/target?y' }, { path: '/z' }],
  },
  {
    rules: [35],
    name: "an event's origin is that of the final URL",
    wpt: ['eventsource-cross-origin-redirect-origin'],
    server: [
      redirect(307, '{other}{path}/target', ALLOWED),
      [head(200, { 'Content-Type': 'text/event-stream', ...ALLOWED }), 'data: a\n\n'],
    ],
    client: listen(2),
    log: ['open 1', 'message 1 "a" "" {other}'],
    requests: [{ path: '/stream' }, { path: '/target' }],
    departures: [
      {
        who: ['Firefox'],
        why: 'until some version after 140 it is the origin of the URL asked for first',
        log: ['open 1', 'message 1 "a" "" {origin}'],
        orLogs: [['open 1', 'message 1 "a" "" {other}']],
      },
    ],
  },
  {
    rules: [35, 30],
    name: 'a redirect of a reconnect takes the last event ID along',
    server: [[STREAM, SOON, 'id: 1\ndata: a\n\n', END], redirect(302, '{path}/target'), [STREAM, 'data: b\n\n']],
    client: listen(5),
    log: ['open 1', 'message 1 "a" "1" {origin}', 'error 0', 'open 1', 'message 1 "b" "1" {origin}'],
    requests: [{}, { headers: { 'last-event-id': '1' } }, { path: '/target', headers: { 'last-event-id': '1' } }],
  },
  {
    rules: [35, 33],
    name: 'a redirect to a response that fails, fails',
    server: [redirect(301, '{path}/target'), [head(404), END]],
    client: listen(1),
    log: ['error 2'],
    requests: [{}, {}],
  },
  {
    rules: [35, 33],
    name: 'a redirect without a target fails the connection',
    server: [[head(302), END]],
    client: listen(1),
    log: ['error 2'],
    requests: [{}],
  },
  {
    rules: [35],
    name: 'twenty redirects are followed',
    server: [...Array.from({ length: 20 }, () => redirect(302, '{path}/again')), [STREAM]],
    client: listen(1),
    log: ['open 1'],
    requests: Array.from({ length: 21 }, () => ({})),
  },
  {
    rules: [35, 39],
    name: 'the twenty-first redirect is a network error',
    server: [...Array.from({ length: 21 }, () => redirect(302, '{path}/again')), [STREAM]],
    client: listen(1),
    log: ['error 0'],
    requests: Array.from({ length: 21 }, () => ({})),
    departures: [FIREFOX_FAILS],
  },
  {
    rules: [35, 39],
    name: 'a redirect to a URL that is none is a network error',
    server: [redirect(302, 'http://a:b:c/')],
    client: listen(1),
    log: ['error 0'],
    requests: [{}],
    departures: [FIREFOX_FAILS],
  },
  {
    rules: [35, 39],
    name: 'a redirect to a scheme that is not HTTP fails the connection, as it would each time',
    server: [redirect(302, 'ftp://127.0.0.1/')],
    client: listen(1),
    log: ['error 2'],
    requests: [{}],
    departures: [OURS_CANNOT_TELL],
  },
  {
    rules: [35, 39],
    name: 'a redirect to an origin that does not allow it fails the connection',
    where: 'in browsers',
    server: [redirect(302, '{other}{path}/target'), [STREAM]],
    client: listen(1),
    log: ['error 2'],
    requests: [{}, {}],
    departures: [OURS_CANNOT_TELL],
  },
];
