import { Channel, type ChannelOptions, ServerError } from '@tidings/server';
import { MemoryLog } from '@tidings/server/log';
import { respond } from '@tidings/server/node';
import { describe, expect, test } from 'vitest';
import { dataOf, listen, requestHead, untilData, type RigListener } from './channel-rig.ts';
import { FakeClock } from './fake-clock.ts';
import { TestServer } from './test-server.ts';

const PAGE = 'https://page.example';

describe('a request', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH'])(
    'with the method %s is answered 405, with what is allowed',
    async (method) => {
      const channel = new Channel();
      await using server = await TestServer.listen((request, response) => void respond(channel, request, response));
      const response = await fetch(server.url, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
      expect(await response.text()).toBe('Only these methods are allowed here: GET, HEAD, OPTIONS\n');
      expect(channel.stats().refused.method).toBe(1);
    },
  );

  test('with HEAD is answered with the head of the stream, or of the refusal, and takes no place', async () => {
    const channel = new Channel({ maxListeners: 1, authenticate: ({ url }) => url === '/' });
    expect(await channel.answer(requestHead({ method: 'HEAD' }))).toEqual({
      status: 200,
      headers: {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache, no-transform',
        'X-Accel-Buffering': 'no',
      },
    });
    const refused = await channel.answer(requestHead({ method: 'HEAD', url: '/other' }));
    expect([refused.status, refused.body, refused.start]).toEqual([403, undefined, undefined]);
    await listen(channel);
    expect(await channel.answer(requestHead({ method: 'HEAD' }))).toMatchObject({ status: 503 });
  });

  test('with OPTIONS is answered with what is allowed', async () => {
    const channel = new Channel({ authenticate: () => false });
    const answer = await channel.answer(requestHead({ method: 'OPTIONS' }));
    expect(answer).toEqual({ status: 204, headers: { Allow: 'GET, HEAD, OPTIONS' } });
  });
});

