/** Rules 29, 30 and 39: cookies, and other origins. */
import { OURS_CANNOT_TELL, OURS_OUTSIDE_BROWSERS, type Scenario } from './scenario.ts';
import { listen, type Stage } from './scenario-stage.ts';
import { head, type ServerScript, STREAM } from './server-script.ts';

const END = { do: 'end' } as const;
/** Reconnect as soon as is allowed. */
const SOON = 'retry: 100\n\n';

const RECOVERY: ServerScript = [STREAM, 'data: recovered\n\n'];
const RECOVERED = ['open 1', 'message 1 "recovered" "" {origin}'];
const RECOVERED_THERE = ['open 1', 'message 1 "recovered" "" {other}'];

const there = (stage: Stage): string => `${stage.there}/stream`;
/** An event stream for pages of the first origin. */
const allowed = (headers: Record<string, string> = {}): string =>
  head(200, { 'Content-Type': 'text/event-stream', 'Access-Control-Allow-Origin': '{origin}', ...headers });

/** Gets a cookie from the first origin, then listens to the other one. */
function cookieThere(withCredentials?: boolean): Pick<Scenario, 'server' | 'client' | 'log'> {
  return {
    server: [
      [head(200, { 'Content-Type': 'text/event-stream', 'Set-Cookie': 'c=1; Path={path}' }), 'data: a\n\n'],
      [allowed({ 'Access-Control-Allow-Credentials': 'true' }), 'data: b\n\n'],
    ],
    client: async (stage) => {
      await listen(2)(stage);
      await listen(4, { url: there, ...(withCredentials === undefined ? {} : { withCredentials }) })(stage);
    },
    log: ['open 1', 'message 1 "a" "" {origin}', 'open 1', 'message 1 "b" "" {other}'],
  };
}

const CREDENTIALS = { 'Access-Control-Allow-Credentials': 'true' };

const NO_PREFLIGHT = { requests: [{}, { method: 'GET' }] };

/** A last event ID that a request to another origin may carry only after a preflight. */
function preflighted(name: string, subtest: string, id: string): Scenario {
  return {
    rules: [30],
    name: `${name} goes to another origin after a preflight`,
    wpt: [`eventsource-cross-origin-preflight: ${subtest}`],
    server: [
      [allowed(), SOON, `id: ${id}\ndata: a\n\n`, END],
      [allowed(), 'data: recovered\n\n'],
    ],
    client: listen(5, { url: there }),
    log: ['open 1', `message 1 "a" "${id}" {other}`, 'error 0', 'open 1', `message 1 "recovered" "${id}" {other}`],
    requests: [{}, { method: 'OPTIONS' }, { method: 'GET', headers: { 'last-event-id': id } }],
    departures: [
      { who: OURS_OUTSIDE_BROWSERS, why: 'there is no preflight outside of browsers', ...NO_PREFLIGHT },
      { who: ['Chromium', 'Firefox'], why: 'they ask for no permission to send a last event ID', ...NO_PREFLIGHT },
    ],
  };
}

/** A response of another origin that does not allow ours. */
function forbidden(name: string, subtest: string, headers: Record<string, string>): Scenario {
  return {
    rules: [39, 38],
    name: `another origin that allows ${name} fails the connection`,
    wpt: [`eventsource-cross-origin: ${subtest}`],
    where: 'in browsers',
    server: [[head(200, { 'Content-Type': 'text/event-stream', ...headers }), ':\n']],
    client: listen(1, { url: there }),
    log: ['error 2'],
    requests: [{}],
    departures: [OURS_CANNOT_TELL],
  };
}

