import type { EventFields } from '@tidings/wire';
import { checkFunction, checkNames, ServerError, shown } from '../errors.ts';
import { type Answer, toResponse } from '../http/answer.ts';
import { checkHeaders, streamHead } from '../http/head.ts';
import { lastEventIdOf } from '../http/parameters.ts';
import { checkHead } from '../http/request-check.ts';
import { fetchHead, type RequestHead } from '../http/request.ts';
import { checkPump, type EventStreamOptions, STREAM_OPTIONS } from '../response/pump.ts';
import type { RunChunk, RunContext, RunEnd, RunItem, Runs, RunState, StartedRun, StartOptions } from '../runs/index.ts';
import { reportTo } from '../runs/report.ts';
import { answerItems, noSuchRun, refusal } from '../runs/respond.ts';
import { checkRunId, isRunId } from '../runs/store/run-topics.ts';
import { checkChunks } from '../runs/source.ts';
import { checkRuns } from './check-runs.ts';
import { brokenBy } from './run-broken.ts';

/** A chunk of the AI SDK's UI message stream: its `UIMessageChunk`. */
export interface UIMessageChunkLike {
  readonly type: string;
}

/** Makes the chunks of an answer: returns them, or appends each as JSON in a text. What it throws is not told to the page. */
export type UIMessageProducer = (
  context: RunContext,
) =>
  | AsyncIterable<UIMessageChunkLike>
  | ReadableStream<UIMessageChunkLike>
  | Promise<AsyncIterable<UIMessageChunkLike> | ReadableStream<UIMessageChunkLike>>;

export interface UIMessageOptions extends EventStreamOptions {
  /** Called with the error that broke the stream off, because no caller can get it once the answer has been returned. @default console.error */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * The text with which the page is told that the answer broke off, for a run that has failed, is lost, or is no longer kept. The `error` of a failed run may tell what is not for
   * everyone. If it throws, or returns no text, the page is told the default, and `onError` what was wrong.
   * @default 'The answer broke off.'
   */
  readonly errorText?: ((end: Pick<RunEnd, 'state' | 'error'>) => string) | undefined;
  /** Whether a `GET` without a last event ID gets the answer also if it was done, or stopped, before. @default false: 204, at which a `DefaultChatTransport` that had lost its connection keeps the part that it had as if that were all */
  readonly replay?: boolean | undefined;
}

const OPTIONS: Readonly<Record<keyof UIMessageOptions, true>> = {
  ...STREAM_OPTIONS,
  onError: true,
  errorText: true,
  replay: true,
};

/** The header field by which the AI SDK knows its protocol. */
const PROTOCOL = { 'X-Vercel-AI-UI-Message-Stream': 'v1' } as const;

/**
 * Starts a run whose chunks are those of a UI message stream, once. A stream with a chunk `error`, as the AI SDK makes of a model that fails, has failed when it ends. Answer the request with {@link respondUIMessages}, or {@link answerUIMessages} behind it.
 * @param id names the run. Make it of the chat's id and a digest of all messages, so that the same request is never answered twice. The last message's own id does not tell what is asked: a question that is edited keeps it,
 * and so does an answer that is sent again with what a tool of the page has found
 * @param producer is called only by the first of many calls. Give its `signal` to the model, so that the request is aborted when somebody stops the run
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, and what the log refuses
 * @example
 * const asked = createHash('sha256').update(JSON.stringify(messages)).digest('hex');
 * await startUIMessages(runs, `${chat}/${asked}`, async ({ signal }) =>
 *   toUIMessageStream({ stream: streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal }).stream }));
 */
export async function startUIMessages(
  runs: Runs,
  id: string,
  producer: UIMessageProducer,
  options: StartOptions = {},
): Promise<StartedRun> {
  if (typeof producer !== 'function') {
    throw new ServerError('ERR_INVALID_OPTION', `The producer is ${shown(producer)}, but must be a function`);
  }
  return await checkRuns(runs).start(
    id,
    async (context) =>
      textsOf(checkChunks('The producer', await producer(context), 'a ReadableStream or an async iterable')),
    options,
  );
}

