import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { access, health, listeners, mercure, metrics, PROBLEMS, PROBLEM_TYPES, topics } from '@tidings/hub';
import { EventStreamDecoder } from '@tidings/wire';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Listener } from './listener.ts';
import { detail, METADATA, newToken, oldToken, ROOT, startMercure, subscribe } from './mercure-hub.ts';
import { startHub, type AskOptions, type Reply, type TestHub } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, makeToken, SECRET } from './token-maker.ts';

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
}

interface Media {
  readonly schema?: object;
  readonly itemSchema?: object;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<
    Record<string, { readonly $ref?: string; readonly content?: Readonly<Record<string, Media>> }>
  >;
}

const FILE = join(import.meta.dirname, '../../../openapi.yaml');
const api = parse(readFileSync(FILE, 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

const METHODS = ['get', 'head', 'query', 'post', 'put', 'delete'];

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema(api, 'openapi');

/** What a reference of the document leads to. */
function resolved<T extends { readonly $ref?: string }>(value: T): T {
  if (value.$ref === undefined) return value;
  const found = value.$ref
    .slice(2)
    .split('/')
    .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], api);
  return resolved(found as T);
}

/** Fails unless a value is what a schema says. */
function expectValid(schema: object, value: unknown): void {
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;
  const validate = ajv.compile(absolute);
  expect([validate(value), validate.errors]).toEqual([true, null]);
}

function schemaOf(name: string): object {
  return { $ref: `openapi#/components/schemas/${name}` };
}

function hub(): Promise<TestHub> {
  const faces = [mercure({ subscriptions: true }), topics(), listeners(), health(), access(), metrics()];
  return startHub({
    faces,
    publicUrl: AUDIENCE,
    tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] },
  });
}

async function admin(): Promise<Record<string, string>> {
  return bearer(await makeToken({ publish: ['*'], listen: ['*'], admin: true }, { claims: { sub: 'root' } }));
}

