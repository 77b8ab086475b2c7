import {
  type EventMessage,
  type GapMessage,
  InvalidEventError,
  type InvalidEvent,
  isGap,
  isInvalid,
  type StandardSchema,
  subscribe,
  type TypedEvent,
} from '@tidings/client';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { settle } from './scripted-fetch.ts';
import { start, URL } from './subscription-harness.ts';

interface Price {
  readonly symbol: string;
  readonly cents: number;
}

/** Turns `{ symbol, price }` into a `Price`. */
const price: StandardSchema<unknown, Price> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { symbol, price: amount } = (value ?? {}) as { symbol?: unknown; price?: unknown };
      if (typeof symbol !== 'string') return { issues: [{ message: 'symbol is no string', path: ['symbol'] }] };
      return { value: { symbol, cents: Math.round(Number(amount) * 100) } };
    },
  },
};

/** As a library writes it that promises its answers, without the types that are for the compiler. */
const message = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: async (value: unknown) => {
      await Promise.resolve();
      return typeof value === 'string' ? { value } : { issues: [{ message: 'no string' }] };
    },
  },
};

describe('schemas', () => {
  test('type the events, by their type', () => {
    const plain = (): EventMessage | GapMessage => start().next as never;
    expectTypeOf(subscribe).toBeFunction();
    type Item<Subscription> = Subscription extends AsyncIterable<infer Each> ? Each : never;
    const typed = () => subscribe(URL, { schemas: { price, message } });
    expectTypeOf<Item<ReturnType<typeof typed>>>().toEqualTypeOf<
      TypedEvent<'price', Price> | TypedEvent<'message', string> | InvalidEvent<'price' | 'message'> | GapMessage
    >();
    const json = () => subscribe(URL, { json: true });
    expectTypeOf<Item<ReturnType<typeof json>>>().toEqualTypeOf<
      TypedEvent<string, unknown> | InvalidEvent | GapMessage
    >();
    const text = () => subscribe(URL, { idleTimeoutMs: 1 });
    expectTypeOf<Item<ReturnType<typeof text>>>().toEqualTypeOf<EventMessage | GapMessage>();
    expectTypeOf<Item<ReturnType<typeof text>>>().toEqualTypeOf<ReturnType<typeof plain>>();
    // @ts-expect-error -- an option that there is not
    const misspelled = () => subscribe(URL, { schemas: { price }, idleTimeout: 5 });
    expectTypeOf(misspelled).toBeFunction();
  });

  test('give each event the data that its schema makes of it', async () => {
    const { server, subscription } = start({ schemas: { price, message } });
    const request = await server.request(0);
    request.open();
    request.send('id: 1\nevent: price\ndata: {"symbol":"A","price":1.5}\n\ndata: "hello"\n\n');
    const seen: unknown[] = [];
    for await (const event of subscription) {
      if (event.type === 'price') {
        expectTypeOf(event.data).toEqualTypeOf<Price>();
        seen.push(event.data.cents);
      } else if (event.type === 'message') {
        expectTypeOf(event.data).toEqualTypeOf<string>();
        seen.push(event);
        break;
      }
    }
    expect(seen).toEqual([150, { type: 'message', data: 'hello', lastEventId: '1' }]);
  });

  test('make an event that they refuse an item of its own, and the stream goes on', async () => {
    const { server, next, subscription } = start({ schemas: { price, message } });
    const request = await server.request(0);
    request.open();
    request.send('event: price\nid: 4\ndata: {"price":1}\n\ndata: 5\n\ndata: {\n\ndata: "fine"\n\n');
    const refused = await next();
    if (refused.type !== 'tidings-invalid') return expect.unreachable('it is invalid');
    expectTypeOf(refused.eventType).toEqualTypeOf<'price' | 'message' | 'tidings-gap'>();
    expect(refused).toMatchObject({ eventType: 'price', data: '{"price":1}', lastEventId: '4' });
    expect(refused.error).toBeInstanceOf(InvalidEventError);
    expect(refused.error).toMatchObject({
      code: 'ERR_INVALID_EVENT',
      issues: [{ message: 'symbol is no string', path: ['symbol'] }],
    });
    expect(await next()).toMatchObject({ type: 'tidings-invalid', error: { issues: [{ message: 'no string' }] } });
    expect(await next()).toMatchObject({ eventType: 'message', data: '{', error: { cause: expect.any(SyntaxError) } });
    expect(await next()).toEqual({ type: 'message', data: 'fine', lastEventId: '4' });
    expect(subscription.state.phase).toBe('open');
  });

  test.each([
    ['throws', () => expect.unreachable('broken')],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('that %s refuse the event', async (_, validate) => {
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate } };
    const { server, next } = start({ schemas: { message: schema } });
    const request = await server.request(0);
    request.open();
    request.send('data: 1\n\n');
    expect(await next()).toMatchObject({ type: 'tidings-invalid', error: { cause: expect.any(Error), issues: [] } });
  });

  test.each([
    ['undefined', () => undefined],
    ['a promise of undefined', () => Promise.resolve(undefined)],
    ['an object without a value', () => ({})],
    ['issues that are no list', () => ({ issues: 'bad' })],
    ['a promise of issues that are no list', () => Promise.resolve({ issues: 'bad' })],
  ])('whose validate gives %s make the event an invalid one', async (_, validate) => {
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: validate as never } };
    const { server, next } = start({ schemas: { message: schema } });
    const request = await server.request(0);
    request.open();
    request.send('data: 1\n\n');
    expect(await next()).toMatchObject({ type: 'tidings-invalid', data: '1', error: { code: 'ERR_INVALID_EVENT' } });
  });

  test('that give nothing are named as the cause', async () => {
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: () => undefined as never } };
    const { server, next } = start({ schemas: { message: schema } });
    const request = await server.request(0);
    request.open();
    request.send('data: 1\n\n');
    const event = await next();
    expect(isInvalid(event) && event.error.message).toBe('could not read event "message": its schema gave no result');
  });

  test('leave out events of other types, which move the last event ID', async () => {
    const { server, next, subscription } = start({ schemas: { message } });
    const request = await server.request(0);
    request.open();
    request.send('event: constructor\ndata: 1\n\nevent: price\nid: 8\ndata: 1\n\n');
    await settle();
    expect(subscription.lastEventId).toBe('8');
    request.send('data: "hello"\n\n');
    expect(await next()).toMatchObject({ data: 'hello' });
  });

  test('leave no gap out, and tell of one that says nothing', async () => {
    const { server, next } = start({ schemas: { message } });
    const request = await server.request(0);
    request.open();
    const gap = { after: 'e.1', resumedAt: 'e.7', reason: 'trimmed' };
    request.send(`event: tidings-gap\ndata: ${JSON.stringify(gap)}\n\nevent: tidings-gap\ndata: ?\n\n`);
    const told = await next();
    expect(isGap(told) && told.reason).toBe('trimmed');
    const garbled = await next();
    expect(isInvalid(garbled) && garbled.eventType).toBe('tidings-gap');
  });

  test('get the text where json is false', async () => {
    const { server, next } = start({ schemas: { message }, json: false });
    const request = await server.request(0);
    request.open();
    request.send('data: hello\n\n');
    expect(await next()).toMatchObject({ data: 'hello' });
  });

  test('are refused where they are none', () => {
    expect(() => subscribe(URL, { schemas: { price: {} as never } })).toThrow('schemas.price');
    expect(() => subscribe(URL, { schemas: { price: { '~standard': { version: 2 } } as never } })).toThrow('version 1');
  });
});