export const originScenarios: readonly Scenario[] = [
  {
    rules: [29],
    name: 'cookies are sent to the own origin',
    where: 'in browsers',
    server: [
      [head(200, { 'Content-Type': 'text/event-stream', 'Set-Cookie': 'c=1; Path={path}' }), SOON, END],
      RECOVERY,
    ],
    client: listen(4),
    log: ['open 1', 'error 0', ...RECOVERED],
    requests: [{}, { headers: { cookie: 'c=1' } }],
  },
  {
    rules: [29],
    name: 'cookies are not sent to another origin',
    wpt: ['request-credentials: disabled'],
    where: 'in browsers',
    ...cookieThere(false),
    requests: [{}, { headers: { cookie: null } }],
  },
  {
    rules: [29],
    name: 'a source has no credentials unless it is said',
    wpt: ['request-credentials: default'],
    where: 'in browsers',
    ...cookieThere(),
    requests: [{}, { headers: { cookie: null } }],
  },
  {
    rules: [29],
    name: 'cookies are sent to another origin when the source has credentials',
    wpt: ['request-credentials: enabled'],
    where: 'in browsers',
    ...cookieThere(true),
    requests: [{}, { headers: { cookie: 'c=1' } }],
  },
  {
    rules: [29],
    name: 'where there is no cookie jar no cookie is kept',
    where: 'outside browsers',
    server: [
      [head(200, { 'Content-Type': 'text/event-stream', 'Set-Cookie': 'c=1; Path={path}' }), SOON, END],
      RECOVERY,
    ],
    client: listen(4, { withCredentials: true }),
    log: ['open 1', 'error 0', ...RECOVERED],
    requests: [{}, { headers: { cookie: null } }],
  },
  {
    rules: [30],
    name: 'the last event ID goes to another origin that allows it',
    wpt: ['eventsource-cross-origin-preflight: safe last-event-id'],
    server: [
      [allowed(), SOON, 'id: 1\ndata: a\n\n', END],
      [allowed(), 'data: b\n\n'],
    ],
    client: listen(5, { url: there }),
    log: ['open 1', 'message 1 "a" "1" {other}', 'error 0', 'open 1', 'message 1 "b" "1" {other}'],
    requests: [{}, { method: 'GET', headers: { 'last-event-id': '1' } }],
    departures: [
      {
        who: ['ours in Chromium', 'ours in Firefox'],
        why: 'a script may send the header to another origin only after a preflight',
        requests: [{}, { method: 'OPTIONS' }, { method: 'GET', headers: { 'last-event-id': '1' } }],
      },
    ],
  },
  preflighted('a long last event ID', 'too long', 'a'.repeat(255)),
  preflighted('a last event ID with <', 'unsafe characters', 'a<b'),
  {
    rules: [29, 30],
    name: 'another origin that allows it is listened to, with credentials',
    wpt: ['eventsource-cross-origin: basic use'],
    server: [[allowed(CREDENTIALS), 'data: recovered\n\n']],
    client: listen(2, { url: there, withCredentials: true }),
    log: RECOVERED_THERE,
    requests: [{}],
  },
  {
    rules: [29, 35],
    name: 'another origin that allows it may redirect',
    wpt: ['eventsource-cross-origin: redirect use'],
    server: [
      [
        head(302, {
          Location: '{path}/target',
          'Content-Length': '0',
          'Access-Control-Allow-Origin': '{origin}',
          ...CREDENTIALS,
        }),
        END,
      ],
      [allowed(CREDENTIALS), 'data: recovered\n\n'],
    ],
    client: listen(2, { url: there, withCredentials: true }),
    log: RECOVERED_THERE,
    requests: [{}, { path: '/target' }],
  },
  {
    rules: [29, 37],
    name: 'another origin that allows it is asked again',
    wpt: ['eventsource-cross-origin: redirect use recon'],
    server: [
      [allowed(CREDENTIALS), 'retry: 100\n', END],
      [allowed(CREDENTIALS), 'data: recovered\n\n'],
    ],
    client: listen(4, { url: there, withCredentials: true }),
    log: ['open 1', 'error 0', ...RECOVERED_THERE],
    requests: [{}, {}],
  },
  {
    rules: [29],
    name: 'a request to another origin is uncached each time',
    wpt: ['request-cache-control: other origin, first', 'request-cache-control: other origin, second'],
    server: [
      [allowed({ 'Cache-Control': 'max-age=1000' }), 'data: a\n\n', END],
      [allowed(), 'data: b\n\n'],
    ],
    client: async (stage) => {
      await listen(2, { url: there })(stage);
      await listen(4, { url: there })(stage);
    },
    log: ['open 1', 'message 1 "a" "" {other}', 'open 1', 'message 1 "b" "" {other}'],
    requests: [{ headers: { 'cache-control': 'no-cache' } }, { headers: { 'cache-control': 'no-cache' } }],
  },
  {
    rules: [39, 38],
    name: 'another origin that does not allow it fails the connection',
    wpt: ['eventsource-cross-origin: No allow-origin should fail'],
    where: 'in browsers',
    server: [[STREAM]],
    client: listen(1, { url: there }),
    log: ['error 2'],
    requests: [{}],
    departures: [OURS_CANNOT_TELL],
  },
  {
    rules: [39, 38],
    name: 'another origin that allows anyone does not allow credentials',
    where: 'in browsers',
    server: [[head(200, { 'Content-Type': 'text/event-stream', 'Access-Control-Allow-Origin': '*' }), ':\n']],
    client: listen(1, { url: there, withCredentials: true }),
    log: ['error 2'],
    requests: [{}],
    departures: [OURS_CANNOT_TELL],
  },
  forbidden('a third one', 'allow-origin: http://example.org should fail', {
    'Access-Control-Allow-Origin': 'http://example.org',
  }),
  forbidden('the empty origin', "allow-origin:'' should fail", { 'Access-Control-Allow-Origin': '' }),
];
