import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { problemOf, startHub, type TestHub, type TestHubOptions } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, makeToken, SECRET } from './token-maker.ts';

/** A clock that only the test moves; its timers fire when it has been moved as far. */
class HandClock {
  passed = 0;
  readonly #timers = new Set<{ readonly due: number; readonly work: () => void }>();
  readonly now = (): number => this.passed;
  readonly time = (): number => Date.now();
  readonly setTimeout = (work: () => void, ms: number): unknown => {
    const timer = { due: this.passed + ms, work };
    this.#timers.add(timer);
    return timer;
  };
  readonly clearTimeout = (timer: unknown): void => void this.#timers.delete(timer as never);

  pass(ms: number): void {
    this.passed += ms;
    for (const timer of this.#timers) {
      if (timer.due > this.passed) continue;
      this.#timers.delete(timer);
      timer.work();
    }
  }
}

async function limited(
  limits: NonNullable<TestHubOptions['limits']>,
  more: TestHubOptions = {},
): Promise<{ hub: TestHub; clock: HandClock }> {
  const clock = new HandClock();
  return { hub: await startHub({ ...more, limits, clock }), clock };
}

async function publish(
  hub: TestHub,
  body: string,
  headers: Record<string, string> = {},
  path = '/topics/a',
): Promise<unknown> {
  const reply = await hub.ask('POST', path, { body, headers });
  return reply.status === 200 ? 'ok' : [reply.status, problemOf(reply), reply.headers['retry-after']];
}

const LINES = { 'content-type': 'application/x-ndjson' };

describe('a sender that publishes more than it may', () => {
  test('of events has to wait, and is told how long', async () => {
    const { hub, clock } = await limited({ maxEventsPerSecond: 2 });
    expect(await publish(hub, '1')).toBe('ok');
    expect(await publish(hub, '2')).toBe('ok');
    // What it has left is nothing, and not less.
    expect(await publish(hub, '3')).toBe('ok');
    expect(await publish(hub, '4')).toEqual([429, 'too-many-requests', '1']);
    const { text } = await hub.ask('POST', '/topics/a', { body: '4' });
    expect(text).toContain('Too much was published: 2 events a second are the most');
    clock.pass(499);
    expect(await publish(hub, '4')).toEqual([429, 'too-many-requests', '1']);
    clock.pass(1);
    expect(await publish(hub, '4')).toBe('ok');
  });

  test('of events in a batch waits for all of them', async () => {
    const { hub, clock } = await limited({ maxEventsPerSecond: 10 });
    const lines = Array.from({ length: 50 }, () => '{"topic":"a","data":"x"}\n').join('');
    expect(await publish(hub, lines, LINES, '/topics')).toBe('ok');
    expect(await publish(hub, lines, LINES, '/topics')).toEqual([429, 'too-many-requests', '4']);
    clock.pass(4000);
    expect(await publish(hub, lines, LINES, '/topics')).toBe('ok');
  });

  test('of bytes has to wait as well', async () => {
    const { hub, clock } = await limited({ maxBytesPerSecond: 1000 });
    expect(await publish(hub, 'x'.repeat(3000))).toBe('ok');
    expect(await publish(hub, 'x')).toEqual([429, 'too-many-requests', '2']);
    clock.pass(2000);
    expect(await publish(hub, 'x')).toBe('ok');
  });

  test('is its subject, if a token names it, and else its address', async () => {
    const tokens = { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] };
    const { hub } = await limited({ maxEventsPerSecond: 1 }, { publicUrl: AUDIENCE, tokens, anonymous: 'publish' });
    const as = async (sub: string, jti: string): Promise<Record<string, string>> =>
      bearer(await makeToken({ publish: ['a'] }, { claims: { sub, jti } }));
    const outcomes: unknown[] = [];
    for (const headers of [await as('ann', '1'), await as('ann', '2'), await as('ann', '3'), await as('bob', '4'), {}])
      outcomes.push(await publish(hub, 'x', headers));
    expect(outcomes).toEqual(['ok', 'ok', [429, 'too-many-requests', '1'], 'ok', 'ok']);
  });

  test('cannot get around it with many requests at once', async () => {
    const { hub } = await limited({ maxEventsPerSecond: 10 });
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => publish(hub, 'x')));
    expect(outcomes.filter((outcome) => outcome === 'ok').length).toBe(11);
  });

  test('in a live upload is read more slowly, and nothing of it is refused', async () => {
    const { hub, clock } = await limited({ maxEventsPerSecond: 1 });
    const sent = request({
      host: '127.0.0.1',
      port: hub.port,
      method: 'POST',
      path: '/topics/a',
      headers: { 'content-type': 'text/event-stream' },
    });
    const answer = new Promise<number>((resolve) => {
      sent.on('response', ({ statusCode = 0 }) => resolve(statusCode));
    });
    sent.write('data: 1\n\ndata: 2\n\ndata: 3\n\n');
    const reached = (seq: number): Promise<void> =>
      expect
        .poll(() => {
          clock.pass(500);
          return hub.position.seq;
        })
        .toBe(seq);
    // Before it is counted, nothing is stored of what is too much.
    await reached(3);
    sent.end('data: 4\n\n');
    await reached(4);
    expect(clock.passed).toBeGreaterThanOrEqual(4000);
    expect(await answer).toBe(200);
  });
});
