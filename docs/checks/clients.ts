import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource, isInvalid, type StandardSchema, subscribe } from '@tidings/client';
import { EventSource as EventSourcePackage } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { Agent, type Dispatcher, EventSource as UndiciEventSource, fetch as undiciFetch } from 'undici';
import type { Client, Handler, Heard, Wishes } from './client.ts';

/** The event types that the checks and hubs send. */
const TYPES = ['message', 'named', 'end', 'tidings-gap'];

const OWN_FETCH = 'by own `fetch`';
const OWN_DISPATCHER = 'by own dispatcher';

/** A schema that accepts numbers. */
const number: StandardSchema<unknown, number> = {
  '~standard': {
    version: 1,
    vendor: 'tidings-checks',
    validate: (value) => (typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] }),
  },
};

export const CLIENTS: readonly Client[] = [
  {
    title: '`EventSource`',
    name: '@tidings/client',
    kind: 'client',
    listen: (url, handler, wishes = {}) => {
      const source = new EventSource(url, wishes.onStatus || isPlain(wishes) ? {} : { fetch: fetchFor(wishes) });
      source.addEventListener('error', ({ status }) => tell(status, wishes));
      return follow(source, handler);
    },
    ways: {
      post: OWN_FETCH,
      headers: OWN_FETCH,
      signal: OWN_FETCH,
      lastEventId: OWN_FETCH,
      idleTimeoutMs: OWN_FETCH,
      onStatus: 'yes',
    },
    calls: true,
    bundle: `export { EventSource } from '@tidings/client';`,
  },
  {
    title: '`subscribe()`',
    name: '@tidings/client',
    kind: 'client',
    listen: (url, handler, wishes = {}) => {
      const subscription = subscribe(url, {
        ...(wishes.post === undefined ? {} : { method: 'POST', body: wishes.post }),
        ...pick(wishes, 'headers', 'signal', 'lastEventId', 'idleTimeoutMs', 'store'),
        ...(wishes.numbersOnly ? { schemas: { message: number, end: number } } : {}),
        onState: ({ error }) => tell(error?.status, wishes),
      });
      const read = async (): Promise<void> => {
        for await (const event of subscription) {
          if (!isInvalid(event)) await handler({ type: event.type, data: String(event.data) });
        }
      };
      read().catch(() => {});
      return () => subscription.close();
    },
    ways: {
      post: 'yes',
      headers: 'yes',
      signal: 'yes',
      lastEventId: 'yes',
      idleTimeoutMs: 'yes',
      numbersOnly: 'yes',
      store: 'yes',
      onStatus: 'yes',
    },
    iterate: (url) => subscribe(url),
    calls: false,
    bundle: `export { subscribe } from '@tidings/client';`,
  },
  {
    title: 'eventsource',
    name: 'eventsource',
    kind: 'client',
    listen: (url, handler, wishes = {}) => {
      const options = wishes.onStatus || isPlain(wishes) ? {} : { fetch: fetchFor(wishes) };
      const source = new EventSourcePackage(url, options);
      source.addEventListener('error', ({ code }) => tell(code, wishes));
      return follow(source, handler);
    },
    ways: {
      post: OWN_FETCH,
      headers: OWN_FETCH,
      signal: OWN_FETCH,
      lastEventId: OWN_FETCH,
      idleTimeoutMs: OWN_FETCH,
      onStatus: 'yes',
    },
    calls: true,
    bundle: `export { EventSource } from 'eventsource';`,
  },
  {
    title: 'eventsource-client',
    name: 'eventsource-client',
    kind: 'client',
    listen: (url, handler, wishes = {}) => {
      const { post, lastEventId, ...others } = wishes;
      const source = createEventSource({
        url,
        onMessage: ({ event, data }) => void handler({ type: event || 'message', data }),
        ...(post === undefined ? {} : { method: 'POST', body: post }),
        ...(lastEventId === undefined ? {} : { initialLastEventId: lastEventId }),
        ...(isPlain(others) ? {} : { fetch: fetchFor(others) }),
      });
      return () => source.close();
    },
    ways: {
      post: 'yes',
      headers: OWN_FETCH,
      signal: OWN_FETCH,
      lastEventId: 'yes',
      idleTimeoutMs: OWN_FETCH,
      onStatus: OWN_FETCH,
    },
    async *iterate(url) {
      const source = createEventSource(url);
      for await (const { event, data } of source) yield { type: event || 'message', data };
    },
    calls: true,
    bundle: `export { createEventSource } from 'eventsource-client';`,
  },
  {
    title: 'undici',
    name: 'undici',
    kind: 'client',
    listen: (url, handler, wishes = {}) => {
      const source = new UndiciEventSource(url, isPlain(wishes) ? {} : { node: { dispatcher: dispatcherFor(wishes) } });
      return follow(source, handler);
    },
    ways: {
      post: OWN_DISPATCHER,
      headers: OWN_DISPATCHER,
      lastEventId: OWN_DISPATCHER,
      idleTimeoutMs: OWN_DISPATCHER,
      onStatus: OWN_DISPATCHER,
    },
    calls: true,
  },
  {
    title: 'fetch-event-source',
    name: '@microsoft/fetch-event-source',
    kind: 'client',
    listen: (url, handler, wishes = {}) => {
      const { post, lastEventId, signal, onStatus, ...byFetch } = wishes;
      // Made for pages: the few parts of a page that it uses.
      Object.assign(globalThis, {
        window: { setTimeout, clearTimeout, fetch },
        document: { removeEventListener() {} },
      });
      const controller = new AbortController();
      fetchEventSource(url, {
        openWhenHidden: true,
        signal: AbortSignal.any([controller.signal, ...(signal ? [signal] : [])]),
        onmessage: ({ event, data }) => void handler({ type: event || 'message', data }),
        ...(post === undefined ? {} : { method: 'POST', body: post }),
        ...(lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } }),
        ...(isPlain(byFetch) ? {} : { fetch: fetchFor(byFetch) }),
        ...(onStatus ? { onopen: async ({ status }: Response) => onStatus(status) } : {}),
      }).catch(() => {});
      return () => controller.abort();
    },
    ways: {
      post: 'yes',
      headers: OWN_FETCH,
      signal: 'yes',
      lastEventId: 'by `headers`',
      idleTimeoutMs: OWN_FETCH,
      onStatus: 'by `onopen`',
    },
    calls: true,
    bundle: `export { fetchEventSource } from '@microsoft/fetch-event-source';`,
  },
  {
    title: 'eventsource-parser',
    name: 'eventsource-parser',
    kind: 'parser',
    listen: (url, handler) => {
      const controller = new AbortController();
      const read = async (): Promise<void> => {
        for await (const event of parse(url, controller.signal)) await handler(event);
      };
      read().catch(() => {});
      return () => controller.abort();
    },
    ways: {},
    iterate: (url) => parse(url),
    calls: false,
    bundle: `export { EventSourceParserStream } from 'eventsource-parser/stream';`,
  },
];