/**
 * Answers both routes of the AI SDK's `DefaultChatTransport` with a run: its `POST`, and the `GET` with which a page comes back. The answer is the UI message stream
 * of the run from its start, or behind the request's last event ID. Each chunk has its place as the event's id. At the end of a run that was stopped there is a chunk
 * `abort`, and of one that broke off a chunk `error`. A `GET` gets 204 if the run is unknown, and without a last event ID
 * also if it was done or stopped before. An id that no run can have is 400.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, and what the log refuses
 */
export async function respondUIMessages(
  runs: Runs,
  request: Request,
  id: string,
  options: UIMessageOptions = {},
): Promise<Response> {
  const answer = await answerUIMessages(runs, fetchHead(request), id, options);
  return toResponse(answer, request.signal, request.method === 'HEAD');
}

/**
 * Decides the same answer for any server: `sendAnswer` of `@tidings/server/node` sends it.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, and what the log refuses
 */
export async function answerUIMessages(
  runs: Runs,
  request: RequestHead,
  id: string,
  options: UIMessageOptions = {},
): Promise<Answer> {
  checkRuns(runs);
  checkHead(request);
  const { replay, errorText, onError, streamOptions } = checkOptions(options);
  const head = streamHead(request, streamOptions);
  const { status, headers } = head;
  if (request.method === 'OPTIONS') return { status, headers };
  if (!isRunId(id)) return noSuchRun(id, headers);
  const { state } = await runs.status(id);
  const lastEventId = lastEventIdOf(request);
  // Who has a place in it wants the rest.
  const isWanted = replay || request.method === 'POST' || isBroken(state) || lastEventId !== '';
  if (state === 'unknown' || (state !== 'streaming' && !isWanted)) return refusal(204, { headers });
  const items = runs.resume(id, { lastEventId });
  const eventsOf = (all: AsyncIterable<RunItem>): AsyncGenerator<EventFields> => messageEvents(all, errorText);
  return await answerItems({ request, head, state, items, eventsOf, streamOptions, onError });
}

/**
 * The chunks of a run that are stored now, for `readUIMessageStream`, which makes a message of them. It does not wait for more.
 * @throws {ServerError} `ERR_INVALID_OPTION`; as an error of the stream, `ERR_RUN_BROKEN` if not all of them are kept, and what the log refuses. `readUIMessageStream` tells it with `terminateOnError`
 */
export function storedUIMessageChunks<Chunk extends UIMessageChunkLike>(runs: Runs, id: string): ReadableStream<Chunk> {
  checkRuns(runs);
  checkRunId(id);
  return new ReadableStream<Chunk>({
    async start(controller) {
      for (const item of await runs.snapshot(id)) {
        const broken = item.type === 'gap' && brokenBy(id, item);
        if (broken) throw broken;
        if (item.type === 'chunk') controller.enqueue(JSON.parse(String(item.data)) as Chunk);
      }
      controller.close();
    },
  });
}

type ErrorText = NonNullable<UIMessageOptions['errorText']>;

const ERROR_TEXT = 'The answer broke off.';