describe('a listener that comes while the store of the log is out of reach', () => {
  /** A log that cannot say where a listener goes on. */
  class LogAway extends MemoryLog {
    override locate(): Promise<never> {
      return Promise.reject(new ServerError('ERR_STORE_AWAY', 'Cannot read: the store is away'));
    }
  }

  test('is told to come back, and is let in when it does', async () => {
    const log = new LogAway();
    const channel = new Channel({ log, compression: true, cors: { origins: [PAGE], credentials: false } });
    await using server = await TestServer.listen((request, response) => void respond(channel, request, response));
    const headers = { 'Last-Event-ID': 'earliest', 'Accept-Encoding': 'gzip', Origin: PAGE };
    const early = await fetch(server.url, { headers });
    expect([early.status, early.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(early.headers.get('access-control-allow-origin')).toBe(PAGE);
    expect(await early.text()).toMatch(/^retry: 1\d{3}\n\n$/);
    expect([channel.listeners, (await channel.answer(requestHead({ method: 'HEAD', headers }))).body]).toEqual([
      0,
      undefined,
    ]);

    log.locate = MemoryLog.prototype.locate as LogAway['locate'];
    await channel.publish({ data: '1' });
    const { sink } = await listen(channel, { headers: { 'last-event-id': 'earliest' } });
    await untilData(sink, '1');
  });

  test('is refused as before if something else fails', async () => {
    const log = new LogAway();
    log.locate = () => Promise.reject(new TypeError('defect'));
    await expect(
      new Channel({ log }).answer(requestHead({ headers: { 'last-event-id': 'earliest' } })),
    ).rejects.toThrow('defect');
  });
});

describe('a page of another origin', () => {
  const channel = new Channel({ cors: { origins: [PAGE], credentials: true }, authenticate: ({ url }) => url === '/' });
  const allowed = { 'Access-Control-Allow-Origin': PAGE, 'Access-Control-Allow-Credentials': 'true', Vary: 'Origin' };

  test('that may is told so with every answer, refusals included', async () => {
    for (const url of ['/', '/refused']) {
      const { headers, abandon } = await channel.answer(requestHead({ url, headers: { origin: PAGE } }));
      expect(headers).toMatchObject(allowed);
      abandon?.();
    }
  });

  test('that may not is answered without a word of it', async () => {
    const { headers, abandon } = await channel.answer(requestHead({ headers: { origin: 'https://other.example' } }));
    abandon?.();
    expect(headers).not.toHaveProperty('Access-Control-Allow-Origin');
    expect(headers).toHaveProperty('Vary', 'Origin');
  });

  test('has its preflight answered without authenticate', async () => {
    const headers = {
      origin: PAGE,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'last-event-id',
    };
    const answer = await channel.answer(requestHead({ method: 'OPTIONS', url: '/refused', headers }));
    expect(answer).toMatchObject({
      status: 204,
      headers: { ...allowed, 'Access-Control-Allow-Headers': 'last-event-id' },
    });
  });
});

describe('historyParameters', () => {
  test('lets a listener ask for events since a time, and for those of some types', async () => {
    const clock = new FakeClock(1_700_000_000_000);
    const channel = new Channel({ historyParameters: true, clock, log: new MemoryLog({ clock }) });
    await channel.publish({ data: '1', event: 'price' });
    clock.advance(60_000);
    await channel.publish({ data: '2' });
    await channel.publish({ data: '3', event: 'price' });
    const urls = [
      '/?since=10s',
      '/?since=10s&type=price',
      '/?type=price&lastEventId=earliest',
      '/?type=message&last=5',
    ];
    const sinks: RigListener['sink'][] = [];
    for (const url of urls) sinks.push((await listen(channel, { url })).sink);
    await channel.publish({ data: '4', event: 'odd' });
    await channel.publish({ data: '5' });
    await channel.publish({ data: '6', event: 'price' });
    await expect
      .poll(() => sinks.map(dataOf))
      .toEqual([
        ['2', '3', '4', '5', '6'],
        ['3', '6'],
        ['1', '3', '6'],
        ['2', '5'],
      ]);
    for (const [url, found] of [
      ['/?since=soon', 'The query parameter since is "soon"'],
      ['/?since=1h&last=1', 'The query has last and since'],
      ['/?type=', 'A query parameter type has no value'],
    ] as const) {
      const { status, body } = await channel.answer(requestHead({ url }));
      expect([status, body]).toEqual([400, expect.stringContaining(found)]);
    }
  });

  test('otherwise leaves parameters of these names to the program', async () => {
    const channel = new Channel();
    await channel.publish({ data: '1' });
    const { sink } = await listen(channel, { url: '/?type=odd&since=soon&lastEventId=earliest' });
    await untilData(sink, '1');
    expect(dataOf(sink)).toEqual(['1']);
  });

  test('does not give private events to who may not get them', async () => {
    const log = new MemoryLog();
    const channel = new Channel({ historyParameters: true, log, topic: 'a', authenticate: () => true });
    await log.append([{ topics: ['a'], fields: { data: 'secret', event: 'price' }, private: true }]);
    await log.append([{ topics: ['a'], fields: { data: 'known', event: 'price' } }]);
    const { sink } = await listen(channel, { url: '/?type=price&lastEventId=earliest' });
    await untilData(sink, 'known');
    expect(dataOf(sink)).toEqual(['known']);
  });
});

describe('where a listener goes on', () => {
  test('is in the query too, and the header wins', async () => {
    const channel = new Channel();
    const ids: string[] = [];
    for (const data of ['1', '2', '3', '4']) ids.push(await channel.publish({ data }));
    const header = { 'last-event-id': ids[2]! };
    const rows: [string, Record<string, string>, string[]][] = [
      [`/?lastEventId=${ids[1]}`, {}, ['3', '4']],
      [`/?x=1&last_event_id=${ids[0]}`, {}, ['2', '3', '4']],
      ['/?lastEventId=earliest', {}, ['1', '2', '3', '4']],
      [`http://test/?lastEventId=${ids[0]}`, header, ['4']],
    ];
    for (const [url, headers, expected] of rows) {
      const { sink } = await listen(channel, { url, headers });
      await untilData(sink, '4');
      expect(dataOf(sink)).toEqual(expected);
    }
  });

  test('is the last so many events where a page asks for those without an id', async () => {
    const channel = new Channel();
    const ids = await Promise.all(['1', '2', '3', '4'].map((data) => channel.publish({ data })));
    const last = await listen(channel, { url: '/?last=2' });
    await untilData(last.sink, '4');
    expect(dataOf(last.sink)).toEqual(['3', '4']);
    // The stream begins with its position, so that a break before the first event loses nothing.
    expect(last.sink.text).toMatch(new RegExp(`^event: tidings-heartbeat\nid: ${ids[1]}\n`));
    const both = await listen(channel, { url: `/?last=4&lastEventId=${ids[2]}` });
    await untilData(both.sink, '4');
    expect(dataOf(both.sink)).toEqual(['4']);
  });

  test.each([
    ['?last=two', 'The query parameter last is "two"; allowed is a whole number from 0 to 10000'],
    ['?last=-1', 'The query parameter last is "-1"; allowed is a whole number from 0 to 10000'],
    ['?last=10001', 'The query parameter last is "10001"; allowed is a whole number from 0 to 10000'],
    ['?last=1&last=2', 'The query parameter last is given 2 times; allowed is one'],
    ['?lastEventId=1&lastEventId=2', 'The query parameter lastEventId is given 2 times; allowed is one'],
    ['?heartbeat=yes', 'The query parameter heartbeat is "yes"; allowed are comment, event, auto'],
  ])('is refused where %s is malformed', async (query, message) => {
    const channel = new Channel();
    const { status, body, start } = await channel.answer(requestHead({ url: `/${query}` }));
    expect([status, body, start]).toEqual([400, `${message}\n`, undefined]);
    expect(channel.stats().refused.parameter).toBe(1);
  });

  test('is not looked for in parameters of other names, which are the page’s own', async () => {
    const channel = new Channel();
    const { status, abandon } = await channel.answer(requestHead({ url: '/?Last=x&token=1&token=2#?last=x' }));
    abandon?.();
    expect(status).toBe(200);
  });

  test('can be read of the channel: the newest event and the earliest', async () => {
    const channel = new Channel({ history: { maxEvents: 2 } });
    const head = channel.lastEventId;
    expect(head).toMatch(/^[a-z0-9]+\.0$/);
    expect(await channel.earliest()).toBeUndefined();
    const { sink } = await listen(channel, { headers: { 'last-event-id': head } });
    const first = await channel.publish({ data: '1' });
    await untilData(sink, '1');
    expect([channel.lastEventId, await channel.earliest()]).toEqual([first, first]);
    await channel.publish({ data: '2', id: 'two' });
    const third = await channel.publish({ data: '3' });
    expect([channel.lastEventId, await channel.earliest()]).toEqual([third, 'two']);
    await untilData(sink, '3');
    expect(dataOf(sink)).toEqual(['1', '2', '3']);
  });
});

describe('options', () => {
  const bad: [ChannelOptions | Record<string, unknown>, RegExp][] = [
    [{ history: { maxEvents: -1 } }, /option history\.maxEvents is -1, but must be an integer/],
    [{ history: true }, /option history is true, but must be an object of bounds or false/],
    [{ overflow: 'evict' }, /option overflow is only for channels with `history: false`/],
    [{ history: false, overflow: 'drop' }, /option overflow is "drop", but must be one of "evict", "drop-oldest"/],
    [{ authenticate: true }, /option authenticate is true, but must be a function/],
    [{ topic: '' }, /option topic cannot be used: The topic is empty/],
    [{ key: 'ip' }, /option key is "ip", but must be a function/],
    [{ onError: {} }, /option onError is an object, but must be a function/],
    [[] as object, /^The options are an array, but must be an object with any of history,/],
    [{ maxListeners: '5' }, /option maxListeners is "5", but must be an integer from 1/],
    [{ clock: 1 }, /option clock is 1, but must be a Clock/],
    [null as unknown as object, /^The options are null, but must be an object with any of history, log,/],
    [{ histroy: {} }, /no option "histroy"; allowed are history, log, topic, overflow/],
    [{ maxListeners: 0 }, /option maxListeners is 0, but must be an integer from 1/],
    [{ maxListenersPerKey: 1.5 }, /option maxListenersPerKey is 1.5/],
    [{ heartbeat: true }, /option heartbeat is true, but must be one of "comment", "event"/],
    [{ cors: { origins: '*', credentials: true } }, /option cors/],
    [{ headers: { 'Content-Type': 'text/html' } }, /Content-Type/],
  ];
  test.each(bad)('%o are refused at the door', (options, message) => {
    expect(() => new Channel(options as ChannelOptions)).toThrow(message);
  });

  test('a log beside a history is refused', () => {
    expect(() => new Channel({ log: new MemoryLog(), history: {} })).toThrow(/option history is given beside a log/);
  });

  test('a log that was passed in stays its giver’s', async () => {
    const log = new MemoryLog();
    const channel = new Channel({ log });
    await log.append([{ topics: ['channel'], fields: { data: 'still open' } }]);
    await expect(channel.drain(-1)).rejects.toThrow(/option windowMs is -1/);
  });
});
