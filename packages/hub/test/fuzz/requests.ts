import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { body, type Chance, encoded, FIELD_NAMES, fieldValue, mangled } from './nasty.ts';

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
}

/** One thing that can be asked of a hub: a path, a method, and the names of what may be given with it. */
export interface Route {
  readonly path: string;
  readonly method: string;
  readonly query: readonly string[];
  readonly fields: readonly string[];
}

const METHODS = ['get', 'head', 'query', 'post', 'put', 'delete'];

/** Every operation of openapi.yaml, with every parameter that it names. */
export function routesOf(): readonly Route[] {
  const api = parse(readFileSync(join(import.meta.dirname, '../../../../openapi.yaml'), 'utf8')) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    readonly components: { readonly parameters: Readonly<Record<string, Parameter>> };
  };
  const resolved = (each: Parameter): Parameter =>
    each.$ref === undefined ? each : api.components.parameters[each.$ref.split('/').at(-1)!]!;
  return Object.entries(api.paths).flatMap(([path, operations]) =>
    METHODS.flatMap((method) => {
      const operation = operations[method];
      if (!operation) return [];
      const names = (place: string): string[] =>
        (operation.parameters ?? []).map(resolved).flatMap((each) => (each.in === place ? [each.name] : []));
      return [
        {
          path,
          method: method.toUpperCase(),
          query: names('query'),
          fields: names('header').map((name) => name.toLowerCase()),
        },
      ];
    }),
  );
}

const SUBSCRIPTIONS = '/.well-known/mercure/subscriptions';

/** Those of the face for Mercure, each dialect by itself, and some that are of no face. */
export const OTHERS: readonly Route[] = [
  ...['GET', 'QUERY', 'POST'].flatMap((method) => [
    {
      path: '/.well-known/mercure',
      method,
      query: ['match', 'match_exact', 'match_urlpattern', 'last_event_id'],
      fields: ['last-event-id'],
    },
    {
      path: '/.well-known/mercure',
      method,
      query: ['topic', 'Last-Event-ID', 'lastEventID'],
      fields: ['last-event-id'],
    },
  ]),
  ...[
    SUBSCRIPTIONS,
    `${SUBSCRIPTIONS}/{topic}`,
    `${SUBSCRIPTIONS}/exact/{topic}/{topic}`,
    '/.well-known/oauth-protected-resource/.well-known/mercure',
    '/',
    '/{topic}',
    '*',
    '/healthz',
  ].map((path) => ({ path, method: 'GET', query: ['x'], fields: ['if-none-match'] })),
];

export interface Secrets {
  readonly good: readonly string[];
  readonly tickets: readonly string[];
}

export interface FuzzRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Whether less than the whole body is sent. */
  readonly isCut: boolean;
  /** Whether the sender shows a key or token that holds: then it may be told what is private. */
  readonly isTrusted: boolean;
}

/** What may be nasty in a request. */
const PARTS = ['topic', 'query', 'fields', 'body', 'credentials'] as const;

const TOPICS = ['a', 'b', 'closed', 'leased', 'private', 'a%2Fb', 'latest'];

/** What makes a request whole, by method and path: its query, the type of its body, and its body. */
const WHOLE: Readonly<Record<string, readonly [query: string, type: string, body: string]>> = {
  'POST /topics': ['', 'application/x-ndjson', '{"topic":"a","data":1}'],
  'POST /topics/{topic}': ['', 'text/plain', 'x'],
  'PUT /topics/{topic}': ['', 'application/json', '{"ttl":"24h"}'],
  'PUT /topics': ['topic=b', 'application/json', ''],
  'DELETE /topics': ['topic=b', '', ''],
  'QUERY /topics': ['', 'application/x-www-form-urlencoded', 'match=a'],
  'POST /tickets': ['match=a', '', ''],
  'POST /revocations': ['', 'application/json', '{"jti":"of-nobody"}'],
  'DELETE /revocations': ['jti=of-nobody', '', ''],
  'GET /.well-known/mercure': ['topic=a', '', ''],
  'QUERY /.well-known/mercure': ['match=a', 'application/x-www-form-urlencoded', 'match_exact=b'],
  'POST /.well-known/mercure': ['', 'application/x-www-form-urlencoded', 'topic=a&data=x'],
};

