import {
  type EventItem,
  type EventSchemas,
  type EventSubscription,
  subscribe,
  type SubscribeOptions,
  type SubscriptionState,
} from '@tidings/client';
import { expect } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { ScriptedFetch } from './scripted-fetch.ts';

export const URL = 'http://tidings.test/stream';

/** A subscription whose server, time and chance are the test's. */
export function start<Schemas extends EventSchemas | undefined = undefined, Json extends boolean = false>(
  options: SubscribeOptions<Schemas, Json> = {},
  url: Parameters<typeof subscribe>[0] = URL,
) {
  const server = new ScriptedFetch();
  const clock = new FakeClock();
  const states: SubscriptionState[] = [];
  const subscription: EventSubscription<EventItem<Schemas, Json>> = subscribe<Schemas, Json>(url, {
    fetch: server.fetch,
    clock,
    onState: (state) => states.push(state),
    ...options,
  });
  const events = subscription[Symbol.asyncIterator]();
  const next = async (): Promise<EventItem<Schemas, Json>> => {
    const { done, value } = await events.next();
    if (done) throw new Error('the iteration is done');
    return value;
  };
  return { server, clock, states, subscription, events, next };
}

export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`it resolved to ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}
