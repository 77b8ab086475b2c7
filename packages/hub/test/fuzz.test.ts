import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  access,
  createServer,
  health,
  Hub,
  MemoryLog,
  mercure,
  metrics,
  page,
  PROBLEM_TYPES,
  PROBLEMS,
  topics,
} from '@tidings/hub';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { randomNumbers } from '../../../test/seed.ts';
import { Chance } from './fuzz/nasty.ts';
import { bytesOf, drawRequest, type FuzzRequest, OTHERS, routesOf } from './fuzz/requests.ts';
import { send } from './fuzz/raw.ts';
import { Listener } from './listener.ts';
import { CERTIFICATE, Http2Client } from './secure-hub.ts';
import { ask, serve } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, makeToken, SECRET } from './token-maker.ts';

const ALL = { publish: ['*'], listen: ['*'], admin: true };
const MERCURE = { publish: ['*'], subscribe: ['*'] };

interface Answer {
  readonly status: number | undefined;
  header(name: string): string | undefined;
  readonly body: string;
}

/** What is wrong with an answer, as one text; undefined if nothing is. */
function faultOf(
  { method, isTrusted }: FuzzRequest,
  { status, header, body }: Answer,
  secrets: readonly string[],
): string | undefined {
  if (status === undefined) return undefined;
  if (header('x-injected') !== undefined) return 'a field of the answer came from the request';
  if (status >= 400 || !isTrusted) {
    const secret = secrets.find((each) => body.includes(each));
    if (secret !== undefined) return `the body has the secret ${secret}`;
  }
  if (status < 400) return undefined;
  if (status >= 500) return 'it is an error of the hub';
  if (status === 401 && header('www-authenticate') === undefined) return 'it has no WWW-Authenticate';
  if (status === 405 && header('allow') === undefined) return 'it has no Allow';
  if (method === 'HEAD') return undefined;
  if (header('content-type') !== 'application/problem+json') return `it is ${header('content-type')}`;
  const problem = parsed(body);
  const name = problem.type?.slice(PROBLEM_TYPES.length) ?? '';
  if (problem.type !== PROBLEM_TYPES + name || !Object.hasOwn(PROBLEMS, name)) return `its type is ${problem.type}`;
  if (problem.status !== status || problem.detail === undefined) return 'its document is not whole';
  return undefined;
}

function parsed(body: string): { type?: string; status?: number; detail?: string } {
  try {
    return JSON.parse(body) as object;
  } catch {
    return {};
  }
}

