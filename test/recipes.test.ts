import { EventSource } from '@tidings/client';
import { decodeEventStream, type EventMessage } from '@tidings/wire';
import { createORPCClient, getEventMeta } from '@orpc/client';
import { RPCLink } from '@orpc/client/fetch';
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { transform } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from './end-to-end/hub.ts';
import { program, RunningProgram, strictErrors, whenUp } from './program.ts';

const PAGE = 'docs/in-process.md';

/** Runs a program of the page, and resolves to its URL when it serves. */
async function start(code: string, compile = (source: string): string | Promise<string> => source): Promise<string> {
  const port = await freePort();
  const running = RunningProgram.node(await compile(code.replaceAll('3000', String(port))));
  const url = `http://127.0.0.1:${port}`;
  await (await whenUp(running, url)).body?.cancel();
  return url;
}

/** Values in the order in which they come, for a test that waits for each. */
class Inbox<T> {
  readonly #values: T[] = [];
  #wake = (): void => {};

  put(value: T): void {
    this.#values.push(value);
    this.#wake();
  }

  async take(count: number): Promise<T[]> {
    while (this.#values.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#values.splice(0, count);
  }
}

/** A stream of a server, event by event. The request is under way when this returns: a server may send the head with the first event. */
function listen(url: string, init: RequestInit = {}): { take(count: number): Promise<EventMessage[]>; leave(): void } {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const inbox = new Inbox<EventMessage>();
  const read = async (): Promise<void> => {
    const { body } = await fetch(url, { ...init, signal: stop.signal });
    for await (const event of decodeEventStream(body!)) inbox.put(event);
  };
  read().catch(() => {});
  return { take: (count) => inbox.take(count), leave: () => stop.abort() };
}

describe('the page on events inside the program', () => {
  test('has a tRPC subscription that goes on after the last event', async () => {
    const url = await start(program(PAGE, 'js', 'tracked('));
    const client = createTRPCClient<AnyTRPCRouter>({
      links: [
        splitLink({
          condition: ({ type }) => type === 'subscription',
          true: httpSubscriptionLink({ url, EventSource: EventSource as never }),
          false: httpBatchLink({ url }),
        }),
      ],
    }) as unknown as TrpcOrders;
    const subscribe = async (lastEventId?: string) => {
      const inbox = new Inbox<TrackedOrder>();
      const started = new Inbox<void>();
      const input = lastEventId === undefined ? undefined : { lastEventId };
      const subscription = client.orders.subscribe(input, {
        onStarted: () => started.put(),
        onData: (data) => inbox.put(data),
      });
      onTestFinished(() => subscription.unsubscribe());
      await started.take(1);
      return { inbox, leave: () => subscription.unsubscribe() };
    };
    const first = await client.order.mutate('first');
    const { inbox, leave } = await subscribe(first);
    await client.order.mutate('seen');
    const [seen] = await inbox.take(1);
    expect(seen).toEqual({ id: expect.stringMatching(/^\w+\.2$/), data: { order: 'seen' } });
    leave();
    await client.order.mutate('missed');
    const again = await subscribe(seen!.id);
    await client.order.mutate('live');
    expect((await again.inbox.take(2)).map(({ data }) => data)).toEqual([{ order: 'missed' }, { order: 'live' }]);
    const lost = await subscribe('elsewhere.1');
    expect((await lost.inbox.take(1))[0]!.data).toEqual({ missed: 'foreign' });
  });

  test('has a GraphQL subscription that goes on after the last event', async () => {
    const url = `${await start(program(PAGE, 'js', 'createYoga('))}/graphql`;
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
    const subscribe = (after?: string): ReturnType<typeof listen> => {
      const query = 'subscription ($after: ID) { payments(after: $after) { id order amount missed } }';
      return listen(url, { method: 'POST', headers, body: JSON.stringify({ query, variables: { after } }) });
    };
    const pay = async (amount: number): Promise<string> => {
      const query = `mutation { pay(order: "7", amount: ${amount}) }`;
      const answer = await fetch(url, {
        method: 'POST',
        headers: { ...headers, accept: 'application/json' },
        body: JSON.stringify({ query }),
      });
      return ((await answer.json()) as { data: { pay: string } }).data.pay;
    };
    const paymentsOf = (events: readonly EventMessage[]): unknown[] =>
      events.map(({ data }) => (JSON.parse(data) as { data: { payments: unknown } }).data.payments);
    const first = await pay(1);
    const { take, leave } = subscribe(first);
    const second = await pay(2);
    expect(paymentsOf(await take(1))).toEqual([{ id: second, order: '7', amount: 2, missed: null }]);
    leave();
    const third = await pay(3);
    const again = subscribe(second);
    const fourth = await pay(4);
    expect(paymentsOf(await again.take(2))).toMatchObject([
      { id: third, amount: 3 },
      { id: fourth, amount: 4 },
    ]);
    const lost = subscribe('elsewhere.1');
    expect(paymentsOf(await lost.take(1))).toMatchObject([{ amount: null, missed: 'foreign' }]);
  });

  test('has a Nest controller whose listeners go on after the last event', async () => {
    const compile = async (source: string): Promise<string> => {
      const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } };
      return (await transform(source, { loader: 'ts', format: 'esm', target: 'es2022', tsconfigRaw })).code;
    };
    const url = `${await start(program(PAGE, 'ts', '@Sse()'), compile)}/news`;
    const publish = async (data: string): Promise<string> => {
      const body = JSON.stringify({ data });
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      return ((await answer.json()) as { id: string }).id;
    };
    const first = await publish('first');
    const { take, leave } = listen(url, { headers: { 'last-event-id': first } });
    const second = await publish('second');
    expect(await take(1)).toEqual([{ type: 'message', data: 'second', lastEventId: second }]);
    leave();
    await publish('third');
    const again = listen(url, { headers: { 'last-event-id': second } });
    await publish('fourth');
    expect((await again.take(2)).map(({ data }) => data)).toEqual(['third', 'fourth']);
    const lost = listen(url, { headers: { 'last-event-id': 'elsewhere.1' } });
    expect((await lost.take(1))[0]).toMatchObject({ type: 'tidings-gap' });
  });