test('json gives the parsed data of every type', async () => {
  const { server, next } = start({ json: true });
  const request = await server.request(0);
  request.open();
  request.send('event: x\ndata: {"a":\ndata: 1}\n\ndata: no\n\n');
  const event = await next();
  expect(event).toEqual({ type: 'x', data: { a: 1 }, lastEventId: '' });
  expect(isInvalid(event)).toBe(false);
  expect(isInvalid(await next())).toBe(true);
});

describe('data that is empty, where data is JSON', () => {
  const priming = 'id: 1\nretry: 500\ndata:\n\n';

  test.each([{ json: true }, { schemas: { message } }])(
    'moves the last event ID and is no event (%o)',
    async (options) => {
      const { server, next, subscription } = start(options);
      const request = await server.request(0);
      request.open();
      request.send(priming);
      await settle();
      expect(subscription.lastEventId).toBe('1');
      request.send('id: 2\ndata: "hello"\n\n');
      expect(await next()).toEqual({ type: 'message', data: 'hello', lastEventId: '2' });
    },
  );

  test('is undefined for an event that has a name, and its schema decides about that', async () => {
    const { server, next } = start({ json: true });
    const request = await server.request(0);
    request.open();
    request.send('event: done\ndata:\n\n');
    expect(await next()).toEqual({ type: 'done', data: undefined, lastEventId: '' });
    const other = start({ schemas: { price } });
    const second = await other.server.request(0);
    second.open();
    second.send('event: price\ndata:\n\n');
    expect(await other.next()).toMatchObject({ error: { issues: [{ message: 'symbol is no string' }] } });
  });

  test('is seen by until', async () => {
    const { server, events } = start({ json: true, until: ({ lastEventId }) => lastEventId === '1' });
    const request = await server.request(0);
    request.open();
    request.send(priming);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('is text where data is text', async () => {
    const { server, next } = start();
    const request = await server.request(0);
    request.open();
    request.send(priming);
    expect(await next()).toEqual({ type: 'message', data: '', lastEventId: '1' });
  });
});
