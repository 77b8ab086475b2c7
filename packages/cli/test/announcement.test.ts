import { expect, test } from 'vitest';
import { announce, type Announcement } from '../src/serve/announcement.ts';

const base: Announcement = {
  url: new URL('http://127.0.0.1:4000/'),
  sockets: [],
  publicUrl: undefined,
  data: '.tidings',
  log: undefined,
  retention: { maxAgeMs: 604_800_000, maxBytes: 2 ** 30 },
  hasKey: false,
  hasTokens: false,
  anonymous: 'none',
  loopback: true,
  wildcard: false,
  hasPage: true,
};

test('the first line holds the URL, the rest what to do next', () => {
  expect(announce(base)).toBe(`Tidings is running at http://127.0.0.1:4000/

  Events   kept in .tidings, for 7 days, up to 1 GiB
  Access   everyone on this machine may publish and listen, no key is set

  Publish  curl -d 'Hello' http://127.0.0.1:4000/topics/greetings
  Listen   curl -N http://127.0.0.1:4000/topics/greetings
       or  npx tidings listen greetings

`);
});

test('another address goes into every line to paste', () => {
  const text = announce({ ...base, url: new URL('http://[::1]:5000/'), data: undefined });
  expect(text).toContain("curl -d 'Hello' http://[::1]:5000/topics/greetings");
  expect(text).toContain('npx tidings listen greetings --hub http://[::1]:5000\n');
  expect(text).toContain('kept in memory, until the hub stops, for 7 days');
});

test('a log that several hubs share is shown without what may be a password', () => {
  const shown = (log: string): string | undefined =>
    /kept (.*), for 7 days/.exec(announce({ ...base, data: undefined, log }))?.[1];
  expect(shown('nats://me:secret@one:4222,two:4222/news?replicas=3')).toBe('in NATS at one:4222,two:4222/news');
  expect(shown('postgres://me:secret@db:5432/events?schema=a')).toBe('in PostgreSQL at db:5432/events (schema a)');
  expect(shown('postgres://db/events?schema=tidings')).toBe('in PostgreSQL at db/events');
  expect(shown('postgresql:///events')).toBe('in PostgreSQL at localhost/events');
  for (const log of ['nats://me:se?cret@x', 'nats://me:se#cret@x', 'postgres://x/y?password=se@cret']) {
    expect(shown(log)).toMatch(/^in (NATS|PostgreSQL)$/);
  }
  expect(shown('nats://me:se/cr@et@x')).toBe('in NATS at x');
});

test('what is kept of some topics is on lines of its own', () => {
  const rule = (pattern: string, bounds: object) => ({
    topics: [{ pattern, base: 'http://localhost/topics/' }],
    ...bounds,
  });
  const perTopic = [
    rule('logs/*', { maxAgeMs: 86_400_000, maxBytes: 100 * 2 ** 20 }),
    rule('prices/*', { keep: 'latest', maxEvents: 1000 }),
    rule('all', {}),
  ];
  expect(announce({ ...base, retention: { perTopic } })).toContain(`
  Events   kept in .tidings, without a limit
           of each topic logs/*: for 1 day, up to 100 MiB
           of each topic prices/*: the newest event of each key, at most 1,000 events
           of each topic all: without a limit
  Access   `);
});

test('with a key the lines to paste carry it, by the name of its variable', () => {
  const bearer = '-H "Authorization: Bearer $TIDINGS_KEY"';
  const closed = announce({ ...base, hasKey: true });
  expect(closed).toContain('publishing and listening need the key');
  expect(closed.split(bearer)).toHaveLength(3);
  expect(closed).toContain(
    '\n  These commands read the key from the environment variable TIDINGS_KEY, so set it there.\n',
  );
});

const BEARER = '-H "Authorization: Bearer $TIDINGS_KEY" ';
const TOPIC = 'http://127.0.0.1:4000/topics/greetings';

test.each([
  {
    hasKey: false,
    anonymous: 'all',
    access: 'may publish and listen, no key is set, so nobody gets private events',
    publish: '',
    listen: '',
    reader: undefined,
  },
  {
    hasKey: true,
    anonymous: 'all',
    access: 'may publish and listen, private events need the key',
    publish: '',
    listen: '',
    reader: undefined,
  },
  {
    hasKey: true,
    anonymous: 'listen',
    access: 'may listen, publishing and private events need the key',
    publish: BEARER,
    listen: '',
    reader: 'The command that publishes reads the key',
  },
  {
    hasKey: true,
    anonymous: 'publish',
    access: 'may publish, listening needs the key',
    publish: '',
    listen: BEARER,
    reader: 'The commands that listen read the key',
  },
] as const)('with a key: $hasKey and --anonymous $anonymous it says who may do what, wherever it is reached', (row) => {
  const { hasKey, anonymous, access, publish, listen, reader } = row;
  for (const [loopback, everyone] of [
    [true, 'everyone on this machine, or behind a proxy on it,'],
    [false, 'everyone who can reach it'],
  ] as const) {
    const text = announce({ ...base, hasKey, anonymous, loopback });
    expect(text).toContain(`\n  Access   ${everyone} ${access}\n`);
    expect(text).toContain(`\n  Publish  curl ${publish}-d 'Hello' ${TOPIC}\n`);
    expect(text).toContain(`\n  Listen   curl ${listen}-N ${TOPIC}\n`);
    if (reader === undefined) expect(text).not.toContain('TIDINGS_KEY');
    else expect(text).toContain(`\n  ${reader} from the environment variable TIDINGS_KEY`);
  }
});

test.each([
  [{ publicUrl: 'https://example.com/events/', loopback: false }, '  Public   https://example.com/events/\n'],
  // The form that tokens are for.
  [{ publicUrl: 'https://example.com/events', loopback: false }, '  Public   https://example.com/events/\n'],
  [{ wildcard: true, loopback: false }, '  Address  all addresses of this machine\n'],
])('a hub that others reach elsewhere says where, and that its commands are for this machine: %o', (where, line) => {
  const text = announce({ ...base, hasKey: true, ...where });
  expect(text).toContain(line);
  expect(text).toContain('\n  These commands are for this machine.\n');
  expect(announce(base)).not.toContain('for this machine.');
});

test('a hub that others reach says so, and one without limits or page as well', () => {
  const retention = {};
  const text = announce({ ...base, anonymous: 'all', loopback: false, hasPage: false, retention });
  expect(text).toContain('everyone who can reach it may publish and listen');
  expect(text).toContain('kept in .tidings, without a limit');
  expect(text).toContain('Page     none');
});

test('a hub on a Unix socket says which one, and one with a public URL says where that is', () => {
  const text = announce({ ...base, url: undefined, sockets: ['hub.socket'], publicUrl: 'https://example.com/events/' });
  expect(text).toMatch(
    /^Tidings is running at the socket hub\.socket\n\n {2}Public {3}https:\/\/example\.com\/events\/\n/,
  );
  expect(text).not.toContain('curl');
});