/** Draws a request for a route. Half of them have one part that is nasty, so that it reaches all of the hub, and the others may have several. */
export function drawRequest(chance: Chance, route: Route, secrets: Secrets, isRaw: boolean): FuzzRequest {
  const only = chance.is(0.5) ? chance.one(PARTS) : undefined;
  const isNasty = (part: (typeof PARTS)[number]): boolean => only === undefined || only === part;
  const [usual = '', type = '', text = ''] = WHOLE[`${route.method} ${route.path}`] ?? [];
  const topic = (): string => (isNasty('topic') && chance.is(0.4) ? encoded(chance) : chance.one(TOPICS));
  const query = isNasty('query') ? drawQuery(chance, route, topic) : usual === '' ? [] : [usual];
  const fields: [string, string][] = [];
  if (isNasty('fields')) {
    const more = Array.from({ length: chance.below(3) }, () => chance.one(FIELD_NAMES));
    for (const name of new Set([...route.fields, 'accept', 'content-type', ...more])) {
      if (chance.is(0.5)) fields.push([name, fieldValue(chance, name, isRaw)]);
      if (isRaw && chance.is(0.05)) fields.push([name, fieldValue(chance, name, isRaw)]);
    }
  } else if (type !== '') fields.push(['content-type', type]);
  let isTrusted = true;
  if (isNasty('credentials')) isTrusted = drawCredentials(chance, secrets, { query, fields });
  else fields.push(['authorization', `Bearer ${chance.one(secrets.good)}`]);
  const hasBody = ['POST', 'PUT', 'QUERY'].includes(route.method) || (isNasty('body') && chance.is(0.1));
  const content = isNasty('body') ? body(chance) : Buffer.from(text);
  return {
    method:
      only !== undefined || chance.is(0.95)
        ? route.method
        : chance.one(['PATCH', 'OPTIONS', 'TRACE', 'HEAD', 'DELETE', 'PURGE', 'GET', 'LINK']),
    target: route.path.replaceAll(/\{\w+\}/g, topic) + (query.length > 0 ? `?${query.join('&')}` : ''),
    fields,
    body: hasBody ? content : Buffer.alloc(0),
    isCut: isNasty('body') && chance.is(0.05),
    isTrusted,
  };
}

function drawQuery(chance: Chance, route: Route, topic: () => string): string[] {
  const query: string[] = [];
  const add = (name: string, value: string): void => void query.push(chance.is(0.1) ? name : `${name}=${value}`);
  for (const name of route.query) {
    if (!chance.is(Math.min(0.5, 1.5 / route.query.length))) continue;
    add(name, name === 'match' || name === 'topic' || name === 'prefix' ? topic() : encoded(chance));
    if (chance.is(0.08)) add(name, encoded(chance));
  }
  const strange = ['x', 'Match', 'LAST', '%00', 'utm', '__proto__', '', '_', 'authorization', 'access_token'];
  if (chance.is(0.08)) add(chance.one(strange), encoded(chance));
  return query;
}

/** @returns whether they may hold */
function drawCredentials(
  chance: Chance,
  { good, tickets }: Secrets,
  to: { query: string[]; fields: [string, string][] },
): boolean {
  if (chance.is(0.2)) return false;
  if (chance.is(0.6)) {
    to.fields.push(['authorization', `Bearer ${chance.one(good)}`]);
    return true;
  }
  const token = chance.one(good.filter((each) => each.includes('.')));
  switch (chance.below(6)) {
    case 0:
      to.query.push(`ticket=${chance.is(0.5) ? chance.one(tickets) : encoded(chance)}`);
      return true;
    case 1:
      to.fields.push([
        'cookie',
        `${chance.one(['tidings_token', 'mercureAuthorization', '__Secure-mercure_access_token'])}=${chance.is(0.5) ? token : mangled(chance, token)}`,
      ]);
      return true;
    case 2:
      to.query.push(`${chance.one(['authorization', 'access_token', 'token', 'jwt', 'auth'])}=${token}`);
      return true;
    case 3:
      to.fields.push([
        'authorization',
        chance.one([
          '',
          'Bearer',
          'Bearer ',
          'Basic eDp5',
          `bearer  ${token}`,
          `Bearer ${token} x`,
          `Bearer ${token},`,
          'Bearer \u00e9',
          `Digest ${'x'.repeat(2000)}`,
        ]),
      ]);
      return true;
    default:
      to.fields.push(['authorization', `Bearer ${mangled(chance, token)}`]);
      return false;
  }
}

/** The request as bytes of HTTP/1.1, now and then with a fault in its frame. */
export function bytesOf(chance: Chance, { method, target, fields, body: content, isCut }: FuzzRequest): Buffer {
  const hasHost = fields.some(([name]) => name === 'host');
  const isChunked = content.length > 0 && chance.is(0.2);
  const end = chance.is(0.02) ? chance.one(['\n', '\r', '\r\n\0']) : '\r\n';
  const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${content.length + (isCut ? 10 : 0)}`;
  const fault = chance.is(0.02)
    ? [
        chance.one([
          'Content-Length: 5',
          'Transfer-Encoding: x',
          'X: y\r\n z',
          ': x',
          'X y',
          'Content-Length: -1',
          'Content-Length: 1e3',
          'Connection: upgrade',
        ]),
      ]
    : [];
  const lines = [
    `${method} ${target} ${chance.is(0.98) ? 'HTTP/1.1' : chance.one(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''])}`,
    ...(hasHost ? [] : ['Host: localhost']),
    'Connection: close',
    ...fields.map(([name, value]) => `${name}: ${value}`),
    ...(content.length > 0 || isCut ? [length] : []),
    ...fault,
  ];
  const sent = isChunked
    ? Buffer.concat([
        Buffer.from(`${content.length.toString(16)}\r\n`),
        content,
        Buffer.from(isCut ? '' : '\r\n0\r\n\r\n'),
      ])
    : content;
  return Buffer.concat([Buffer.from(`${lines.join(end)}${end}${end}`, 'latin1'), sent]);
}
