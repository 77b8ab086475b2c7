import { gzipSync } from 'node:zlib';
import { forge } from '../token-maker.ts';

/** Chance: everything is drawn from one row of random numbers, so a seed gives the same requests again. */
export class Chance {
  readonly #next: () => number;

  constructor(next: () => number) {
    this.#next = next;
  }

  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  /** @param likely from 0, never, to 1 */
  is(likely: number): boolean {
    return this.#next() < likely;
  }

  one<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

const HUGE = 'x'.repeat(5000);

/** Texts as they go over the wire, in a path or a query. */
const ENCODED = [
  ...String.raw`%00 %0d%0aX-Injected:%201 %0a % %2 %zz %c0%af %e0%80%af %ed%a0%80 %f8%88%80%80%80 %ff %2e%2e %2f %5c + %20 * . .. ~ %F0%9F%98%80 %u0041
    %25 %2525 %23 %3F & = ; %EF%BB%BF %C2%85 %E2%80%A8 constructor __proto__ toString`.split(/\s+/),
  '',
  HUGE,
  encodeURIComponent('é'.repeat(400)),
];

/** Values that numbers, times, ids and words are made of. */
const VALUES = [
  ...`0 1 -1 -0 1.5 1e3 1e309 9007199254740993 99999999999999999999 NaN Infinity 0x10 1ms 0s -1s 1e9w 99999999w 1.5.5h 1y true false null undefined [] {}
    earliest #x.1 x.1 mfk3q1x2.42 mfk3q1x2.99999999999999999999 a.0 .1 x. x.-1 2026-02-30 2026-13-01 2026-01-01T25:00:00Z +275760-09-13T00:00:01Z
    -000001-01-01 0000-01-01 9999-12-31T23:59:60Z 2026-01-01T00:00:00 message tidings-gap tidings-closed event json comment auto latest all`.split(
    /\s+/,
  ),
  ' 1',
  '1 ',
];

const PATTERNS = [
  ...String.raw`* :a :a/:b (.*) ([ :a? :a+ :a* {a}? { } \ https://*/* file:///* javascript:* //evil/* ?a=* #* /../* :a:b :1 http://[::1]:*/* http://[
    data:*`.split(/\s+/),
  `:${'a'.repeat(1030)}`,
  '{:a}*'.repeat(150),
  '*/'.repeat(300),
];

export function encoded(chance: Chance): string {
  switch (chance.below(5)) {
    case 0:
      return chance.one(ENCODED);
    case 1:
      return chance.one(ENCODED) + chance.one(ENCODED);
    case 2:
      return encodeURIComponent(chance.one(PATTERNS));
    case 3:
      return Array.from({ length: chance.below(12) }, () => `%${chance.below(256).toString(16).padStart(2, '0')}`).join(
        '',
      );
    default:
      return encodeURIComponent(chance.one([...VALUES, '\u0661']));
  }
}

/** Bytes that a header field may not have, and texts that some parser reads in its own way. Node's client refuses the first, a raw socket sends them. */
export function fieldValue(chance: Chance, name: string, isRaw: boolean): string {
  const own = FIELDS[name];
  if (own !== undefined && chance.is(0.7)) return chance.one(own);
  const raw = isRaw && chance.is(0.2) ? chance.one(['\0', '\r', '\n', '\x7f', '\x01', '\t', '\x80\xff', '\v']) : '';
  const plain = [...VALUES, '', ' ', ',', ',,,', ';', '"', '"\\', 'a=b;c', 'é', 'x'.repeat(chance.below(3000))];
  return chance.one(plain) + raw;
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  accept: [
    'text/event-stream',
    'application/json',
    '*/*',
    'text/plain;q=0',
    'application/json;q=1e309',
    'a/b;q=',
    '/',
    ';',
    'text/*;q=-1',
    'application/openmetrics-text',
    'a/b,'.repeat(500),
  ],
  'accept-encoding': ['gzip', 'zstd', 'gzip;q=0,*', 'identity;q=0', '*;q=0', 'br', ';q=', 'gzip;q=x'],
  'content-type': [
    'text/plain',
    'text/event-stream',
    'application/x-ndjson',
    'application/x-www-form-urlencoded',
    'application/cloudevents+json',
    'application/cloudevents-batch+json',
    'application/json',
    'TEXT/EVENT-STREAM;charset=utf-16',
    ';',
    '/',
    'multipart/form-data',
    'application/cloudevents+xml',
  ],
  'content-encoding': ['gzip', 'x-gzip', 'identity', 'br', 'gzip, gzip', 'GZIP ', ''],
  cookie: [
    'tidings_token=',
    'tidings_token=x; tidings_token=y',
    'mercureAuthorization=x',
    '__Secure-mercure_access_token=a.b.c',
    ';;;',
    '=',
    'tidings_token="%"',
  ],
  expect: ['100-continue', '200-ok', 'x', '100-CONTINUE, x'],
  forwarded: ['for=1.2.3.4', 'for="[::1]:x"', 'for=', '=', 'host=evil', 'for=1.2.3.4;for=1.2.3.4', 'for="\\', ','],
  host: [
    'localhost',
    'evil.example',
    '[::1]',
    '[',
    'a b',
    'localhost:99999',
    'localhost:',
    'user@localhost',
    '',
    '.',
    'xn--',
    'localhost/x',
    '%00',
  ],
  'idempotency-key': ['k1', 'k2', '', 'x'.repeat(255), 'x'.repeat(256), 'é'],
  'if-match': ['*', '"x"'],
  'if-none-match': ['*', '"x"', 'W/"x", "y"', '"', '"x",'.repeat(300)],
  'last-event-id': ['earliest', 'x.1', '', '#x', 'é', `${'9'.repeat(400)}.1`, 'mfk3q1x2.0'],
  origin: [
    'null',
    'https://app.example',
    'https://evil.example',
    'x',
    'http://',
    'https://app.example, https://evil.example',
    'file://',
  ],
  range: ['bytes=0-1', 'bytes=5-1', 'x=1'],
  referer: ['https://evil.example/', 'x', 'about:blank', 'https://app.example'],
  'sec-fetch-site': ['same-origin', 'cross-site', 'none', 'x'],
  te: ['trailers', 'chunked', 'gzip;q=x'],
  'tidings-lease': ['x', ',', 'x,'.repeat(1500), ' '],
  'x-forwarded-for': ['1.2.3.4', '1.2.3.4, x', ',,,', '::1', '[::1]:1', '999.1.1.1', '::ffff:1.2.3.4'],
  'x-forwarded-host': ['evil.example', 'a b', 'a,b', '', '[', 'x/y'],
  'x-forwarded-proto': ['https', 'http', 'javascript', 'https,http', ''],
  'access-control-request-method': ['POST', 'x', ''],
  'access-control-request-headers': ['authorization', 'a,b', 'a\tb'],
};

export const FIELD_NAMES: readonly string[] = [
  ...Object.keys(FIELDS),
  'ce-id',
  'ce-specversion',
  'ce-source',
  'ce-type',
  'via',
  'upgrade',
  'x-http-method-override',
];

const LONG_LINE = `data: ${'y'.repeat(2000)}\n`;

export function body(chance: Chance): Buffer {
  const [topic, data] = [
    chance.one(['a', 'b', 'closed', '', '.', 'é', '\ud800', 'x'.repeat(1025)]),
    chance.one(['1', '"x"', 'null', '{}', '[', '1e309', '"\\ud800"', '-']),
  ];
  const texts = [
    '',
    'x',
    '\0',
    '\r\n\r\n',
    'data: x\n\n',
    'id: 1\ndata\n\nevent: tidings-gap\ndata: {}\n\n',
    'retry: 1e309\n\n',
    ':\n'.repeat(500),
    LONG_LINE.repeat(3),
    '\ufeffdata: x\n\n',
    'id: a\0b\ndata: x\n\n',
    'event: tidings-closed\ndata: x\n\n',
    `{"topic":${JSON.stringify(topic)},"data":${data}}\n`,
    `{"topic":"a","topic":"b","data":1}`,
    `{"topic":"a","data":1,"private":true,"id":"#1"}\n{"topic":"b"}`,
    '{'.repeat(3000),
    '['.repeat(3000),
    '{"topic":"a","data":"x","lease":1}',
    '{"__proto__":{"topic":"a"}}',
    '{"specversion":"1.0","id":"1","source":"/","type":"t","topic":"a","data_base64":"%"}',
    '[{"specversion":"1.0"}]',
    '[]',
    '{"specversion":"2.0","id":null}',
    'match=a&match=%zz',
    'match_urlpattern=%7B',
    'match=a&'.repeat(150),
    'topic=a&data=x&private&retry=1e3',
    'topic=*',
    'topic=a&topic=b&id=%23x',
    'topic=&data=',
    `topic=a&${'x=&'.repeat(1100)}`,
    '{"ttl":"1e309s"}',
    '{"ttl":"-1s","keep":"x"}',
    '{"keep":"latest","keep":"all"}',
    '{"subject":1}',
    '{"before":"soon"}',
    '{"jti":"","subject":"x"}',
    '{"jti":"never-made"}',
    '"',
    'null',
    '{}',
    '1',
  ];
  const bytes = chance.is(0.1)
    ? Buffer.from(Array.from({ length: chance.below(200) }, () => chance.below(256)))
    : Buffer.from(chance.one(texts));
  if (!chance.is(0.1)) return bytes;
  const coded = gzipSync(bytes);
  return chance.is(0.5) ? coded : coded.subarray(0, chance.below(coded.length));
}

/** Tokens that do not hold, made of one that does. */
export function mangled(chance: Chance, good: string): string {
  const [header = '', claims = '', signature = ''] = good.split('.');
  const parsed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
  const heads = [
    { alg: 'none' },
    { alg: 'HS512' },
    { alg: 'RS256' },
    { alg: 'HS256', b64: false, crit: ['b64'] },
    { alg: 'HS256', jwk: {} },
    { alg: 'HS256', kid: '../../x' },
    { alg: 1 },
    {},
    { alg: 'HS256', typ: 'x' },
  ];
  const values = [null, -1, 1e21, '', [], {}, 'x'.repeat(600), true];
  const name = chance.one([
    'exp',
    'nbf',
    'iat',
    'aud',
    'iss',
    'sub',
    'jti',
    'tidings',
    'mercure',
    'authorization_details',
  ]);
  return chance.one([
    forge(chance.one(heads), parsed, signature),
    forge(chance.one(heads), { ...parsed, [name]: chance.one(values) }),
    `${header}.${Buffer.from(JSON.stringify({ ...parsed, [name]: chance.one(values) })).toString('base64url')}.${signature}`,
    `${header}.${claims}.`,
    `${header}.${claims}`,
    `.${claims}.${signature}`,
    `${good}.`,
    `${good}x`,
    good.slice(0, -2),
    `${header}.${claims}.${signature.toUpperCase()}`,
    '..',
    'a.b.c.d.e',
    `${Buffer.from('{').toString('base64url')}.${claims}.${signature}`,
    `${header}.${'A'.repeat(4000)}.${signature}`,
  ]);
}
