import { Channel, eventStream, type ChannelOptions, type PublishOptions } from '@tidings/server';
import { Audience, FanOut } from '@tidings/server/live';
import { MemoryLog, type AppendOptions, type NewEvent } from '@tidings/server/log';
import { createServer, respond } from '@tidings/server/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { requestHead } from './channel-rig.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('what a channel refuses', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => void process.off('unhandledRejection', note));

  function rig(): { readonly channel: Channel; readonly errors: string[] } {
    const errors: string[] = [];
    const channel = new Channel({ onError: (error) => errors.push((error as { code: string }).code) });
    return { channel, errors };
  }

  test('is given to onError if nobody waits for it', async () => {
    const { channel, errors } = rig();
    void channel.publish({ event: 'tidings-gap', data: '' });
    void channel.publish({ data: '1' }, { kee: 'a' } as PublishOptions);
    await channel.drain(0);
    void channel.publish({ data: '2' });
    void channel.close({ data: '3' });
    void channel.drain(-1);
    await turn();
    expect(errors.toSorted()).toEqual([
      'ERR_CLOSED',
      'ERR_CLOSED',
      'ERR_INVALID_EVENT',
      'ERR_INVALID_OPTION',
      'ERR_INVALID_OPTION',
    ]);
    expect(unhandled).toEqual([]);
  });

  test.each<[string, (promise: Promise<string>) => Promise<unknown>]>([
    ['awaits it', async (promise) => await promise],
    ['returns it', (promise) => (async () => promise)()],
    ['goes on with it', (promise) => promise.then((id) => id.length)],
    ['waits for it among others', (promise) => Promise.all([promise, Promise.resolve()])],
  ])('rejects for one who %s, and is not reported', async (_, wait) => {
    const { channel, errors } = rig();
    await channel.drain(0);
    await expect(wait(channel.publish({ data: '1' }))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await turn();
    expect([errors, unhandled]).toEqual([[], []]);
  });

  test('rejects for one who asks later, too', async () => {
    const { channel } = rig();
    await channel.drain(0);
    const published = channel.publish({ data: '1' });
    await turn();
    await expect(published).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(unhandled).toEqual([]);
  });
});

describe('an unknown option is refused, with the nearest name', () => {
  const request = new Request('http://a.test/');
  const log = new MemoryLog();
  const head = requestHead();
  test.each<[string, () => unknown, RegExp]>([
    [
      'of a channel',
      () => new Channel({ maxListener: 1 } as ChannelOptions),
      /"maxListener".*did you mean maxListeners\?$/,
    ],
    [
      'of a channel in other letters',
      () => new Channel({ MaxBacklogbytes: 1 } as ChannelOptions),
      /did you mean maxBacklogBytes\?$/,
    ],
    [
      'of history',
      () => new Channel({ history: { maxEvent: 1 } as object }),
      /"history.maxEvent".*did you mean maxEvents\?$/,
    ],
    [
      'of cors',
      () => new Channel({ cors: { origins: '*', maxAge: 1 } as never }),
      /"cors.maxAge"; allowed are origins/,
    ],
    [
      'of an event stream',
      () => eventStream(request, () => {}, { keepalivems: 1 } as object),
      /did you mean keepAliveMs\?$/,
    ],
    ['of a log', () => new MemoryLog({ retenton: {} } as object), /did you mean retention\?$/],
    ['of a fan-out', () => new FanOut(log, { maxTickByte: 1 } as object), /did you mean maxTickBytes\?$/],
    [
      'of an audience',
      () => new Audience(log, new FanOut(log), { authentcate: () => true } as object),
      /did you mean authenticate\?$/,
    ],
    [
      'of a server',
      () => createServer(() => {}, { directWrite: false } as object),
      /"directWrite"; did you mean directWrites\?$/,
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringMatching(message) as string }),
    );
  });

  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['of publish', () => new Channel().publish({ data: '' }, { keys: 'a' } as object), /"keys".*did you mean key\?$/],
    [
      'of append',
      () => log.append([{ topics: ['a'], fields: { data: '' } }], { digset: 'a' } as AppendOptions),
      /did you mean digest\?$/,
    ],
    [
      'of an event',
      () => log.append([{ topics: ['a'], fields: { data: '' }, privat: true } as NewEvent]),
      /"privat".*did you mean private\?$/,
    ],
    [
      'of a response',
      () =>
        respond(
          new Channel(),
          { headers: {} } as never,
          { writeHead() {} } as never,
          { directwrites: false } as object,
        ),
      /did you mean directWrites\?$/,
    ],
    [
      'of a refusal',
      () => new Channel({ authenticate: () => ({ allow: false, statuss: 401 }) as never }).answer(head),
      /statuss .*did you mean status\?$/,
    ],
  ])('%s', async (_, work, message) => {
    await expect(work()).rejects.toThrow(message);
  });

  test('without a suggestion if none is like it', () => {
    expect(() => new Channel({ port: 1 } as object)).toThrow(/clock$/);
  });

  test('of a server of Node is left to Node', () => {
    expect(createServer(() => {}, { keepAliveTimeout: 1, somethingNew: 1 } as object).keepAliveTimeout).toBe(1);
  });
});
