import { type EventFields, GAP_TYPE } from '@tidings/wire';
import { codedStream } from '../coding/coded-sink.ts';
import { checkFunction, checkNames, ServerError, shown } from '../errors.ts';
import type { Answer } from '../http/answer.ts';
import { streamHead } from '../http/head.ts';
import { lastEventIdOf } from '../http/parameters.ts';
import { checkHead } from '../http/request-check.ts';
import type { RequestHead } from '../http/request.ts';
import type { ItemIterator } from '../log/reading/iterator.ts';
import type { EventStreamHandle } from '../response/open-stream.ts';
import { checkPump, type EventStreamOptions, pump, STREAM_OPTIONS } from '../response/pump.ts';
import { reportTo } from './report.ts';
import { BYTES_TYPE, END_TYPE, toBase64 } from './store/chunk-form.ts';
import type { RunItem, RunState } from './store/run.ts';
import type { RunStore } from './store/run-store.ts';
import { isRunId, noRunId } from './store/run-topics.ts';

export interface RespondOptions extends EventStreamOptions {
  /** Called with the error that broke the stream off, because no caller can get it once the answer has been returned. @default console.error */
  readonly onError?: ((error: unknown) => void) | undefined;
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
export async function answerRun(
  store: RunStore,
  request: RequestHead,
  id: string,
  options: RespondOptions,
): Promise<Answer> {
  checkHead(request);
  checkNames(options, RESPOND_OPTIONS);
  const { errors = false, onError, ...streamOptions } = options;
  if (typeof errors !== 'boolean') {
    throw new ServerError('ERR_INVALID_OPTION', `The option errors is ${shown(errors)}, but must be true or false`);
  }
  checkFunction('onError', onError);
  checkPump(streamOptions);
  const head = streamHead(request, streamOptions);
  const { status, headers } = head;
  if (request.method === 'OPTIONS') return { status, headers };
  if (!isRunId(id)) return noSuchRun(id, headers);
  const { state } = await store.status(id);
  if (state === 'unknown') return refusal(404, { headers, body: UNKNOWN });
  const items = store.read(id, { after: lastEventIdOf(request) || undefined });
  const eventsOf = (all: AsyncIterable<RunItem>): AsyncGenerator<EventFields> => plainEvents(all, errors);
  return await answerItems({ request, head, state, items, eventsOf, streamOptions, onError });
}

/** A stream of a run's items that is wanted. */
export interface WantedItems {
  readonly request: RequestHead;
  readonly head: ReturnType<typeof streamHead>;
  readonly state: RunState;
  readonly items: ItemIterator<RunItem>;
  /** Makes events of the items. */
  readonly eventsOf: (items: AsyncIterable<RunItem>) => AsyncGenerator<EventFields>;
  readonly streamOptions: EventStreamOptions;
  readonly onError: RespondOptions['onError'];
}

/** The answer with the items of a run that is known, to a `GET`, `POST` or `HEAD`. It is 204 if the run is over and nothing is left to send. */
export async function answerItems(wanted: WantedItems): Promise<Answer> {
  const { request, head, state, items, eventsOf, streamOptions, onError } = wanted;
  const { status, headers, coding } = head;
  const leave = (): void => void items.return();
  // Of a run that is over, the first item shows whether there is anything to send.
  const first = state === 'streaming' ? undefined : await items.next();
  if (first?.done === true) return refusal(204, { headers });
  if (request.method === 'HEAD') {
    leave();
    return { status, headers };
  }
  return {
    status,
    headers,
    start(sink) {
      const source = ({ signal }: EventStreamHandle): AsyncGenerator<EventFields> => {
        if (signal.aborted) leave();
        else signal.addEventListener('abort', leave, { once: true });
        return eventsOf(startingWith(first?.value, items));
      };
      pump(source, codedStream(sink, coding), streamOptions).catch((error: unknown) => reportTo(onError, error));
    },
    abandon: leave,
  };
}

async function* startingWith(first: RunItem | undefined, items: ItemIterator<RunItem>): AsyncGenerator<RunItem> {
  try {
    if (first) yield first;
    yield* items;
  } finally {
    await items.return();
  }
}

/** The answer to who asks for an id that no run can have: ids come with requests. */
export function noSuchRun(id: string, headers: Answer['headers']): Answer {
  return refusal(400, { headers, body: `${noRunId(id)}\n` });
}

/** An answer that is no stream, which pages of other origins may read as they may read the stream. */
export function refusal(status: number, { headers, body }: Pick<Answer, 'headers' | 'body'>): Answer {
  const { 'Content-Type': _, 'Content-Encoding': __, ...others } = headers;
  const own = { ...others, 'Cache-Control': 'no-store' };
  return body === undefined
    ? { status, headers: own }
    : { status, headers: { ...own, 'Content-Type': 'text/plain; charset=utf-8' }, body };
}

async function* plainEvents(items: AsyncIterable<RunItem>, errors: boolean): AsyncGenerator<EventFields> {
  for await (const item of items) yield fieldsOf(item, errors);
}

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