describe('the OpenAPI description', () => {
  test('is of version 3.2, and each of its references leads somewhere', () => {
    const text = readFileSync(FILE, 'utf8');
    expect(text).toMatch(/^openapi: 3\.2\.\d+\n/);
    const references = [...text.matchAll(/\$ref: '(#\/[^']+)'/g)].map(([, reference = '']) => reference);
    expect(references.length).toBeGreaterThan(100);
    for (const reference of references) expect([reference, resolved({ $ref: reference })]).not.toContain(undefined);
    const ids = Object.values(api.paths).flatMap((path) =>
      METHODS.flatMap((method) => path[method]?.operationId ?? []),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('has every schema in use, and streams described by their items', () => {
    const text = readFileSync(FILE, 'utf8');
    for (const name of Object.keys(api.components.schemas)) expect(text).toContain(`#/components/schemas/${name}'`);
    expect(text.match(/text\/event-stream:\n +itemSchema:/g)?.length).toBe(text.match(/text\/event-stream:/g)?.length);
  });

  test('has every error of the hub, and no other', () => {
    const { properties } = api.components.schemas['Problem'] as { properties: { type: { enum: string[] } } };
    expect(properties.type.enum.toSorted()).toEqual(
      Object.keys(PROBLEMS)
        .map((name) => PROBLEM_TYPES + name)
        .toSorted(),
    );
  });

  test('has the methods that the hub answers at each path, and no other', async () => {
    const running = await hub();
    for (const [path, operations] of Object.entries(api.paths)) {
      const { headers } = await running.ask('OPTIONS', path.replaceAll(/\{\w+\}/g, 'a'));
      const allowed = String(headers['allow'])
        .split(', ')
        .filter((method) => method !== 'OPTIONS');
      const described = METHODS.filter((method) => operations[method]).map((method) => method.toUpperCase());
      // HEAD is wherever GET is, and described where it says more.
      const usual = described.includes('GET') && !described.includes('HEAD') ? ['HEAD'] : [];
      expect([path, allowed.toSorted()]).toEqual([path, [...described, ...usual].toSorted()]);
    }
  });

  test('has the query parameters that the hub takes, and no other', async () => {
    const running = await hub();
    const headers = await admin();
    const asked: readonly (readonly [path: string, method: string, query: string, options?: AskOptions])[] = [
      ['/topics/{topic}', 'get', 'x'],
      ['/topics/{topic}', 'get', 'x', { headers: { accept: 'application/json' } }],
      ['/topics/{topic}', 'head', 'x'],
      ['/topics/{topic}', 'post', 'x'],
      ['/topics/{topic}', 'put', 'x'],
      ['/topics/{topic}', 'delete', 'x'],
      ['/topics', 'get', 'x&match=a'],
      ['/topics', 'get', 'x&match=a', { headers: { accept: 'application/json' } }],
      ['/topics', 'get', 'x&prefix=a'],
      ['/topics', 'put', 'x&topic=a'],
      ['/topics', 'delete', 'x&topic=a'],
      ['/listeners', 'get', 'x&topic=a'],
      ['/tickets', 'post', 'x'],
      ['/revocations', 'delete', 'x'],
      ['/metrics', 'get', 'x'],
    ];
    const taken = new Map<string, Set<string>>();
    for (const [path, method, query, options = {}] of asked) {
      const url = `${path.replace('{topic}', 'a')}?${query}`;
      const reply = await running.ask(method === 'head' ? 'GET' : method.toUpperCase(), url, {
        ...options,
        headers: { ...options.headers, ...headers },
      });
      const [, names = ''] = /There is no query parameter \\?"x\\?"; allowed are ([\w, -]+)/.exec(reply.text) ?? [];
      const key = `${method} ${path}`;
      taken.set(key, new Set([...(taken.get(key) ?? []), ...names.split(', ')]));
    }
    for (const [key, names] of taken) {
      const [method = '', path = ''] = key.split(' ');
      const parameters = api.paths[path]?.[method]?.parameters?.map(resolved) ?? [];
      const described = parameters.filter((each) => each.in === 'query').map(({ name }) => name);
      // A ticket is a credential, and described as one.
      expect([key, [...names].filter((name) => name !== '' && name !== 'ticket').toSorted()]).toEqual([
        key,
        described.toSorted(),
      ]);
    }
  });

  test('describes what the hub answers', async () => {
    const running = await hub();
    const headers = await admin();
    const ask = (method: string, path: string, options: AskOptions = {}): Promise<Reply> =>
      running.ask(method, path, { ...options, headers: { ...headers, ...options.headers } });
    const JSON_ONLY = { accept: 'application/json' };
    const cases: readonly (readonly [schema: string | object, method: string, path: string, options?: AskOptions])[] = [
      ['CreatedTopic', 'PUT', '/topics/a', { body: '{"ttl":"24h"}' }],
      ['CreatedTopic', 'PUT', '/topics/latest', { body: '{"keep":"latest"}' }],
      [responseSchema('/topics/{topic}', 'post'), 'POST', '/topics/a?type=t&id=own', { body: 'x', headers: JSON_ONLY }],
      [responseSchema('/topics/{topic}', 'post'), 'POST', '/topics/latest?key=k', { body: 'x', headers: JSON_ONLY }],
      [
        responseSchema('/topics', 'post'),
        'POST',
        '/topics',
        { body: '{"topic":"b","data":1}', headers: { ...JSON_ONLY, 'content-type': 'application/x-ndjson' } },
      ],
      ['LeasedTopic', 'PUT', '/topics/b?lease=30s'],
      ['Page', 'GET', '/topics/a', { headers: JSON_ONLY }],
      ['Page', 'GET', '/topics/latest', { headers: JSON_ONLY }],
      ['Page', 'GET', '/topics?match=a&match=b&limit=1', { headers: JSON_ONLY }],
      ['Page', 'GET', '/topics/a?lastEventId=other.1', { headers: JSON_ONLY }],
      ['TopicList', 'GET', '/topics'],
      ['TopicList', 'GET', '/topics?prefix=a'],
      ['ListenerPage', 'GET', '/listeners?topic=a'],
      ['Ticket', 'POST', '/tickets?match=a'],
      ['Revocation', 'POST', '/revocations', { body: '{"subject":"ann"}' }],
      ['Revocation', 'POST', '/revocations', { body: '{"jti":"one"}' }],
      [responseSchema('/revocations', 'get'), 'GET', '/revocations'],
      ['Health', 'GET', '/healthz'],
      [responseSchema('/topics/{topic}', 'delete'), 'DELETE', '/topics/a'],
      ['Problem', 'GET', '/topics/a?x'],
      ['Problem', 'POST', '/topics/a?id=', { body: 'x' }],
    ];
    for (const [schema, method, path, options] of cases) {
      const { text } = await ask(method, path, options);
      expectValid(typeof schema === 'string' ? schemaOf(schema) : schema, JSON.parse(text));
    }
  });

  test('describes the documents of Mercure', async () => {
    const running = await startMercure({ subscriptions: true });
    const read = async (path: string, token?: string): Promise<unknown> => {
      const { text } = await running.ask('GET', path, { headers: token === undefined ? {} : bearer(token) });
      return JSON.parse(text);
    };
    const own = await newToken([detail(['subscribe'], ['*'], { name: 'ann' })]);
    await subscribe(running, 'match=a', bearer(own));
    const all = (await read(`${ROOT}/subscriptions`, own)) as { subscriptions: readonly { id: string }[] };
    expect(all.subscriptions).toHaveLength(1);
    expectValid(schemaOf('MercureSubscriptions'), all);
    expectValid(schemaOf('MercureSubscriptions'), await read(`${ROOT}/subscriptions/exact/a`, own));
    expectValid(schemaOf('MercureSubscription'), await read(all.subscriptions[0]!.id, own));
    const old = await oldToken({ subscribe: ['*'] });
    await subscribe(running, 'topic=b', bearer(old));
    const told = (await read(`${ROOT}/subscriptions`, old)) as { subscriptions: readonly object[] };
    expect(told.subscriptions).toHaveLength(1);
    expectValid(schemaOf('MercureOldSubscriptions'), told);
    expectValid(schemaOf('MercureMetadata'), await read(METADATA));
    expectValid(schemaOf('Problem'), await read(`${ROOT}/subscriptions/x/y/z`, own));
  });

  test('describes the items of a stream', async () => {
    const running = await hub();
    const headers = await admin();
    await running.publish('a?type=t&id=own&retry=5', 'x', headers);
    const listener = await Listener.open(running.port, '/topics/a?lastEventId=earliest&envelope=json', headers);
    await listener.take(1);
    const events: object[] = [];
    new EventStreamDecoder({
      onEvent: ({ type, data, lastEventId }) => events.push({ event: type, data, id: lastEventId }),
    }).write(listener.text);
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) expectValid(schemaOf('StreamItem'), event);
  });
});

/** The schema of an answer in JSON. */
function responseSchema(path: string, method: string): object {
  const responses = api.paths[path]?.[method]?.responses ?? {};
  const { content } = resolved(responses['200'] ?? {});
  return content?.['application/json']?.schema ?? {};
}
