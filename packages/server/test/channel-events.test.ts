import { Channel, type EventsOptions, type Gap, isGap, type ItemIterator, type PublishedEvent } from '@tidings/server';
import { MemoryLog } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listen, untilData } from './channel-rig.ts';
import { FakeClock } from './fake-clock.ts';

const NOT_YET = 'not yet';
const DONE = { done: true, value: undefined };

function channelOf(options: ConstructorParameters<typeof Channel>[0] = {}): Channel {
  const channel = new Channel({ keepAliveMs: 0, ...options });
  onTestFinished(() => channel.drain(0));
  return channel;
}

async function take(events: ItemIterator<PublishedEvent | Gap>, count: number): Promise<(PublishedEvent | Gap)[]> {
  const taken: (PublishedEvent | Gap)[] = [];
  while (taken.length < count) {
    const { done, value } = await events.next();
    if (done === true) throw new Error(`It ended after ${taken.length}`);
    taken.push(value);
  }
  return taken;
}

/** The data of all events up to the end. */
async function rest(events: ItemIterator<PublishedEvent | Gap>): Promise<string[]> {
  const all: string[] = [];
  for await (const event of events) all.push(isGap(event) ? `gap ${event.reason}` : event.data);
  return all;
}

async function pendingNow<T>(promise: Promise<T>): Promise<T | typeof NOT_YET> {
  return Promise.race([promise, new Promise<typeof NOT_YET>((resolve) => setTimeout(() => resolve(NOT_YET), 0))]);
}