  test('has a Nest controller that strict TypeScript takes', async () => {
    expect(await strictErrors(program(PAGE, 'ts', '@Sse()'), ['--experimentalDecorators'])).toBe('');
  });

  test('has an oRPC event iterator that goes on after the last event', async () => {
    const url = await start(program(PAGE, 'js', 'withEventMeta('));
    const client = createORPCClient(new RPCLink({ url })) as unknown as OrpcOrders;
    const subscribe = async (lastEventId?: string): Promise<AsyncIterator<object>> => {
      const stop = new AbortController();
      onTestFinished(() => stop.abort());
      return await client.orders(undefined, { lastEventId, signal: stop.signal });
    };
    const first = await client.order('first');
    const events = await subscribe(first);
    const next = events.next();
    const second = await client.order('second');
    const { value } = (await next) as { value: object };
    expect([value, getEventMeta(value)?.id]).toEqual([{ order: 'second' }, second]);
    await events.return?.();
    await client.order('third');
    const again = await subscribe(second);
    expect((await again.next()).value).toEqual({ order: 'third' });
    const live = again.next();
    await client.order('fourth');
    expect((await live).value).toEqual({ order: 'fourth' });
    const lost = await subscribe('elsewhere.1');
    expect((await lost.next()).value).toEqual({ missed: 'foreign' });
  });
});

interface TrackedOrder {
  readonly id: string;
  readonly data: { readonly order?: string; readonly missed?: string };
}

interface TrpcOrders {
  readonly order: { mutate(input: string): Promise<string> };
  readonly orders: {
    subscribe(
      input: { readonly lastEventId: string } | undefined,
      handlers: { onStarted(): void; onData(data: TrackedOrder): void },
    ): { unsubscribe(): void };
  };
}

interface OrpcOrders {
  order(input: string): Promise<string>;
  orders(
    input: undefined,
    options: { lastEventId: string | undefined; signal: AbortSignal },
  ): Promise<AsyncIterator<object>>;
}
