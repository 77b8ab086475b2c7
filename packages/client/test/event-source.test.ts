// oxlint-disable unicorn/prefer-add-event-listener -- the attributes are tested here too
import { ConnectionError, EventSource, type EventSourceErrorEvent } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { ScriptedFetch, settle } from './scripted-fetch.ts';

const URL_TEXT = 'http://tidings.test/stream';

function start() {
  const server = new ScriptedFetch();
  const source = new EventSource(URL_TEXT, { fetch: server.fetch });
  return { server, source };
}

describe('the constructor', () => {
  const parsed = [
    ['http://tidings.test', 'http://tidings.test/'],
    ['HTTP://Tidings.Test:80/a b?c#d', 'http://tidings.test/a%20b?c#d'],
    [new URL('http://tidings.test/x'), 'http://tidings.test/x'],
    [{ toString: () => 'http://tidings.test/y' }, 'http://tidings.test/y'],
  ] as const;
  test.each(parsed)('stringifies and parses %s', (url, serialized) => {
    const source = new EventSource(url as string, { fetch: new ScriptedFetch().fetch });
    expect(source.url).toBe(serialized);
    source.close();
  });

  test.each(['/relative', 'http://', '', undefined, null, {}])('refuses %s as a URL with a SyntaxError', (url) => {
    const construct = (): EventSource => new EventSource(url as string);
    expect(construct).toThrow(DOMException);
    expect(construct).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
  });

  test('throws what stringifying throws', () => {
    const mine = new TypeError('mine');
    const url = {
      toString: () => {
        throw mine;
      },
    };
    expect(() => new EventSource(url as unknown as string)).toThrow(mine);
    expect(() => new EventSource(Symbol('url') as unknown as string)).toThrow(TypeError);
  });

  test('needs new and a URL', () => {
    expect(() => (EventSource as unknown as (url: string) => void)(URL_TEXT)).toThrow(TypeError);
    expect(() => new (EventSource as unknown as new () => void)()).toThrow(TypeError);
    expect(EventSource).toHaveLength(1);
  });

  test.each(['x', '', 5, false, true, Symbol('init'), 1n])('refuses %o as its init', (init) => {
    expect(() => new EventSource(URL_TEXT, init as never)).toThrow(TypeError);
    // An argument is converted before the first is parsed.
    expect(() => new EventSource('http://', init as never)).toThrow(TypeError);
  });

  test.each([undefined, null, {}, () => {}, []])('takes %o as its init', (init) => {
    const source = new EventSource('tidings:', init as never);
    expect(source.withCredentials).toBe(false);
    source.close();
  });

  test.each([
    [undefined, false, 'same-origin'],
    [{}, false, 'same-origin'],
    [{ withCredentials: false }, false, 'same-origin'],
    [{ withCredentials: true }, true, 'include'],
    [{ withCredentials: 1 as unknown as boolean }, true, 'include'],
  ] as const)('takes %j', async (init, withCredentials, credentials) => {
    const server = new ScriptedFetch();
    const source = new EventSource(URL_TEXT, { ...init, fetch: server.fetch });
    expect(source.withCredentials).toBe(withCredentials);
    expect((await server.request(0)).init).toMatchObject({ credentials, cache: 'no-store' });
    source.close();
  });
});

describe('the interface', () => {
  test('has its constants on the class and on instances', () => {
    const { source } = start();
    for (const holder of [EventSource, source]) {
      expect([holder.CONNECTING, holder.OPEN, holder.CLOSED]).toEqual([0, 1, 2]);
    }
    expect(() => Object.assign(EventSource, { OPEN: 7 })).toThrow(TypeError);
    expect(Object.prototype.toString.call(source)).toBe('[object EventSource]');
    expect(source).toBeInstanceOf(EventTarget);
    source.close();
  });

  test('its members are enumerable and its attributes read-only', () => {
    const { source } = start();
    const names: string[] = [];
    for (const name in source) if (!(name in EventTarget.prototype)) names.push(name);
    expect(names.toSorted().join(' ')).toBe(
      'CLOSED CONNECTING OPEN close onerror onmessage onopen readyState url withCredentials',
    );
    expect(() => Object.assign(source, { readyState: 1 })).toThrow(TypeError);
    expect(() => Object.assign(source, { url: '' })).toThrow(TypeError);
    source.close();
  });

  test('readyState goes from CONNECTING over OPEN to CLOSED', async () => {
    const { server, source } = start();
    expect(source.readyState).toBe(EventSource.CONNECTING);
    (await server.request(0)).open();
    await settle();
    expect(source.readyState).toBe(EventSource.OPEN);
    source.close();
    expect(source.readyState).toBe(EventSource.CLOSED);
  });

  test('close() before the first request makes none', async () => {
    const { server, source } = start();
    source.close();
    await settle();
    expect(server.requests).toHaveLength(0);
  });
});