interface CheckedOptions {
  readonly replay: boolean;
  readonly errorText: ErrorText;
  readonly onError: UIMessageOptions['onError'];
  readonly streamOptions: EventStreamOptions;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkOptions(options: UIMessageOptions): CheckedOptions {
  checkNames(options, OPTIONS);
  const { replay = false, errorText = () => ERROR_TEXT, onError, ...others } = options;
  if (typeof replay !== 'boolean') {
    throw new ServerError('ERR_INVALID_OPTION', `The option replay is ${shown(replay)}, but must be true or false`);
  }
  checkFunction('errorText', errorText);
  checkFunction('onError', onError);
  checkPump(others);
  const streamOptions = { ...others, headers: { ...PROTOCOL, ...checkHeaders(others.headers) } };
  return { replay, errorText: checkedText(errorText, onError), onError, streamOptions };
}

/** Whatever comes of it, the page is told that the answer broke off: a stream without an end would be asked for again. */
function checkedText(errorText: ErrorText, onError: UIMessageOptions['onError']): ErrorText {
  return (end) => {
    try {
      const text: unknown = errorText(end);
      if (typeof text === 'string') return text;
      if (text instanceof Promise) text.catch(() => {});
      reportTo(onError, new TypeError(`The function errorText has returned ${shown(text)}, but must return a text`));
    } catch (error) {
      reportTo(onError, error);
    }
    return ERROR_TEXT;
  };
}

function isBroken(state: RunState): boolean {
  return state === 'failed' || state === 'lost';
}

/** The chunks as texts, and an error behind them if one of them tells of it. What it is given is let go of when the run is over. */
function textsOf(
  chunks: AsyncIterable<UIMessageChunkLike> | ReadableStream<UIMessageChunkLike>,
): AsyncIterable<string> | ReadableStream<string> {
  let failure: Error | undefined;
  const textOf = (chunk: UIMessageChunkLike): string => {
    checkChunk(chunk);
    if (chunk.type === 'error') failure ??= new Error(errorTextOf(chunk));
    return JSON.stringify(chunk);
  };
  const end = (): void => {
    if (failure) throw failure;
  };
  if ('getReader' in chunks) {
    const toText = new TransformStream<UIMessageChunkLike, string>({
      transform: (chunk, controller) => controller.enqueue(textOf(chunk)),
      flush: end,
    });
    return chunks.pipeThrough(toText);
  }
  const iterator = chunks[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next(): Promise<IteratorResult<string>> {
        const step = await iterator.next();
        if (step.done !== true) return { done: false, value: textOf(step.value) };
        end();
        return { done: true, value: undefined };
      },
      async return(): Promise<IteratorResult<string>> {
        await iterator.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** @throws {TypeError} for what every page would refuse when it reads the answer */
function checkChunk(chunk: unknown): void {
  if (typeof chunk === 'object' && chunk !== null && 'type' in chunk && typeof chunk.type === 'string') return;
  const allowed = 'an object with a type, as toUIMessageStream() makes them';
  throw new TypeError(`A chunk of the answer is ${shown(chunk)}, but must be ${allowed}`);
}

function errorTextOf(chunk: UIMessageChunkLike): string {
  const { errorText } = chunk as { readonly errorText?: unknown };
  return typeof errorText === 'string' ? errorText : 'The answer has a chunk of type error without an errorText';
}

async function* messageEvents(items: AsyncIterable<RunItem>, errorText: ErrorText): AsyncGenerator<EventFields> {
  // A page that has got the error of the answer itself is told of it no second time.
  let hasError = false;
  for await (const item of items) {
    if (yield* eventsOfItem(item, errorText, hasError)) return;
    hasError ||= tellsError(item);
  }
}

/** Whether it is a chunk `error`, which begins with its type as the AI SDK makes it. */
function tellsError(item: RunItem): boolean {
  return item.type === 'chunk' && /^\{"type":"error"[,}]/.test(String(item.data));
}

/** The events of an item. Returns whether the stream ends with them. */
function* eventsOfItem(item: RunItem, errorText: ErrorText, hasError: boolean): Generator<EventFields, boolean> {
  if (item.type === 'chunk') {
    yield { id: item.id, data: String(item.data) };
    return false;
  }
  const isTold = hasError && item.type === 'end' && item.state === 'failed';
  const last = isTold ? undefined : lastChunk(item, errorText);
  if (last) yield { data: JSON.stringify(last) };
  const id = item.type === 'end' ? item.id : undefined;
  yield { ...(id === undefined ? {} : { id }), data: '[DONE]' };
  return true;
}

/** What the page is told at the end, beside `[DONE]`. */
function lastChunk(
  item: Exclude<RunItem, RunChunk>,
  errorText: ErrorText,
): { readonly type: 'abort' } | { readonly type: 'error'; readonly errorText: string } | undefined {
  if (item.type === 'gap') return { type: 'error', errorText: errorText({ state: 'unknown' }) };
  if (item.state === 'done') return undefined;
  return item.state === 'stopped' ? { type: 'abort' } : { type: 'error', errorText: errorText(item) };
}
