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
  expect(() => new EventSource(URL, { fetch: 'x' as never })).toThrow('found string as fetch, expected a function');
  for (const init of [{ fetch: undefined }, { other: 1 }, null]) new EventSource('tidings:', init as never).close();
});

describe('a Last-Event-ID among the headers', () => {
  test.each(['Last-Event-ID', 'last-event-id', 'LAST-EVENT-ID'])('is refused: %s', (name) => {
    expect(refusalOf({ headers: { [name]: '7' } })).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: 'headers has to be without Last-Event-ID (lastEventId sets it), found "7"',
    });
    expect(refusalOf({ headers: [[name, '7']] })).toBeInstanceOf(InvalidOptionError);
  });

  test('is refused where a function returns it', async () => {
    const { events, server } = start({ headers: () => new Headers({ 'Last-Event-ID': '7' }) });
    expect(await failureOf(events.next())).toMatchObject({ code: 'ERR_REQUEST', willRetry: false });
    expect(server.requests).toHaveLength(0);
  });
});
