import { EventSource, InvalidOptionError, subscribe, type SubscribeOptions } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { failureOf, start, URL } from './subscription-harness.ts';

function refusalOf(options: object): unknown {
  try {
    subscribe(URL, options as SubscribeOptions).close();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('an option that is not known', () => {
  test.each([
    [{ header: {} }, 'there is no option header, did you mean headers?'],
    [{ lastEventID: '1' }, 'there is no option lastEventID, did you mean lastEventId?'],
    [{ maxAttempts: 1 }, 'there is no option maxAttempts, did you mean retry.maxAttempts?'],
    [{ retry: { maxAttempt: 1 } }, 'there is no option retry.maxAttempt, did you mean retry.maxAttempts?'],
    [{ idelTimeoutMs: 1 }, 'there is no option idelTimeoutMs, did you mean idleTimeoutMs?'],
    [{ retry: { fetch } }, 'there is no option retry.fetch, did you mean fetch?'],
    [{ toString: 1 }, 'there is no option toString'],
  ])('%o is refused, with the nearest name', (options, message) => {
    const error = refusalOf(options);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(message) });
  });

  test('is none where it is undefined', () => {
    expect(refusalOf({ header: undefined, retry: { maxAttempt: undefined } })).toBeUndefined();
  });
});

describe('an option of another kind', () => {
  const cases: [object, string][] = [
    [{ retry: 5 }, 'retry has to be an object, found 5'],
    [{ retry: [] }, 'retry has to be an object, found [object Array]'],
    [{ retry: 'x' }, 'retry has to be an object, found "x"'],
    [{ retry: () => 1 }, 'retry has to be an object, found [object Function]'],
    [{ schemas: [] }, 'schemas has to be an object, found [object Array]'],
    [{ schemas: 5 }, 'schemas has to be an object, found 5'],
    [{ signal: {} }, 'signal has to be an object with addEventListener, removeEventListener, found [object Object]'],
    [{ store: Object.create(null) }, 'store has to be an object with get, set, found [object Object]'],
    [{ clock: {} }, 'clock has to be an object with now, time, random, setTimeout, clearTimeout'],
    [{ network: true }, 'network has to be an object with isOnline, onOnline, found true'],
    [{ json: 'no' }, 'json has to be a boolean, found "no"'],
    [{ withCredentials: 'include' }, 'withCredentials has to be a boolean, found "include"'],
    [{ lastEventId: 5 }, 'lastEventId has to be a string of at most 8000 bytes without control characters, found 5'],
    [{ method: 5 }, 'method has to be an HTTP method, found 5'],
    [{ until: {} }, 'until has to be a function, found [object Object]'],
    [{ retry: { initialMs: 60_000 } }, 'retry.initialMs has to be at most 30000 (retry.maxMs), found 60000'],
    [{ retry: { initialMs: 3, maxMs: 2 } }, 'retry.initialMs has to be at most 2 (retry.maxMs), found 3'],
  ];
  test.each(cases)('is refused: %o', (options, message) => {
    const error = refusalOf(options);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as Error).message).toContain(message);
  });

  test.each([
    [null, 'null'],
    ['x', '"x"'],
    [[], '[object Array]'],
    [() => {}, '[object Function]'],
  ])('is refused where it stands for all of them: %o', (options, found) => {
    expect(refusalOf(options as object)).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: `options has to be an object, found ${found}`,
    });
  });

  test.each([undefined, null, 5])('is refused for good where a function returns the method %o', async (method) => {
    const { events, server } = start({ method: () => method as never });
    const error = await failureOf(events.next());
    expect(error).toMatchObject({ code: 'ERR_REQUEST', willRetry: false, cause: { code: 'ERR_INVALID_OPTION' } });
    expect(server.requests).toHaveLength(0);
  });
});

describe('an option that is given as undefined', () => {
  const names =
    'method headers body signal lastEventId store storeIntervalMs dedupe schemas json until withCredentials retry shared ' +
    'connectTimeoutMs firstByteTimeoutMs idleTimeoutMs maxQueuedEvents maxQueuedBytes maxEventBytes';
  const retryNames = 'initialMs maxMs maxRetryAfterMs maxAttempts retryStatus';
  const none = (some: string): object => Object.fromEntries(some.split(' ').map((name) => [name, undefined]));

  test('is one not given', async () => {
    const { server, events, next } = start({ ...none(names), retry: none(retryNames) });
    const request = await server.request(0);
    expect(request.init).toMatchObject({ method: 'GET', headers: { accept: 'text/event-stream' } });
    request.open();
    request.send('data: {\n\n');
    expect(await next()).toMatchObject({ data: '{' });
    await events.return?.();
  });

  test('leaves a POST one that is sent once', async () => {
    const { server, events } = start({ method: 'POST', retry: { maxAttempts: undefined as never } });
    (await server.request(0)).fail(new Error('broken'));
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_NETWORK', willRetry: false });
  });

  test.each(['fetch', 'clock', 'network', 'onState'])('leaves %s its default', (name) => {
    expect(refusalOf({ [name]: undefined })).toBeUndefined();
  });
});

test('the fetch of an EventSource has to be a function, and other members of its init are ignored', () => {
  expect(() => new EventSource(URL, { fetch: 'x' as never })).toThrow('fetch: found string, expected function');
  for (const init of [{ fetch: undefined }, { other: 1 }, null]) new EventSource('tidings:', init as never).close();
});

describe('headers', () => {
  test.each([
    [{ accept: 'a', 'a b': 'c' }, 'an invalid "a b"'],
    [{ authorization: 'sec\nret' }, 'an invalid "authorization"'],
    [
      [
        ['x-a', 'é'],
        ['x-b', '\u0100'],
      ],
      'an invalid "x-b"',
    ],
    [[['x-a']], 'an invalid "x-a"'],
    [5, '[object Number]'],
    ['a: b', '[object String]'],
  ])('that are not valid are refused, with the name of the first: %o', (headers, found) => {
    const error = refusalOf({ headers });
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as Error).message).toBe(`headers has to be valid HTTP headers, found ${found}`);
    expect((error as Error).cause).toBeInstanceOf(TypeError);
  });

  test.each([{ a: '1' }, [['a', '1']], new Map([['a', '1']]), new Headers({ a: '1' })])(
    'may be %o',
    async (headers) => {
      const { server } = start({ headers: headers as Record<string, string> });
      expect((await server.request(0)).init.headers).toMatchObject({ a: '1' });
    },
  );
});

test('a body with a method that takes none is refused', () => {
  expect(refusalOf({ body: 'x' })).toMatchObject({
    message: 'method has to be one with a body if body is set, found "GET"',
  });
});

test('a refusal without a type is told as one', async () => {
  const { server, events } = start();
  (await server.request(0)).respond({ status: 404, headers: new Headers() });
  expect(await failureOf(events.next())).toMatchObject({
    message: `could not listen to ${URL}: found 404 no type, expected 200 text/event-stream`,
  });
});

describe('a Last-Event-ID among the headers', () => {
  test.each(['Last-Event-ID', 'last-event-id', 'LAST-EVENT-ID'])('is refused: %s', (name) => {
    expect(refusalOf({ headers: { [name]: '7' } })).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: 'headers has to be without last-event-id, see lastEventId, found "7"',
    });
    expect(refusalOf({ headers: [[name, '7']] })).toBeInstanceOf(InvalidOptionError);
  });

  test('is refused where a function returns it', async () => {
    const { events, server } = start({ headers: () => new Headers({ 'Last-Event-ID': '7' }) });
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_REQUEST', willRetry: false });
    expect(server.requests).toHaveLength(0);
  });
});
