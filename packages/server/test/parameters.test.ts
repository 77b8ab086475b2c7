import {
  checkParameters,
  historyParameters,
  LISTEN_PARAMETERS,
  listenParameters,
  queryOf,
  type ListenParameters,
} from '@tidings/server/live';
import { describe, expect, test } from 'vitest';
import { requestHead } from './channel-rig.ts';

const NONE: ListenParameters = { lastEventId: '', last: undefined, heartbeat: undefined };

describe('what a listener asks for', () => {
  test.each<[string, Partial<ListenParameters>]>([
    ['/', {}],
    ['/?', {}],
    ['/?lastEventId=a', { lastEventId: 'a' }],
    ['/?last_event_id=a', { lastEventId: 'a' }],
    ['/?lastEventID=a', { lastEventId: 'a' }],
    ['/?Last-Event-ID=a', { lastEventId: 'a' }],
    ['/?last_event_id=a&lastEventId=b', { lastEventId: 'b' }],
    ['/?last_event_id=a&Last-Event-ID=b', { lastEventId: 'b' }],
    ['/?lastEventId=a%2Fb+c', { lastEventId: 'a/b c' }],
    ['/?lastEventId=', {}],
    ['/?lastEventId=&lastEventID=a', { lastEventId: 'a' }],
    ['/?last=0', { last: 0 }],
    ['/?last=10000', { last: 10_000 }],
    ['/?heartbeat=event', { heartbeat: 'event' }],
    ['/?heartbeat=comment', { heartbeat: 'comment' }],
    ['https://hub.example/a?x=1&last=5&lastEventId=z', { last: 5, lastEventId: 'z' }],
    ['/?last=5#?last=6', { last: 5 }],
    ['/#?last=6', {}],
  ])('in the URL %s is read', (url, expected) => {
    expect(listenParameters(requestHead({ url }))).toEqual({ ...NONE, ...expected });
  });

  test('has the id of the header first, unless that is empty', () => {
    const url = '/?lastEventId=query';
    const of = (id: string): string =>
      listenParameters(requestHead({ url, headers: { 'last-event-id': id } })).lastEventId;
    expect([of('header'), of('')]).toEqual(['header', 'query']);
  });

  test.each([
    ['/?last=1.5', /last is "1\.5"; allowed is a whole number from 0 to 10000$/],
    ['/?last=', /last is ""; allowed is a whole number/],
    ['/?last=99999999999999999999', /allowed is a whole number/],
    ['/?heartbeat=', /heartbeat is ""; allowed are comment, event, auto$/],
    ['/?heartbeat=event&heartbeat=event', /heartbeat is given 2 times; allowed is one$/],
  ])('in the URL %s is malformed', (url, message) => {
    const refused = expect.objectContaining({
      code: 'ERR_INVALID_PARAMETER',
      message: expect.stringMatching(message) as string,
    });
    expect(() => listenParameters(requestHead({ url }))).toThrow(refused as Error);
  });

  test('may be all that is allowed, where a misspelled name is to be noticed', () => {
    checkParameters(queryOf('/?last=1&heartbeat=event&lastEventId=a&last_event_id=b'), LISTEN_PARAMETERS);
    expect(() => checkParameters(queryOf('/?lasteventid=1'), LISTEN_PARAMETERS)).toThrow(
      'There is no query parameter "lasteventid"; allowed are lastEventId, lastEventID, Last-Event-ID, last_event_id, evs_last_event_id, last, heartbeat',
    );
  });
});

describe('what a listener to a hub asks for, too', () => {
  test.each<[string, ReturnType<typeof historyParameters>]>([
    ['/', {}],
    ['/?since=2026-11-28T10:00:00Z', { since: { at: Date.UTC(2026, 10, 28, 10) } }],
    ['/?since=2026-11-28', { since: { at: Date.UTC(2026, 10, 28) } }],
    ['/?since=2026-11-28T10:00:00.250+01:00', { since: { at: Date.UTC(2026, 10, 28, 9, 0, 0, 250) } }],
    ['/?since=2026-11-28T10:00%2B01:00', { since: { at: Date.UTC(2026, 10, 28, 9) } }],
    ['/?since=10m', { since: { ago: 600_000 } }],
    ['/?since=250ms', { since: { ago: 250 } }],
    ['/?since=2w', { since: { ago: 1_209_600_000 } }],
    ['/?type=b&type=a&type=b', { types: ['a', 'b', 'tidings-gap'] }],
  ])('in the URL %s is read', (url, expected) => {
    expect(historyParameters(queryOf(url))).toEqual(expected);
  });

  test.each<[string, RegExp]>([
    [
      '/?since=',
      /since is ""; allowed is a time that exists, such as 2026-11-28T10:00:00Z, or a date such as 2026-11-28, or a number with a unit \(ms, s, m, h, d, w\), such as 30s$/,
    ],
    ['/?since=10', /since is "10"; allowed/],
    ['/?since=2026-11-28T10:00:00', /allowed is a time that/],
    ['/?since=2026-13-28', /allowed is a time that/],
    ['/?since=2026-02-30', /allowed is a time that/],
    ['/?since=2026-02-30T10:00:00Z', /allowed is a time that/],
    ['/?since=1h&last=5', /The query has last and since; allowed is one of them$/],
    ['/?type=', /A query parameter type has no value; allowed is 1 to 1024 bytes/],
    [`/?type=${'x'.repeat(1025)}`, /A query parameter type has 1025 characters; allowed is 1 to 1024 bytes/],
    [`/?${Array.from({ length: 101 }, (_, n) => `type=${n}`).join('&')}`, /101 types; allowed is at most 100$/],
  ])('in the URL %s is malformed', (url, message) => {
    expect(() => historyParameters(queryOf(url))).toThrow(message);
  });
});