interface Source {
  addEventListener(type: string, listener: (event: MessageEvent<string>) => unknown): void;
  close(): void;
}

function follow(source: Source, handler: Handler): () => void {
  for (const type of TYPES) source.addEventListener(type, (event) => handler({ type: event.type, data: event.data }));
  return () => source.close();
}

async function* parse(url: string, signal?: AbortSignal): AsyncGenerator<Heard> {
  const { body } = await fetch(url, signal ? { signal } : {});
  if (body === null) return;
  const events = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>)
    .pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of events) yield { type: event || 'message', data };
}

function tell(status: number | undefined, { onStatus }: Wishes): void {
  if (status !== undefined) onStatus?.(status);
}

function isPlain(wishes: Wishes): boolean {
  return Object.keys(wishes).length === 0;
}

/** Grants wishes by a function in place of `fetch`. */
function fetchFor(wishes: Wishes): typeof fetch {
  const { post, headers, signal, lastEventId, onStatus } = wishes;
  const send = fetchWithin(wishes);
  return async (input, init = {}) => {
    const merged = new Headers(init.headers);
    for (const [name, value] of Object.entries(headers?.() ?? {})) merged.set(name, value);
    if (lastEventId !== undefined && !merged.has('last-event-id')) merged.set('last-event-id', lastEventId);
    const answer = await send(input, {
      ...init,
      headers: merged,
      ...(post === undefined ? {} : { method: 'POST', body: post }),
      ...(signal ? { signal: AbortSignal.any([signal, ...(init.signal ? [init.signal] : [])]) } : {}),
    });
    onStatus?.(answer.status);
    return answer;
  };
}

/** A fetch that gives a silent response up, where that is wished. */
function fetchWithin({ idleTimeoutMs }: Wishes): typeof fetch {
  if (idleTimeoutMs === undefined) return fetch;
  const dispatcher = new Agent({ bodyTimeout: idleTimeoutMs });
  const send = undiciFetch as unknown as (input: unknown, init: object) => Promise<Response>;
  return (input, init) => send(input, { ...init, headers: Object.fromEntries(new Headers(init?.headers)), dispatcher });
}

/** Grants wishes by what undici makes its requests with. */
function dispatcherFor({ post, headers, lastEventId, idleTimeoutMs, onStatus }: Wishes): Dispatcher {
  const agent = new Agent(idleTimeoutMs === undefined ? {} : { bodyTimeout: idleTimeoutMs });
  return agent.compose((dispatch) => (options, handler) => {
    const request = {
      ...options,
      headers: {
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        ...(options.headers as Record<string, string>),
        ...headers?.(),
      },
      ...(post === undefined ? {} : { method: 'POST' as const, body: post }),
    };
    const listening: Dispatcher.DispatchHandler = {
      ...handler,
      onResponseStart(controller, status, ...rest) {
        onStatus?.(status);
        handler.onResponseStart?.(controller, status, ...rest);
      },
    };
    return dispatch(request, onStatus ? listening : handler);
  });
}

function pick<K extends keyof Wishes>(wishes: Wishes, ...names: readonly K[]): Pick<Wishes, K> {
  return Object.fromEntries(Object.entries(wishes).filter(([name]) => names.includes(name as K))) as Pick<Wishes, K>;
}
