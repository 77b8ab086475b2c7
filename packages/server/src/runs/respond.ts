import { type EventFields, GAP_TYPE } from '@tidings/wire';
import { checkNames, ServerError, shown } from '../errors.ts';
import { streamHead } from '../http/head.ts';
import { lastEventIdOf } from '../http/parameters.ts';
import { fetchHead } from '../http/request.ts';
import type { ItemIterator } from '../log/reading/iterator.ts';
import { eventStream, type FetchEventStreamOptions } from '../response/event-stream.ts';
import { STREAM_OPTIONS } from '../response/pump.ts';
import { END_TYPE, toBase64, BYTES_TYPE } from './store/chunk-form.ts';
import type { RunItem } from './store/run.ts';
import type { RunStore } from './store/run-store.ts';

export interface RespondOptions extends FetchEventStreamOptions {
  /** Whether the data of `run-end` has the error with which a run has failed, as `error`. It may tell what is not for everyone. @default false */
  readonly errors?: boolean | undefined;
}

const RESPOND_OPTIONS: Readonly<Record<keyof RespondOptions, true>> = {
  ...STREAM_OPTIONS,
  onError: true,
  errors: true,
};

const UNKNOWN = 'There is no such run: it never was, was deleted, or its time to live is over\n';

/** @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION` */
export async function respond(
  store: RunStore,
  request: Request,
  id: string,
  options: RespondOptions,
): Promise<Response> {
  checkNames(options, RESPOND_OPTIONS);
  const { errors = false, ...streamOptions } = options;
  if (typeof errors !== 'boolean') {
    throw new ServerError('ERR_INVALID_OPTION', `The option errors is ${shown(errors)}, but must be true or false`);
  }
  const requestHead = fetchHead(request);
  if (request.method === 'OPTIONS') return eventStream(request, nothing(), streamOptions);
  const after = lastEventIdOf(requestHead) || undefined;
  const { state } = await store.status(id);
  if (state === 'unknown') return refusal(request, 404, UNKNOWN, streamOptions);
  const items = store.read(id, { after });
  // Of a run that is over, the first item shows whether there is anything to send.
  const first = state === 'streaming' ? undefined : await items.next();
  if (first?.done === true) return refusal(request, 204, null, streamOptions);
  if (request.method === 'HEAD') await items.return();
  try {
    return eventStream(
      request,
      ({ signal }) => {
        const leave = (): void => void items.return();
        if (signal.aborted) leave();
        else signal.addEventListener('abort', leave, { once: true });
        return eventsOf(items, first?.value, errors);
      },
      streamOptions,
    );
  } catch (error) {
    await items.return();
    throw error;
  }
}

/** An answer that is no stream, which pages of other origins may read as they may read the stream. */
function refusal(request: Request, status: number, body: string | null, options: FetchEventStreamOptions): Response {
  const { headers } = streamHead(fetchHead(request), { cors: options.cors, headers: options.headers });
  const own = new Headers(headers);
  own.set('Cache-Control', 'no-store');
  if (body === null) own.delete('Content-Type');
  else own.set('Content-Type', 'text/plain; charset=utf-8');
  return new Response(request.method === 'HEAD' ? null : body, { status, headers: own });
}

async function* eventsOf(
  items: ItemIterator<RunItem>,
  first: RunItem | undefined,
  errors: boolean,
): AsyncGenerator<EventFields> {
  if (first) yield fieldsOf(first, errors);
  for await (const item of items) yield fieldsOf(item, errors);
}

async function* nothing(): AsyncGenerator<EventFields> {}

/** An item as an event of a stream. */
function fieldsOf(item: RunItem, errors: boolean): EventFields {
  switch (item.type) {
    case 'gap':
      return { event: GAP_TYPE, id: item.gap.resumedAt, data: JSON.stringify(item.gap) };
    case 'end': {
      const error = errors && item.error !== undefined ? { error: item.error } : {};
      const fields = { event: END_TYPE, data: JSON.stringify({ state: item.state, ...error }) };
      return item.id === undefined ? fields : { ...fields, id: item.id };
    }
    case 'chunk': {
      const { id, event, data } = item;
      if (typeof data !== 'string') return { id, event: BYTES_TYPE, data: toBase64(data) };
      return event === 'message' ? { id, data } : { id, event, data };
    }
  }
}
