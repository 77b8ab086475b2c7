import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Runs, type RunsOptions } from '@tidings/server/runs';
import { expect, onTestFinished, test } from 'vitest';

/** A clock on which a second is a millisecond, but for waits that a hub may take for its answer. */
const FAST: NonNullable<RunsOptions['clock']> = {
  now: () => performance.now() * 1000,
  time: () => Date.now(),
  setTimeout: (call, ms) => setTimeout(call, ms < 30_000 ? ms / 1000 : ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(['null', '5', '{}', '[]', '{"events":[null],"next":"","state":"open","ids":[5],"lease":1,"existed":"no"}'])(
  'what answers %s is no hub, and nobody takes that for a run of another producer',
  async (body) => {
    const hub = await serve((request, response) => {
      request.resume();
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
    });
    const runs = new Runs({ hub, onError: () => {} });
    const asked: readonly (() => Promise<unknown>)[] = [
      () => runs.start('a', () => {}),
      () => runs.status('a'),
      () => runs.snapshot('a'),
      () => runs.stop('a'),
      () => runs.delete('a'),
      () => runs.resume('a', { lastEventId: 'epoch.7' }).next(),
    ];
    for (const ask of asked) {
      const failure: unknown = await ask().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'ERR_HUB', message: expect.stringContaining('The hub has answered') });
    }
  },
);

test.each([
  [308, 'ERR_HUB'],
  [301, 'ERR_HUB'],
  [307, 'ERR_STORE_AWAY'],
  [302, 'ERR_STORE_AWAY'],
])('a hub that answers with a redirect %i is not followed, and the error says where to', async (status, code) => {
  const paths: unknown[] = [];
  const hub = await serve((request, response) => {
    request.resume();
    paths.push(request.url);
    response.writeHead(status, { Location: '/elsewhere' }).end('Moved');
  });
  const runs = new Runs({ hub, clock: FAST, onError: () => {} });
  for (const ask of [() => runs.status('a'), () => runs.start('a', () => {}), () => runs.resume('a').next()]) {
    const failure: unknown = await ask().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining('with a redirect to "/elsewhere"') });
  }
  expect(paths).not.toContain('/elsewhere');
});

test('header fields that a function gives for a request to the hub are checked as those that are given at once', async () => {
  const hub = await serve((_, response) => void response.end());
  const wrong: [unknown, RegExp][] = [
    [5, /must be a plain object/],
    [{ 'a b': '' }, /"a b"/],
    [{ authorization: 'a\nb' }, /"authorization"/],
    [{ Accept: '*/*' }, /"Accept" .* runs themselves/],
    [{ 'tidings-lease': 'a' }, /"tidings-lease" .* runs themselves/],
    [{ 'Idempotency-Key': 'a' }, /"Idempotency-Key" .* runs themselves/],
  ];
  for (const [headers, message] of wrong) {
    expect(() => new Runs({ hub, headers: headers as Record<string, string> })).toThrow(message);
    const runs = new Runs({ hub, headers: () => headers as Record<string, string>, onError: () => {} });
    for (const ask of [() => runs.status('a'), () => runs.start('a', () => {}), () => runs.resume('a').next()]) {
      const failure: unknown = await ask().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringMatching(message) });
    }
  }
});

test('a reader asks a hub that is away less and less often, up to once a second for a minute', async () => {
  let requests = 0;
  const hub = await serve((_, response) => {
    requests += 1;
    response.writeHead(503).end();
  });
  let now = 0;
  const clock: typeof FAST = {
    ...FAST,
    now: () => now,
    // Time passes in the waits between the requests alone.
    setTimeout: (call, ms) =>
      setImmediate(() => {
        if (ms >= 30_000) return;
        now += ms;
        call();
      }),
    clearTimeout: (timer) => clearImmediate(timer as NodeJS.Immediate),
  };
  const runs = new Runs({ hub, clock });
  await expect(runs.resume('a').next()).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
  // 0.1, 0.2, 0.4 and 0.8 seconds, and then one.
  expect([requests, now]).toEqual([64, 60_500]);
});
