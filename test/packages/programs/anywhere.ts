// oxlint-disable unicorn/prefer-add-event-listener, import/no-unassigned-import -- all that is there is compiled here
// Compiled with the packed packages where the libraries of a program are those of browsers, of workers, of Node, or of nothing but the language.
import {
  ClientError,
  type Clock,
  ConnectionError,
  type EventItem,
  EventSource,
  type EventSourceErrorEvent,
  type EventSourceInit,
  type EventSourceMessageEvent,
  type EventSubscription,
  type Fetch,
  type FetchInit,
  type FetchResponse,
  type Gap,
  InvalidEventError,
  InvalidOptionError,
  isGap,
  isInvalid,
  localStorageStore,
  type Network,
  type PositionStore,
  type RequestBody,
  type RequestHeaders,
  type StandardSchema,
  StoreError,
  subscribe,
  type SubscribeOptions,
  type SubscriptionState,
} from '@tidings/client';
import '@tidings/client/polyfill';
import {
  type ByteSource,
  decodeEvent,
  decodeEventStream,
  DEFAULT_MAX_EVENT_BYTES,
  encodeEvent,
  type EventFields,
  EventFieldsDecoder,
  type EventMessage,
  EventStreamDecoder,
  EventStreamDecoderStream,
  EventStreamError,
  GAP_TYPE,
  HEARTBEAT_TYPE,
  isOwnType,
  OWN_TYPE_PREFIX,
} from '@tidings/wire';

/** Cannot be called with a value of the type `any`, which a name becomes that a program's libraries lack. */
function typed<T>(value: 0 extends 1 & T ? never : T): T {
  return value;
}

/** What a person may have or not have: with `exactOptionalPropertyTypes` that is not the same as an option that is left out. */
interface Perhaps {
  readonly text: string | undefined;
  readonly flag: boolean | undefined;
  readonly count: number | undefined;
  readonly signal: FetchInit['signal'] | undefined;
  readonly headers: RequestHeaders | undefined;
  readonly body: RequestBody | undefined;
  readonly fetch: Fetch | undefined;
  readonly store: PositionStore | undefined;
  readonly clock: Clock | undefined;
  readonly network: Network | undefined;
}

export function listen(url: string, perhaps: Perhaps): EventSource {
  const init: EventSourceInit = { withCredentials: perhaps.flag, fetch: perhaps.fetch };
  const source = new EventSource(url, init);
  source.onopen = function (event) {
    typed(event.type);
    const state: 0 | 1 | 2 = typed(this.readyState);
    if (state === this.OPEN) this.close();
  };
  source.onmessage = (event) => {
    const data: string = typed(event.data);
    const id: string = typed(event.lastEventId);
    const origin: string = typed(event.origin);
    typed([data, id, origin, event.source, event.ports]);
  };
  source.onmessage = null;
  source.onerror = (event) => {
    const code: ConnectionError['code'] = typed(event.code);
    const status: number | undefined = typed(event.status);
    typed([code, status, event.message, event.cause.willRetry]);
  };
  const onPrice = (event: EventSourceMessageEvent): void => void typed(event.data);
  source.addEventListener('price', onPrice, { once: true });
  source.addEventListener('price', (event) => void typed(event.data));
  source.addEventListener('open', { handleEvent: (event) => void typed(event.type) }, false);
  const onError = (event: EventSourceErrorEvent): void => void typed(event.cause.attempt);
  source.addEventListener('error', onError);
  source.removeEventListener('error', onError);
  source.removeEventListener('price', onPrice);
  typed([source.url, source.withCredentials, EventSource.CLOSED]);
  typed(source.onmessage);
  return source;
}

export const transport: Fetch = (url, init): Promise<FetchResponse> => {
  const body: string | ArrayBuffer | Uint8Array | undefined = typed(init.body);
  typed([body, init.method, init.headers['accept'], init.signal.aborted, init.credentials, init.cache]);
  return Promise.resolve({ status: 200, url, redirected: false, headers: { get: (name) => name }, body: null });
};

