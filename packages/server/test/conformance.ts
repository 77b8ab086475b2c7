import { EVENT_STREAM_HEADERS } from '@tidings/server/live';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CODINGS, withoutBlankLines } from './codings.ts';
import { ALLOWED_ORIGIN, CODED_EVENTS, FLOOD_BYTES } from './conformance-app.ts';
import { ask, type Address, type Asked, type Exchange } from './conformance-client.ts';
import type { Facts } from './facts.ts';

/** A server that answers with an app, started. */
export interface Running {
  readonly address: Address;
  /** What the app tells. */
  readonly facts: Facts;
  /** Gives the app a command. */
  command(line: string): void;
  close(): Promise<void>;
}

export interface Adapter {
  readonly name: string;
  /** Whether its promises tell how a response ended; otherwise only `onError` does. */
  readonly form: 'req-res' | 'fetch';
  /** Header fields that its server adds by itself. */
  readonly adds: readonly string[];
  /** Header fields that a plugin put on the response before, and which must be sent with it. */
  readonly carries?: Readonly<Record<string, string>>;
  /** Skipped where its runtime is said to be missing. */
  readonly missing?: boolean;
  /** The content codings that its runtime has not. */
  readonly lacks?: readonly string[];
  /** Whether its server ends connections that were silent for some seconds, unless told otherwise. */
  readonly idles?: boolean;
  start(): Promise<Running>;
}

let keys = 0;

