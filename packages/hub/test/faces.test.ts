import { health, Problem, topics, type FaceContext, type MakeFace } from '@tidings/hub';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub } from './test-hub.ts';

/** A face that publishes and listens in its own words, and has errors of its own. */
const bulletin: MakeFace = ({ log, audience, streamHead }) => ({
  name: 'bulletin',
  match: ({ pathname }) => (pathname.startsWith('/bulletin') ? ['GET', 'PUT'] : undefined),
  async handle(exchange) {
    const { request, rights, url } = exchange;
    if (url.pathname === '/bulletin/defect') throw new TypeError('the fuse blew');
    if (url.pathname !== '/bulletin') throw new Problem('not-found', 'No such bulletin');
    if (request.method === 'PUT') {
      const { id } = await log.append([{ topics: ['bulletin'], fields: { data: rights.subject ?? 'somebody' } }]);
      return { status: 201, headers: { Location: `/bulletin/${id}` } };
    }
    const { headers, coding } = streamHead(exchange);
    const admission = await audience.admit({
      request,
      rights,
      parameters: { lastEventId: '', last: 10, heartbeat: undefined },
      view: () => ({ key: 'bulletin', selection: { topics: ['bulletin'] }, coding }),
    });
    if ('refused' in admission) throw new Problem('too-many-listeners', admission.refused);
    return { status: 200, headers, start: (sink) => admission.start(sink), abandon: () => admission.abandon() };
  },
  problem(error) {
    if (!(error instanceof Problem)) return undefined;
    return { status: error.status, headers: { 'Content-Type': 'text/plain' }, body: `${error.problem}!` };
  },
});

describe('a face of one’s own', () => {
  test('stands beside ours, on the same log and audience', async () => {
    const hub = await startHub({ faces: [bulletin, topics(), health()] });
    const ours = await Listener.open(hub.port, '/topics/bulletin');
    const theirs = await Listener.open(hub.port, '/bulletin');
    const reply = await hub.ask('PUT', '/bulletin');
    expect([reply.status, reply.headers['location'], reply.text]).toEqual([201, `/bulletin/${hub.cursor(1)}`, '']);
    await hub.publish('bulletin', 'two');
    for (const listener of [ours, theirs]) expect(await listener.take(2)).toEqual(['local', 'two']);
    expect(hub.hub.stats().listeners).toBe(2);
    expect((await hub.ask('GET', '/healthz')).status).toBe(200);
  });

  test('has errors of its own, also where a method is not allowed, and they are counted', async () => {
    const hub = await startHub({ faces: [bulletin, topics()] });
    const missing = await hub.ask('GET', '/bulletin/1');
    expect([missing.status, missing.text]).toEqual([404, 'not-found!']);
    const method = await hub.ask('DELETE', '/bulletin');
    expect([method.status, method.text]).toEqual([405, 'method-not-allowed!']);
    expect(hub.hub.stats().refused.method).toBe(1);
    expect(problemOf(await hub.ask('PATCH', '/topics/a'))).toBe('method-not-allowed');
  });

  test('that answers no error of its own has ours, and its defects are written down', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const hub = await startHub({ faces: [bulletin], logger });
    const reply = await hub.ask('GET', '/bulletin/defect');
    expect(problemOf(reply)).toBe('internal');
    expect(reply.text).not.toContain('the fuse blew');
    expect(lines.join('')).toContain('the fuse blew');
  });

  test('gets only requests whose sender was let in, with their rights', async () => {
    const hub = await startHub({
      faces: [bulletin, topics()],
      authenticate: ({ header }) => header('x-person') !== undefined && { allow: true, subject: header('x-person')! },
    });
    expect(problemOf(await hub.ask('PUT', '/bulletin'))).toBe('forbidden');
    expect(hub.position.seq).toBe(0);
    expect((await hub.ask('PUT', '/bulletin', { headers: { 'x-person': 'ann' } })).status).toBe(201);
    const listener = await Listener.open(hub.port, '/bulletin', { 'x-person': 'ben' });
    expect(await listener.take(1)).toEqual(['ann']);
  });

  test('that comes first answers, and what is left out is not there', async () => {
    const shadow: MakeFace = () => ({
      name: 'shadow',
      match: ({ pathname }) => (pathname === '/topics/a' ? ['GET'] : undefined),
      handle: () => ({ status: 200, headers: {}, body: 'mine' }),
    });
    const hub = await startHub({ faces: [shadow, topics()] });
    expect((await hub.ask('GET', '/topics/a')).text).toBe('mine');
    await hub.publish('b', 'x');
    expect(problemOf(await hub.ask('GET', '/healthz'))).toBe('not-found');
  });

  test('is told when streams end and when requests may take no longer', async () => {
    let context: FaceContext | undefined;
    const hub = await startHub({ faces: [(given) => bulletin((context = given)), topics()] });
    expect([context!.closing.aborted, context!.deadline.aborted]).toEqual([false, false]);
    await hub.hub.close();
    expect([context!.closing.aborted, context!.deadline.aborted]).toEqual([true, false]);
  });
});