/** Every option, each of which may be `undefined`. */
export function options({ text, flag, count, ...perhaps }: Perhaps): SubscribeOptions {
  return {
    method: text,
    headers: perhaps.headers,
    body: perhaps.body,
    signal: perhaps.signal,
    lastEventId: text,
    store: perhaps.store,
    storeIntervalMs: count,
    dedupe: count,
    schemas: undefined,
    json: undefined,
    until: flag === true ? (event) => event.data === '[DONE]' : undefined,
    fetch: perhaps.fetch,
    withCredentials: flag,
    retry: {
      initialMs: count,
      maxMs: count,
      maxRetryAfterMs: count,
      maxAttempts: count,
      retryStatus: flag === true ? (status) => status > 500 : undefined,
    },
    shared: text,
    connectTimeoutMs: count,
    firstByteTimeoutMs: count,
    idleTimeoutMs: count,
    maxQueuedEvents: count,
    maxQueuedBytes: count,
    maxEventBytes: count,
    onState: flag === true ? (state: SubscriptionState) => void typed(state.error?.status) : undefined,
    clock: perhaps.clock,
    network: perhaps.network,
  };
}

const price: StandardSchema<unknown, { readonly cents: number }> = {
  '~standard': { version: 1, vendor: 'test', validate: () => ({ value: { cents: 1 } }) },
};

export async function follow(url: string, perhaps: Perhaps): Promise<Gap | undefined> {
  const plain: EventSubscription = subscribe(url, options(perhaps));
  for await (const event of plain) {
    const data: string = typed(event.data);
    typed(data);
    if (isGap(event)) return event;
  }
  for await (const event of subscribe(() => url, {
    json: true,
    headers: ({ attempt }) => ({ attempt: `${attempt}` }),
  })) {
    if (isInvalid(event)) typed([event.eventType, event.error.issues]);
    else typed(event.type);
  }
  const schemas = { price };
  for await (const event of subscribe(url, { schemas, store: localStorageStore('position') })) {
    if (event.type === 'price') {
      const cents: number = typed(event.data.cents);
      typed(cents);
    }
  }
  const item: EventItem<typeof schemas> | undefined = undefined;
  using held = subscribe(url);
  held.reconnect();
  typed([held.state.phase, held.lastEventId, item]);
  return undefined;
}

export function codeOf(error: unknown): string | undefined {
  if (error instanceof ConnectionError) return typed(`${error.code} ${error.url} ${error.attempt} ${error.status}`);
  if (error instanceof InvalidEventError) return typed(error.issues[0]?.message);
  if (error instanceof InvalidOptionError || error instanceof StoreError || error instanceof ClientError)
    return error.code;
  return error instanceof EventStreamError ? typed(error.code) : undefined;
}

export async function decode(source: ByteSource, text: string | undefined): Promise<EventMessage[]> {
  const messages: EventMessage[] = [];
  const decoder = new EventStreamDecoder({
    onEvent: (event) => messages.push(typed(event)),
    onRetry: (milliseconds) => void typed(milliseconds),
    onComment: undefined,
    onId: undefined,
    lastEventId: text,
    maxEventBytes: DEFAULT_MAX_EVENT_BYTES,
  });
  const fields: EventFields = { event: text, data: text, id: text, comment: text, retry: undefined };
  decoder.write(encodeEvent(fields));
  decoder.end();
  typed([decodeEvent('data: 1\n\n')?.data, GAP_TYPE, HEARTBEAT_TYPE, isOwnType(OWN_TYPE_PREFIX)]);
  new EventFieldsDecoder({ onFields: ({ id }) => void typed(id), maxEventBytes: undefined }).end();
  for await (const event of decodeEventStream(source, { lastEventId: text })) messages.push(typed(event));
  const pair = new EventStreamDecoderStream();
  const { value } = await typed(pair.readable).getReader().read();
  if (value !== undefined) messages.push(typed(value));
  typed(pair.writable);
  return messages;
}