test('no request makes the hub fail, fall silent or tell a secret', async () => {
  const [key, adminKey] = ['key', 'admin-key'].map((name) => `${name}-${randomBytes(12).toString('hex')}`) as [
    string,
    string,
  ];
  const inPrivate = `in-private-${randomBytes(8).toString('hex')}`;
  let logged = '';
  const logger = pino({ level: 'trace' }, { write: (line: string) => void (logged += line) });
  const hub = new Hub({
    log: new MemoryLog({ retention: { perTopic: [{ topics: ['latest'], keep: 'latest' }] } }),
    logger,
    key,
    adminKey,
    anonymous: 'listen',
    publicUrl: AUDIENCE,
    trustedProxies: ['loopback'],
    allowedOrigins: ['https://app.example'],
    compression: true,
    // A body of which a part never comes is waited for.
    limits: { maxBodyStallMs: 300, maxUploadIdleMs: 300 },
    tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] },
    faces: [mercure({ subscriptions: true }), topics(), health(), access(), metrics(), page('<p>the page</p>')],
  });
  const options = { maxHeadMs: 5000, lingerMs: 100 };
  const port = await serve(hub, createServer(hub, options));
  const secure = createServer(hub, { ...options, tls: CERTIFICATE });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  onTestFinished(async () => {
    secure.closeAllConnections();
    await new Promise((resolve) => void secure.close(resolve));
  });
  const securePort = (secure.address() as AddressInfo).port;

  await hub.publish('private', { data: inPrivate }, { private: true });
  await hub.publish('a', { data: inPrivate, id: 'own' }, { private: true });
  await hub.publish('closed', { data: 'last' }, { final: true });
  const tokens = [
    await makeToken(ALL),
    await makeToken({ publish: ['a'], listen: ['b', { pattern: 'a/*' }] }, { claims: { sub: 'ben', jti: 'token-2' } }),
    await makeToken(undefined, { claims: { mercure: MERCURE, jti: 'token-3' }, header: { typ: undefined } }),
  ];
  const admin = bearer(adminKey);
  const tickets: string[] = [];
  for (const match of ['a', 'private']) {
    const { text } = await ask(port, 'POST', `/tickets?match=${match}`, { headers: admin });
    tickets.push((JSON.parse(text) as { ticket: string }).ticket);
  }
  expect((await ask(port, 'PUT', '/topics/leased?lease=1h', { headers: admin })).status).toBe(200);
  const secrets = [key, adminKey, SECRET, inPrivate, ...tokens, ...tickets];

  const chance = new Chance(randomNumbers());
  const routes = [...routesOf(), ...OTHERS];
  const faults: string[] = [];
  let answered = 0;
  const note = (sent: FuzzRequest, answer: Answer): void => {
    if (answer.status !== undefined) answered += 1;
    const fault = faultOf(sent, answer, secrets);
    if (fault === undefined) return;
    faults.push(
      `${fault}: ${answer.status} ${answer.body.slice(0, 300)} to ${JSON.stringify({ ...sent, body: sent.body.toString('latin1') }).slice(0, 1500)}`,
    );
  };
  /** Runs work for each of a number of requests, some at a time. */
  const each = async (count: number, work: (index: number) => Promise<void>): Promise<void> => {
    let next = 0;
    const run = async (): Promise<void> => {
      while (next < count) await work(next++);
    };
    await Promise.all(Array.from({ length: 16 }, run));
  };

  await each(2500, async (index) => {
    const sent = drawRequest(
      chance,
      routes[index % routes.length]!,
      { good: [key, adminKey, ...tokens], tickets },
      true,
    );
    const bytes = bytesOf(chance, sent);
    const { status, headers, body } = await send(port, bytes, sent.isCut);
    // What is no HTTP at all is answered by Node, without a body.
    if (status === 400 && body === '') return;
    note(sent, { status, body, header: (name) => headers.get(name) });
  });

  let client = await Http2Client.connect(securePort);
  await each(1200, async (index) => {
    const sent = drawRequest(
      chance,
      routes[index % routes.length]!,
      { good: [key, adminKey, ...tokens], tickets },
      false,
    );
    if (client.session.closed || client.session.destroyed) client = await Http2Client.connect(securePort);
    const answer = await sendHttp2(client, sent);
    if (answer) note(sent, answer);
  });

  expect(faults.slice(0, 10)).toEqual([]);
  // Most of them reach the hub.
  expect(answered).toBeGreaterThan(3000);
  for (const secret of secrets) expect(logged).not.toContain(secret);
  expect(logged.length).toBeGreaterThan(10_000);
  const listener = await Listener.open(port, '/topics/after', bearer(key));
  expect((await ask(port, 'POST', '/topics/after', { headers: bearer(key), body: 'after all' })).status).toBe(200);
  await listener.take(1);
  expect(listener.events.at(-1)?.data).toBe('after all');
  const last = await Http2Client.connect(securePort);
  expect((await last.ask('GET', '/healthz')).status).toBe(200);
  listener.close();
  await expect.poll(() => hub.stats().listeners).toBe(0);
});

/** Sends a request as a stream of a connection of HTTP/2. Gives undefined if Node's own client does not send it, or the stream was reset. */
async function sendHttp2(
  { session }: Http2Client,
  { method, target, fields, body, isCut }: FuzzRequest,
): Promise<Answer | undefined> {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) headers[name] = value;
  let stream: ClientHttp2Stream;
  try {
    stream = session.request({ ':path': target, ...headers, ':method': method }, { endStream: false });
  } catch {
    return undefined;
  }
  stream.on('error', () => {});
  if (isCut) stream.write(body);
  else stream.end(body);
  if (isCut) setImmediate(() => stream.close());
  const closed = new Promise<undefined>((resolve) => void stream.once('close', () => resolve(undefined)));
  const responded = new Promise<IncomingHttpHeaders>((resolve) => void stream.once('response', resolve));
  const found = await Promise.race([responded, closed]);
  if (!found) return undefined;
  const status = Number(found[':status']);
  const isStream =
    status === 200 && found['content-type'] === 'text/event-stream' && found['content-length'] === undefined;
  let text = '';
  stream.on('data', (chunk) => (text += String(chunk)));
  if (isStream) stream.close();
  await closed;
  return { status, body: text, header: (name) => found[name]?.toString() };
}