describe('channel.events()', () => {
  test('gives history and then live, with id, topic, type, data and time', async () => {
    const clock = new FakeClock(1_700_000_000_000);
    const channel = channelOf({ log: new MemoryLog({ epoch: 'e', clock }), topic: 'prices', clock });
    await channel.publish({ data: '1', event: 'price' });
    const events = channel.events({ lastEventId: 'earliest' });
    const [first] = await take(events, 1);
    const time = 1_700_000_000_000;
    expect(first).toEqual({ id: 'e.1', topic: 'prices', type: 'price', data: '1', time });
    const next = events.next();
    expect(await pendingNow(next)).toBe(NOT_YET);
    await channel.publish({ data: '2', id: 'own' });
    expect((await next).value).toEqual({ id: 'own', topic: 'prices', type: 'message', data: '2', time });
    await channel.publish({ data: '3' });
    expect((await take(channel.events({ lastEventId: 'own' }), 1))[0]).toMatchObject({ id: 'e.3', data: '3' });
    expect((await take(channel.events({ last: 2 }), 2)).map(({ id }) => id)).toEqual(['own', 'e.3']);
  });

  test.each([{ lastEventId: 'e.1' }, { lastEventId: 'earliest' }, { last: 1 }])(
    'ends if its topic is deleted behind its place, and before it has read anything: %o',
    async (options) => {
      const log = new MemoryLog({ epoch: 'e' });
      const channel = channelOf({ log, topic: 'prices' });
      await channel.publish({ data: '1' });
      await channel.publish({ data: '2' });
      const { locate, locateLast } = log;
      // The topic is deleted when the place is known, but not told yet.
      log.locate = async (...asked) => {
        const place = await locate.apply(log, asked);
        await log.topics.delete('prices');
        return place;
      };
      log.locateLast = async (...asked) => {
        const place = await locateLast.apply(log, asked);
        await log.topics.delete('prices');
        return place;
      };
      expect(await rest(channel.events(options))).toEqual(['gap deleted']);
    },
  );

  test('begins at a time, and gives only some types', async () => {
    const clock = new FakeClock(1_700_000_000_000);
    const channel = channelOf({ log: new MemoryLog({ epoch: 'e', clock }), clock });
    for (const data of ['1', '2', '3']) {
      await channel.publish({ data, event: data === '2' ? 'even' : 'odd' });
      clock.advance(60_000);
    }
    await channel.publish({ data: '4' });
    const at = new Date(1_700_000_060_000);
    for (const since of [at, at.toISOString(), '2m']) {
      expect((await take(channel.events({ since }), 3)).map(({ data }) => data)).toEqual(['2', '3', '4']);
    }
    const some = channel.events({ since: '1h', types: ['odd', 'message'] });
    expect((await take(some, 3)).map(({ data }) => data)).toEqual(['1', '3', '4']);
    const [odd] = await take(channel.events({ lastEventId: 'e.1', since: at, types: ['odd'] }), 1);
    expect(odd).toMatchObject({ data: '3' });
    const live = channel.events({ types: ['odd'] });
    await channel.publish({ data: '5' });
    await channel.publish({ data: '6', event: 'odd' });
    expect((await take(live, 1))[0]).toMatchObject({ data: '6' });
  });

  test('tells a gap whatever types are selected, and ends with its topic though the final event is of another type', async () => {
    const log = new MemoryLog({ epoch: 'e', retention: { maxEvents: 2 } });
    const channel = channelOf({ log, topic: 'prices' });
    for (const event of ['odd', 'odd', 'odd', 'even']) await channel.publish({ data: event, event });
    const events = channel.events({ lastEventId: 'e.1', types: ['odd'] });
    await log.append([{ topics: ['prices'], fields: { data: 'bye' }, final: true }]);
    expect(await rest(events)).toEqual(['gap trimmed']);
  });

  test.each([
    [{ since: 'soon' }, 'The option since is soon, but must be a Date that exists'],
    [{ since: new Date(Number.NaN) }, 'The option since is'],
    [{ since: 5 }, 'The option since is 5, but must be a Date'],
    [{ since: '1h', last: 2 }, 'The options have last and since, but an iteration begins at one place'],
    [{ types: 'odd' }, "The option types is odd, but must be an array of 1 to 100 types, such as ['paid']"],
    [{ types: [] }, 'The option types has 0 types; allowed are 1 to 100'],
    [{ types: [''] }, 'A type of the option types is empty, but must be a text'],
  ])('refuses %o', (options, text) => {
    expect(() => channelOf().events(options as EventsOptions)).toThrow(text);
  });

  test('gives the key of an event, and whether that is forgotten', async () => {
    const log = new MemoryLog();
    const channel = channelOf({ log, topic: 'prices' });
    const events = channel.events();
    await channel.publish({ data: '1' }, { key: 'gold' });
    await log.append([{ topics: ['prices'], fields: { data: '' }, latestKey: 'gold', forget: true }]);
    await channel.publish({ data: '2' });
    const shown = await take(events, 3);
    const item = {
      id: expect.any(String) as string,
      topic: 'prices',
      type: 'message',
      time: expect.any(Number) as number,
    };
    expect(shown).toEqual([
      { ...item, data: '1', key: 'gold' },
      { ...item, data: '', key: 'gold', forget: true },
      { ...item, data: '2' },
    ]);
    for (const [at, names] of [['key'], ['key', 'forget'], []].entries()) {
      const given = ['key', 'forget'].filter((name) => Object.hasOwn(shown[at]!, name));
      expect(given).toEqual(names);
    }
  });

  test('gives what is published between the call and the first next()', async () => {
    const channel = channelOf();
    const events = channel.events();
    await channel.publish({ data: '1' });
    expect((await take(events, 1))[0]).toMatchObject({ data: '1' });
  });

  test.each([{ last: 0 }, { last: 1 }, { since: '1h' }, { lastEventId: 'earliest' }])(
    'gives what is published between the call and the first next(), or tells that it is gone: %o',
    async (options) => {
      const channel = channelOf({ log: new MemoryLog({ retention: { maxEvents: 2 } }) });
      await channel.publish({ data: 'before' });
      const [taken, late] = [channel.events(options), channel.events(options)];
      await channel.publish({ data: '1' });
      const all = options.last === 0 ? ['1'] : ['before', '1'];
      expect((await take(taken, all.length)).map(({ data }) => data)).toEqual(all);
      for (const data of ['2', '3', '4']) await channel.publish({ data });
      await channel.close();
      expect(await rest(late)).toEqual(['gap trimmed', '3', '4']);
    },
  );

  test('tells who began at the end and is behind when the channel is drained', async () => {
    const channel = channelOf();
    const events = channel.events({ last: 0 });
    await channel.publish({ data: '1' });
    const drained = channel.drain(0);
    await expect(rest(events)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await drained;
  });

  test('tells of a gap as subscribe() of the client does', async () => {
    const channel = channelOf({ log: new MemoryLog({ epoch: 'e', retention: { maxEvents: 1 } }) });
    for (const data of ['1', '2', '3']) await channel.publish({ data });
    const [gap, event] = await take(channel.events({ lastEventId: 'e.1' }), 2);
    const members = { after: 'e.1', resumedAt: 'e.2', reason: 'trimmed' };
    expect(gap).toEqual({ type: 'tidings-gap', id: 'e.2', data: JSON.stringify(members), ...members });
    expect([isGap(gap!), isGap(event!)]).toEqual([true, false]);
    expect(event).toMatchObject({ id: 'e.3', data: '3' });
    const [unknown] = await take(channel.events({ lastEventId: 'elsewhere.7' }), 1);
    expect(unknown).toMatchObject({ after: 'elsewhere.7', reason: 'foreign' });
  });

  test('gives a gap that was published as one', async () => {
    const log = new MemoryLog({ epoch: 'e' });
    const channel = channelOf({ log });
    const members = { after: 'x.1', resumedAt: 'x.9', reason: 'trimmed' };
    await log.append([{ topics: ['channel'], fields: { event: 'tidings-gap', data: JSON.stringify(members) } }]);
    await log.append([{ topics: ['channel'], fields: { data: JSON.stringify(members) } }]);
    const [gap, other] = await take(channel.events({ lastEventId: 'earliest' }), 2);
    expect(gap).toMatchObject({ id: 'e.1', topic: 'channel', ...members });
    expect([isGap(gap!), isGap(other!)]).toEqual([true, false]);
  });

  test('gives everything as it is published, in a channel without a history, too', async () => {
    const channel = channelOf({ history: false });
    const events = channel.events();
    for (let n = 1; n <= 100; n += 1) await channel.publish({ data: String(n) });
    await channel.close();
    expect(await rest(events)).toEqual(Array.from({ length: 100 }, (_, n) => String(n + 1)));
  });

  test('ends after the last event of a channel that is closed, also if it begins later', async () => {
    const channel = channelOf();
    const [before, waiting] = [channel.events({ lastEventId: 'earliest' }), channel.events()];
    await channel.publish({ data: '1' });
    await channel.close({ data: 'last' });
    expect(await rest(before)).toEqual(['1', 'last']);
    expect(await rest(waiting)).toEqual(['1', 'last']);
    expect(await rest(channel.events({ lastEventId: 'earliest' }))).toEqual(['1', 'last']);
    expect(await rest(channel.events())).toEqual([]);
    expect(await rest(channel.events({ lastEventId: channel.lastEventId }))).toEqual([]);
  });

  test('ends when the channel is drained, with an error if it has not got everything', async () => {
    const log = new MemoryLog({ epoch: 'e' });
    const channel = channelOf({ log });
    const [live, waiting] = [channel.events(), channel.events()];
    const next = (await pendingNow(waiting.next())) === NOT_YET && waiting.next();
    const slow = channel.events();
    const data = 'x'.repeat(60_000);
    await channel.publish({ data: '1' });
    expect(await take(live, 1)).toHaveLength(1);
    await channel.publish({ data });
    await channel.publish({ data });
    const late = channel.events({ lastEventId: 'earliest' });
    await channel.drain(0);
    expect(await next).toMatchObject({ done: false });
    expect(await take(live, 1)).toHaveLength(1);
    await take(slow, 2);
    await expect(slow.next()).rejects.toMatchObject({
      code: 'ERR_CLOSED',
      message: 'The channel was closed before all of its events had been taken; go on after "e.2"',
    });
    expect(await slow.next()).toEqual(DONE);
    await expect(late.next()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => channel.events()).toThrow('Cannot listen: the channel has been closed or drained');
  });

  test('ends with its signal and with return(), and throws nothing', async () => {
    const channel = channelOf();
    const stop = new AbortController();
    const [one, two] = [channel.events({ signal: stop.signal }), channel.events()];
    const waiting = [one.next(), two.next()];
    stop.abort();
    expect(await two.return()).toEqual(DONE);
    expect(await Promise.all(waiting)).toEqual([DONE, DONE]);
    await channel.publish({ data: 'x' });
    expect(await one.next()).toEqual(DONE);
    {
      await using disposed = channel.events();
      expect(disposed[Symbol.asyncIterator]()).toBe(disposed);
    }
  });

  test('is not counted as a listener, and delays none', async () => {
    const channel = channelOf({ maxListeners: 1 });
    const events = channel.events();
    const { sink } = await listen(channel);
    expect(channel.listeners).toBe(1);
    for (let n = 0; n < 10; n += 1) await channel.publish({ data: String(n) });
    await channel.close();
    expect(await rest(events)).toHaveLength(10);
    await untilData(sink, '9');
  });

  test('refuses options that it does not know', () => {
    const channel = channelOf();
    const message = (options: object): string => {
      try {
        void channel.events(options).return();
      } catch (error) {
        return (error as Error).message;
      }
      return 'no error';
    };
    expect(message({ lastEventID: 'x' })).toBe(
      'There is no option "lastEventID"; allowed are lastEventId, last, since, types, rights, signal; did you mean lastEventId?',
    );
    expect(message({ lastEventId: 7 })).toBe('The option lastEventId is 7, but must be a string');
    expect(message({ last: -1 })).toBe('The option last is -1, but must be an integer from 0');
    expect(message({ signal: {} })).toBe('The option signal is of the type object, but must be an AbortSignal');
    expect(message({ rights: 'all' })).toMatch('Cannot use the result of authenticate');
  });
});

describe('rights of channel.events()', () => {
  const open = async (): Promise<{ channel: Channel; clock: FakeClock }> => {
    const clock = new FakeClock(1_700_000_000_000);
    const log = new MemoryLog({ epoch: 'e', clock });
    const channel = channelOf({ log, topic: 'a', clock });
    await log.append([
      { topics: ['a'], fields: { data: 'public' } },
      { topics: ['a'], fields: { data: 'private' }, private: true },
    ]);
    return { channel, clock };
  };

  test('give private events where they say so; the program itself gets all', async () => {
    const { channel } = await open();
    const seen = async (options: EventsOptions): Promise<string[]> => {
      const events = channel.events({ lastEventId: 'earliest', ...options });
      const [first] = await take(events, 1);
      const second = await pendingNow(events.next());
      await events.return();
      return [first!.data, second === NOT_YET ? NOT_YET : second.value!.data];
    };
    expect(await seen({})).toEqual(['public', 'private']);
    expect(await seen({ rights: true })).toEqual(['public', NOT_YET]);
    expect(await seen({ rights: { allow: true, private: ['b'] } })).toEqual(['public', NOT_YET]);
    expect(await seen({ rights: { allow: true, private: ['a'] } })).toEqual(['public', 'private']);
    const filter = ({ data }: { data: string }): boolean => data === 'private';
    const filtered = channel.events({ lastEventId: 'earliest', rights: { allow: true, private: 'all', filter } });
    expect((await take(filtered, 1))[0]).toMatchObject({ data: 'private' });
  });

  test('refuse what they do not cover', async () => {
    const { channel } = await open();
    const refusals = [{ rights: false }, { rights: { allow: true, listen: ['b'] } }] as const;
    expect(
      refusals.map((options) => {
        try {
          return channel.events(options);
        } catch (error) {
          const { code, message } = error as { code: string; message: string };
          return `${code} ${message}`;
        }
      }),
    ).toEqual([
      'ERR_FORBIDDEN Cannot listen: the rights are a refusal, or have expired',
      'ERR_FORBIDDEN Cannot listen: the rights do not cover the topic "a"',
    ]);
  });

  test('end it with an error when they expire', async () => {
    const { channel, clock } = await open();
    const events = channel.events({ rights: { allow: true, expiresAt: clock.time() + 1000 } });
    const next = events.next();
    clock.advance(999);
    expect(await pendingNow(next)).toBe(NOT_YET);
    clock.advance(2);
    await expect(next).rejects.toMatchObject({
      code: 'ERR_FORBIDDEN',
      message: 'Cannot go on listening: the rights have expired',
    });
    expect(await events.next()).toEqual(DONE);
  });

  test('end it with the error of their filter', async () => {
    const { channel } = await open();
    const filter = (): boolean => {
      throw new Error('a filter that fails');
    };
    const events = channel.events({ lastEventId: 'earliest', rights: { allow: true, filter } });
    await expect(events.next()).rejects.toThrow('a filter that fails');
    expect(await events.next()).toEqual(DONE);
  });
});
