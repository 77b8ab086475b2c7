import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, Hub } from '@tidings/hub';
import { MemoryLog } from '@tidings/server/log';
import { type RunItem, Runs, type RunsOptions } from '@tidings/server/runs';
import { expect, onTestFinished, test } from 'vitest';

/** A clock on which a second is a millisecond. */
const FAST: NonNullable<RunsOptions['clock']> = {
  now: () => performance.now() * 1000,
  time: () => Date.now(),
  setTimeout: (call, ms) => setTimeout(call, ms / 1000),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serveHub(keepAliveMs: number): Promise<string> {
  const hub = new Hub({ log: new MemoryLog(), keepAliveMs });
  onTestFinished(() => hub.close());
  return await listen(createServer(hub));
}

/** Node.js 20 may lose the signal of a request once the head of its answer is there. */
const forgetful: typeof fetch = async (url, init) => await fetch(url, { ...init, signal: null });

test.each([200, 500])(
  'a hub that stalls in the body of a %i is not waited for, and its connection ends',
  async (status) => {
    const closed: Promise<unknown>[] = [];
    const stall: RequestListener = (request, response) => {
      closed.push(once(request.socket, 'close'));
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.write('{"state":');
    };
    const runs = new Runs({ hub: await listen(createHttpServer(stall)), fetch: forgetful, clock: FAST });
    await expect(runs.status('a')).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
    expect(closed.length).toBeGreaterThan(0);
    await Promise.all(closed);
  },
);

test('a reader at a hub ends when its run is gone without a word', async () => {
  const hub = await serveHub(100);
  const manage = async (method: string, query: string, headers?: Record<string, string>): Promise<string> => {
    const response = await fetch(`${hub}/topics?topic=runs/a&${query}`, { method, headers: headers ?? {} });
    expect(response.status).toBeLessThan(300);
    return await response.text();
  };
  const { lease } = JSON.parse(await manage('PUT', 'lease=1m')) as { lease: string };
  let streams = 0;
  let hasLooked = (): void => {};
  const looked = new Promise<void>((resolve) => {
    hasLooked = resolve;
  });
  const runs = new Runs({
    hub,
    // Its timers are those of the system, so that the stream does not count as silent.
    clock: { ...FAST, setTimeout: (call, ms) => setTimeout(call, ms) },
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (new Headers(init?.headers).get('accept') === 'text/event-stream') streams += 1;
      // It has looked for the run when the stream was opened, and has found the lease.
      if (init?.method === 'HEAD') hasLooked();
      return response;
    },
  });
  const items: RunItem[] = [];
  const reading = (async () => {
    for await (const item of runs.resume('a')) items.push(item);
  })();
  await looked;
  // Whoever could not begin the run gives its lease back: nothing is left, and there is nothing that a listener could be told.
  await manage('DELETE', 'lease', { 'Tidings-Lease': lease });
  await reading;
  expect(items).toEqual([{ type: 'end', id: undefined, state: 'unknown' }]);
  expect(streams).toBe(1);
});

test('a reader at a hub that stays away is told', async () => {
  const away: RequestListener = (_request, response) => {
    response.writeHead(503).end();
  };
  const runs = new Runs({ hub: await listen(createHttpServer(away)), clock: FAST });
  await expect(runs.resume('a').next()).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
});

test('header fields that no request can have are told at once, without their values, and are not taken for a hub that is away', async () => {
  const hub = await serveHub(1000);
  const givers: [() => unknown, string][] = [
    [
      () => ({ authorization: 'Bearer se\ncret' }),
      '"authorization" of the option headers has a character that no header field can have',
    ],
    [() => ({ 'a b': 'secret' }), '"a b" of the option headers is not the name of a header field'],
    [() => new Headers({ 'x-trace': 'a' }), 'must be a plain object of names and values'],
    [() => 5, 'must be a plain object of names and values'],
  ];
  for (const [headers, found] of givers) {
    const told: unknown[] = [];
    const runs = new Runs({ hub, headers: headers as never, onError: (error) => told.push(error) });
    const refusal = await runs.status('a').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(found) as string });
    expect(String(refusal)).not.toContain('cret');
    await expect(runs.start('a', () => {})).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    for (const error of told) expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  }
  const runs = new Runs({ hub, headers: async () => ({ 'x-trace': 'a' }) });
  expect(await runs.status('a')).toMatchObject({ state: 'unknown' });
});

test('an answer that is none of a hub is told', async () => {
  const page: RequestListener = (_request, response) => {
    response.setHeader('Content-Type', 'text/html').end('<title>Sign in</title>');
  };
  const runs = new Runs({ hub: await listen(createHttpServer(page)) });
  const told = { code: 'ERR_HUB', message: expect.stringContaining('"<title>Sign in</title>"') as string };
  await expect(runs.status('a')).rejects.toMatchObject(told);
  await expect(runs.start('a', async () => {})).rejects.toMatchObject(told);
  await expect(runs.resume('a').next()).rejects.toMatchObject(told);
});

test('an answer of before the run began, which comes when its first chunk is there, ends no reader', async () => {
  const hub = await serveHub(100);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let held = 0;
  let hasAsked = (): void => {};
  const asked = new Promise<void>((resolve) => (hasAsked = resolve));
  const slow: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    if (held > 0 || !JSON.stringify(url).includes('last=1')) return response;
    held += 1;
    const text = await response.text();
    hasAsked();
    await released;
    return new Response(text, response);
  };
  const got: RunItem[] = [];
  let hasFirst = (): void => {};
  const first = new Promise<void>((resolve) => (hasFirst = resolve));
  const reading = (async () => {
    for await (const item of new Runs({ hub, fetch: slow }).resume('a')) {
      got.push(item);
      hasFirst();
    }
  })();
  await asked;
  const runs = new Runs({ hub });
  let goOn = (): void => {};
  const { over } = await runs.start('a', async ({ append }) => {
    await append('one');
    await new Promise<void>((resolve) => (goOn = resolve));
    await append('two');
  });
  await first;
  release();
  // The reader has asked again by the time another question is answered.
  await runs.status('a');
  goOn();
  await over;
  await reading;
  expect(got.map((item) => (item.type === 'chunk' ? item.data : item.type === 'end' && item.state))).toEqual([
    'one',
    'two',
    'done',
  ]);
});

test('the status of a run that begins and ends between two answers is not unknown', async () => {
  const hub = await serveHub(100);
  const url = `${hub}/topics?topic=runs/a`;
  await fetch(`${url}&lease=1m`, { method: 'PUT' });
  const between: typeof fetch = async (asked, init) => {
    if (init?.method === 'HEAD') {
      await fetch(url, { method: 'DELETE' });
      await (
        await new Runs({ hub }).start('a', ({ append }) => append('one').then(() => {}))
      ).over;
    }
    return await fetch(asked, init);
  };
  expect(await new Runs({ hub, fetch: between }).status('a')).toMatchObject({ state: 'done' });
});