describe('the events', () => {
  test('are real ones', async () => {
    const { server, source } = start();
    const events: Event[] = [];
    for (const type of ['open', 'message', 'error', 'x']) source.addEventListener(type, (event) => events.push(event));
    const request = await server.request(0);
    request.open();
    request.send('id: 1\ndata: a\n\nevent: x\ndata: b\n\n');
    request.end();
    await settle();
    expect(events.map((event) => [event.type, event instanceof MessageEvent])).toEqual([
      ['open', false],
      ['message', true],
      ['x', true],
      ['error', false],
    ]);
    expect(events[1]).toMatchObject({ data: 'a', lastEventId: '1', origin: 'http://tidings.test', bubbles: false });
    expect(events.every(({ target, cancelable }) => target === source && !cancelable)).toBe(true);
    source.close();
  });

  test('an error event tells what happened', async () => {
    const { server, source } = start();
    const errors: EventSourceErrorEvent[] = [];
    source.onerror = (event) => errors.push(event);
    (await server.request(0)).respond({ status: 418 });
    await settle();
    expect(errors).toMatchObject([
      { code: 'ERR_STATUS', status: 418, message: expect.stringContaining('418'), cause: expect.any(ConnectionError) },
    ]);
  });

  test('an error event has the URL, without credentials, where its scheme is not allowed', async () => {
    const source = new EventSource('ftp://me:secret@tidings.test/x');
    const url = 'ftp://tidings.test/x';
    const error = await new Promise<EventSourceErrorEvent>((resolve) => {
      source.onerror = resolve;
    });
    expect(error).toMatchObject({ code: 'ERR_URL_SCHEME', url, cause: { url } });
    expect(error.message).toBe(`could not listen to ${url}: expected http: or https:`);
  });

  test('a fetch that someone else aborts fails the connection', async () => {
    const { server, source } = start();
    const states: number[] = [];
    source.onerror = () => states.push(source.readyState);
    (await server.request(0)).fail(new DOMException('stopped', 'AbortError'));
    await settle();
    expect(states).toEqual([2]);
  });

  test('close() while the response is awaited is followed by no error event', async () => {
    const { server, source } = start();
    const events: string[] = [];
    source.addEventListener('open', ({ type }) => events.push(type));
    source.addEventListener('error', ({ type }) => events.push(type));
    const request = await server.request(0);
    source.close();
    expect(request.init.signal.aborted).toBe(true);
    await settle();
    expect(events).toEqual([]);
  });
});

describe('a handler attribute', () => {
  test.each(['onopen', 'onmessage', 'onerror'] as const)('%s is null until it is set to an object', (name) => {
    const { source } = start();
    expect(source[name]).toBeNull();
    const handler = (): void => {};
    const object = {} as never;
    for (const [value, kept] of [
      [handler, handler],
      [undefined, null],
      [object, object],
      ['text', null],
      [handler, handler],
      [null, null],
      [1, null],
    ]) {
      source[name] = value as typeof handler;
      expect(source[name]).toBe(kept);
    }
    source.close();
  });

  test('keeps its place among the listeners when it is replaced, and is called with the source as this', async () => {
    const { server, source } = start();
    const calls: unknown[] = [];
    source.onmessage = () => calls.push('first');
    source.addEventListener('message', () => calls.push('listener'));
    source.onmessage = function (this: unknown) {
      calls.push(this);
    };
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    await settle();
    expect(calls).toEqual([source, 'listener']);

    source.onmessage = null;
    source.onmessage = () => calls.push('anew');
    request.send('data: b\n\n');
    await settle();
    expect(calls.slice(2)).toEqual(['listener', 'anew']);
    source.close();
  });

  test('an object that cannot be called is not called', async () => {
    const { server, source } = start();
    const calls: string[] = [];
    source.onmessage = { handleEvent: () => calls.push('handleEvent') } as never;
    source.addEventListener('message', { handleEvent: () => void calls.push('listener') });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\n');
    await settle();
    expect(calls).toEqual(['listener']);
    source.close();
  });
});