/** What every adapter must do, with the real server behind it and a client that sees every byte or frame. */
export function conforms(adapter: Adapter): void {
  describe.skipIf(adapter.missing === true)(`an event stream on ${adapter.name}`, () => {
    let running: Running;
    beforeAll(async () => {
      running = await adapter.start();
    });
    afterAll(async () => {
      await running.close();
    });

    /** Asks, with a key of its own. */
    async function get(path: string, asked: Omit<Asked, 'path'> = {}): Promise<{ key: string; exchange: Exchange }> {
      const key = `k${++keys}`;
      return { key, exchange: await ask(running.address, { path: `${path}?key=${key}`, ...asked }) };
    }

    /** Waits until a source has come to where it waits, and lets it go on. */
    async function go(key: string): Promise<void> {
      await running.facts.take(`waiting ${key}`);
      running.command(`go ${key}`);
    }

    test('has exactly these header fields, and a first byte at once', async () => {
      const { exchange } = await get('/steps');
      const { status, headers } = await exchange.head();
      expect(status).toBe(200);
      const { carries = {} } = adapter;
      expect(Object.fromEntries(headers)).toMatchObject(carries);
      const own = [...headers].filter(([name]) => !adapter.adds.includes(name) && !(name in carries));
      const expected = Object.entries(EVENT_STREAM_HEADERS).map(([name, value]) => [name.toLowerCase(), value]);
      expect(Object.fromEntries(own)).toEqual(Object.fromEntries(expected));
      expect(await exchange.until('\n')).toBe(':\n');
      exchange.leave();
    });

    test('gives each event as it is made', async () => {
      const { key, exchange } = await get('/steps');
      for (const n of [1, 2, 3]) {
        await go(key);
        expect(await exchange.until(`data: ${n}\n`)).toMatch(new RegExp(`event: step\nid: ${n}\ndata: ${n}\n$`));
      }
      expect(await exchange.until('3\ndata: of many\n\n')).toMatch(/^:\n\nevent: step\nid: 1\ndata: 1\n/);
      exchange.leave();
    });

    test.each([
      ['GET', undefined],
      ['POST', '{"prompt": "the framework has read this"}'],
    ])('runs the source’s finally when the listener goes, after a %s', async (method, body) => {
      const { key, exchange } = await get('/wait', {
        method,
        ...(body === undefined ? {} : { body, headers: { 'Content-Type': 'application/json' } }),
      });
      await exchange.until('data: from');
      exchange.leave();
      expect(await running.facts.take(`finally ${key}`)).toBeDefined();
      if (adapter.form === 'req-res') await running.facts.take(`fulfilled ${key}`);
    });

    test('is over for a source that is busy when the listener goes, whose finally runs as soon as it can', async () => {
      const { key, exchange } = await get('/busy');
      await running.facts.take(`waiting ${key}`);
      exchange.leave();
      if (adapter.form === 'req-res') await running.facts.take(`fulfilled ${key}`);
      expect(running.facts.told(`finally ${key}`)).toBe(false);
      running.command(`go ${key}`);
      await running.facts.take(`finally ${key}`);
    });

    test('looks finished when its source ends', async () => {
      const { key, exchange } = await get('/end');
      expect(await exchange.over()).toEqual({ how: 'complete', body: ':\n\ndata: 1\n\ndata: 2\n\n' });
      if (adapter.form === 'req-res') await running.facts.take(`fulfilled ${key}`);
    });

    test.each(CODINGS)('is coded in $name where that is asked for', async ({ name, whole }) => {
      const { exchange } = await get('/coded', { headers: { 'accept-encoding': name } });
      const isLacking = adapter.lacks?.includes(name) === true;
      const { headers } = await exchange.head();
      expect(headers.get('content-encoding')).toBe(isLacking ? null : name);
      expect(headers.get('vary')?.toLowerCase()).toContain('accept-encoding');
      const { how, body } = await exchange.over();
      expect(how).toBe('complete');
      const text = isLacking ? body : withoutBlankLines(whole(Buffer.from(body, 'latin1')));
      expect(text).toBe(`:\n\n${CODED_EVENTS.map(({ id, data }) => `id: ${id}\ndata: ${data}\n\n`).join('')}`);
    });

    test('looks cut when its source throws, which is told', async () => {
      const { key, exchange } = await get('/throw');
      await exchange.until('data: 1\n\n');
      await go(key);
      expect(await exchange.over()).toEqual({ how: 'cut', body: ':\n\ndata: 1\n\n' });
      await running.facts.take(`rejected ${key}: the source broke`);
    });

    test('looks cut when its callback’s promise rejects, which is told', async () => {
      const { key, exchange } = await get('/rejected');
      expect((await exchange.over().catch(() => ({ how: 'cut' }))).how).toBe('cut');
      await running.facts.take(`rejected ${key}: the callback broke`);
    });

    test('holds its source back while nobody reads, and ends it when the listener goes', async () => {
      const { key, exchange } = await get('/flood', { paused: true });
      const made = await halted(running, key);
      // What the kernels, the runtimes and TLS hold of it: far less than what is made in the time of the test otherwise.
      expect(made * FLOOD_BYTES).toBeLessThan(64 * 1024 * 1024);
      // Held back, not broken off.
      expect(running.facts.told(`rejected ${key}`)).toBe(false);
      exchange.leave();
      await running.facts.take(`finally ${key}`);
    });

    test('takes its events from a callback, refuses one that would forge, and ends when it is closed', async () => {
      const { key, exchange } = await get('/callback');
      expect(await exchange.until('ERR_INVALID_FIELD\n\n')).toBe(':\n\ndata: ERR_INVALID_FIELD\n\n');
      await go(key);
      const body = ':\n\ndata: ERR_INVALID_FIELD\n\ndata: second\n\n';
      expect(await exchange.over()).toEqual({ how: 'complete', body });
      if (adapter.form === 'req-res') await running.facts.take(`fulfilled ${key}`);
    });

    test('tells a callback that the listener has gone, and lets it send in vain', async () => {
      const { key, exchange } = await get('/callback');
      await exchange.until('ERR_INVALID_FIELD\n\n');
      exchange.leave();
      expect(await running.facts.take(`aborted ${key}`)).toBeDefined();
    });

    test('is broken off where a callback does not wait for a listener that does not read', async () => {
      const { key, exchange } = await get('/ignored', { paused: true });
      const fact = await running.facts.take(`rejected ${key}: Cannot send an event`);
      expect(fact).toMatch(/\d+ bytes wait for a listener that does not read them, and maxBacklogBytes allows 100000/);
      exchange.read();
      expect((await exchange.over()).how).toBe('cut');
    });

    test('answers HEAD with the head alone, without its source', async () => {
      const { key, exchange } = await get('/wait', { method: 'HEAD' });
      const { status, headers } = await exchange.head();
      expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
      expect(await exchange.over()).toEqual({ how: 'complete', body: '' });
      expect(running.facts.told(`finally ${key}`)).toBe(false);
    });

    test('answers a preflight of an origin that is allowed, and refuses another’s', async () => {
      const preflight = { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'GET' } };
      const { exchange } = await get('/cors', {
        ...preflight,
        headers: {
          ...preflight.headers,
          Origin: ALLOWED_ORIGIN,
          'Access-Control-Request-Headers': 'authorization, x-own',
        },
      });
      const { status, headers } = await exchange.head();
      expect(status).toBe(204);
      expect(Object.fromEntries(headers)).toMatchObject({
        'access-control-allow-origin': ALLOWED_ORIGIN,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'authorization, x-own',
        'access-control-max-age': '600',
      });
      expect((await exchange.over()).how).toBe('complete');
      const { exchange: other } = await get('/cors', {
        ...preflight,
        headers: { ...preflight.headers, Origin: 'https://other.example' },
      });
      const refused = await other.head();
      expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null]);
      other.leave();
    });

    test.each([
      [ALLOWED_ORIGIN, ALLOWED_ORIGIN, 'true'],
      ['https://other.example', null, null],
      [undefined, null, null],
    ])('lets pages of %s read it accordingly', async (origin, allowed, credentials) => {
      const { exchange } = await get('/cors', origin === undefined ? {} : { headers: { Origin: origin } });
      const { headers } = await exchange.head();
      expect([headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')]).toEqual([
        allowed,
        credentials,
      ]);
      expect(headers.get('vary')).toMatch(/\borigin\b/i);
      expect(headers.get('x-test')).toBe('yes');
      exchange.leave();
    });

    test('is kept alive', async () => {
      const { exchange } = await get('/alive');
      expect(await exchange.until('from \n\n:\n\n:\n\n')).toBe(':\n\ndata: from \n\n:\n\n:\n\n');
      exchange.leave();
    });

    // Where there is no such limit, there is nothing to outlive.
    test.each(adapter.idles === true ? ['by default'] : [])('outlives the idle limit of its server %s', async () => {
      const { key, exchange } = await get('/steps');
      await exchange.until(':\n\n:\n\n:\n\n');
      await go(key);
      expect(await exchange.until('data: 1\n')).toContain('event: step');
      exchange.leave();
    });

    test('tells its source where the listener wants to go on', async () => {
      // The bytes of an id in UTF-8, a character for each.
      const sent = Buffer.from('zürich→7').toString('latin1');
      const { exchange } = await get('/wait', { headers: { 'Last-Event-ID': sent } });
      expect(await exchange.until('\n\ndata: from ')).toBeDefined();
      expect(Buffer.from(await exchange.until('7\n\n'), 'latin1').toString()).toContain('from zürich→7');
      exchange.leave();
      const { exchange: seeded } = await get('/wait', {}).then(async ({ key, exchange: plain }) => {
        plain.leave();
        return { exchange: await ask(running.address, { path: `/wait?key=${key}b&lastEventId=12` }) };
      });
      expect(await seeded.until('\n\ndata: from 12\n')).toBeDefined();
      seeded.leave();
    });

    test('with a bad option is not begun, and the server answers', async () => {
      const { exchange } = await get('/bad');
      expect((await exchange.head()).status).toBe(500);
      exchange.leave();
    });

    test('of a channel gives what is published, lets a listener go on where it was, and its place is free when it goes', async () => {
      const { exchange } = await get('/channel');
      await exchange.until('tidings-heartbeat');
      const ids = [1, 2, 3].map((n) => `é${++keys}-${n}`);
      for (const id of ids) running.command(`publish ${id} of-${id}`);
      const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
      await exchange.until(latin1(`id: ${ids[2]}\ndata: of-${ids[2]}\n\n`));
      exchange.leave();
      const { exchange: again } = await get('/channel', { headers: { 'Last-Event-ID': latin1(ids[0]!) } });
      const rest = await again.until(latin1(`data: of-${ids[2]}\n\n`));
      expect(rest).toBe(latin1(`:\n\nid: ${ids[1]}\ndata: of-${ids[1]}\n\nid: ${ids[2]}\ndata: of-${ids[2]}\n\n`));
      // Its keep-alive, which is a comment, because the last event told it its position.
      await again.until(latin1(`data: of-${ids[2]}\n\n:\n\n`));
      again.leave();
      let listeners = '';
      while (listeners !== 'listeners 0') {
        await new Promise((resolve) => setImmediate(resolve));
        running.command('listeners');
        listeners = await running.facts.take('listeners ');
      }
    });

    test('of a channel that was closed gives the rest and then answers 204', async () => {
      const { exchange } = await get('/closed', {});
      await exchange.until('tidings-heartbeat');
      running.command('close');
      const { how, body } = await exchange.over();
      expect([how, body]).toEqual(['complete', expect.stringMatching(/\n\nid: last\ndata: bye\n\n$/)]);
      const { exchange: again } = await get('/closed', { headers: { 'Last-Event-ID': 'last' } });
      expect((await again.head()).status).toBe(204);
      expect(await again.over()).toEqual({ how: 'complete', body: '' });
    });

    test('of a channel refuses other methods with a body that says why, and answers HEAD and preflights', async () => {
      const { exchange } = await get('/channel', {
        method: 'PUT',
        body: 'x',
        headers: { 'Content-Type': 'text/plain' },
      });
      const { status, headers } = await exchange.head();
      expect([status, headers.get('allow')]).toEqual([405, expect.stringContaining('GET')]);
      const { how, body } = await exchange.over();
      expect([how, body.length > 10]).toEqual(['complete', true]);
      const { exchange: head } = await get('/channel', { method: 'HEAD' });
      expect((await head.head()).headers.get('content-type')).toBe('text/event-stream');
      expect(await head.over()).toEqual({ how: 'complete', body: '' });
      const { exchange: preflight } = await get('/channel', {
        method: 'OPTIONS',
        headers: { Origin: ALLOWED_ORIGIN, 'Access-Control-Request-Method': 'GET' },
      });
      expect((await preflight.head()).headers.get('access-control-allow-origin')).toBe(ALLOWED_ORIGIN);
      expect((await preflight.over()).how).toBe('complete');
    });

    test('has left nothing unhandled', async () => {
      await running.facts.settled();
      expect(running.facts.all.filter((fact) => fact.startsWith('unhandled'))).toEqual([]);
    });
  });
}

/** Waits until a flood has come to a halt, and gives how many events it has made. */
async function halted(running: Running, key: string): Promise<number> {
  const count = async (): Promise<number> => {
    running.command(`made ${key}`);
    return Number((await running.facts.take(`made ${key} `)).split(' ')[2]);
  };
  for (let before = -1, same = 0; ;) {
    const now = await count();
    same = now === before && now > 0 ? same + 1 : 0;
    if (same > 300) return now;
    before = now;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
