import type { AbortSignalLike } from '../globals.ts';
import { ConnectionError, InvalidOptionError } from '../errors.ts';
import { check } from '../subscription/option-checks.ts';
import type { RetryOptions } from '../subscription/options.ts';
import { readOptions } from '../subscription/settings.ts';
import { subscribe } from '../subscription/subscription.ts';
import type { Fetch, RequestHeaders } from '../transport/fetch.ts';
import {
  answerRetry,
  below,
  checkMembers,
  checkNames,
  fieldsOf,
  givenUp,
  membersOf,
  objectIn,
  type PerRequest,
} from './requests.ts';

export interface ChatTransportOptions {
  /** The URL of the route that answers. `{api}/{chat}/stream` goes on with an answer. In a browser it may be relative to the page. @default '/api/chat' */
  readonly api?: string | undefined;
  /** Header fields of each request, or a function that is called for them. @default none */
  readonly headers?: PerRequest<RequestHeaders> | undefined;
  /** Members of each body beside `id`, `messages`, `trigger` and `messageId`, or a function that is called for them. @default none */
  readonly body?: PerRequest<object> | undefined;
  /** Whether requests to another origin carry cookies, in browsers. @default false */
  readonly withCredentials?: boolean | undefined;
  /** How long a stream may be silent before the connection counts as lost, in milliseconds. Any byte counts, such as the comment that the server sends every 15 seconds. @default 45000 */
  readonly idleTimeoutMs?: number | undefined;
  /** When it tries again, as `subscribe()` does. A connection that has brought a chunk has not failed. @default up to 30 attempts in a row may fail, and `maxMs` is 5000 */
  readonly retry?: RetryOptions | undefined;
  /** Makes the requests. @default the platform's */
  readonly fetch?: Fetch | undefined;
}

const NAMES: Readonly<Record<keyof ChatTransportOptions, true>> = {
  api: true,
  headers: true,
  body: true,
  withCredentials: true,
  idleTimeoutMs: true,
  retry: true,
  fetch: true,
};

/** What the AI SDK gives with each request. */
interface ChatRequest {
  readonly chatId: string;
  readonly abortSignal?: AbortSignalLike | undefined;
  readonly headers?: Readonly<Record<string, string>> | Headers | undefined;
  readonly body?: object | undefined;
}

/** What it gives with a message to send. */
interface SendRequest<Message> extends ChatRequest {
  readonly trigger: 'submit-message' | 'regenerate-message';
  readonly messageId: string | undefined;
  readonly messages: Message[];
}

/** The `ChatTransport` of the AI SDK. */
export interface ResumingChatTransport<Message, Chunk> {
  readonly resumeStreamIsReplay: true;
  sendMessages: (request: SendRequest<Message>) => Promise<ReadableStream<Chunk>>;
  reconnectToStream: (request: ChatRequest) => Promise<ReadableStream<Chunk> | null>;
}

/**
 * Whether there is a page to which the URL may be relative is known only with a request: a transport may be made where there is none, to render a page on a server.
 * @throws InvalidOptionError
 */
function checkOptions({ api, body, headers = {}, ...others }: ChatTransportOptions): void {
  check(api === undefined || (typeof api === 'string' && api !== ''), 'api', 'a URL', api);
  if (typeof body !== 'function' && body !== undefined) checkMembers(body);
  readOptions(() => '', { ...others, headers });
}

/** How many attempts in a row may fail, unless the caller says. With the longest wait that goes on for one to two minutes if the server is away. */
const MAX_ATTEMPTS = 30;

/** The event that ends a UI message stream. */
const DONE = '[DONE]';

/** @throws InvalidEventError, also for an event that is not of an answer, such as a gap: behind it chunks may come twice */
function chunkIn(data: string): object {
  return objectIn(
    data,
    'the chunks of an answer are objects with a type',
    (found) => typeof (found as { readonly type?: unknown }).type === 'string',
  );
}

/**
 * Makes a transport for `useChat` that goes on by itself when the connection is lost: behind the last chunk, with the same stream, so that the chat does not notice. The
 * server has to give each chunk an id and to take `Last-Event-ID`, as `@tidings/server/ai-sdk` does, and not to answer a message twice: a POST that failed is sent again.
 * @throws InvalidOptionError
 * @example
 * const chat = useChat({ id, resume: true, transport: resumingChatTransport({ api: '/api/chat' }) });
 */
export function resumingChatTransport<Message, Chunk>(
  options: ChatTransportOptions = {},
): ResumingChatTransport<Message, Chunk> {
  checkNames(options, NAMES);
  const { api = '/api/chat' } = options;
  checkOptions(options);

  async function chunksOf(request: ChatRequest, sent: object | undefined): Promise<ReadableStream<Chunk>> {
    const { chatId, abortSignal } = request;
    const resumeUrl = below(api, [chatId, 'stream']);
    // The first request of a message that is sent is a POST, until there is a place to go on behind.
    const isPost = (lastEventId: string): boolean => sent !== undefined && lastEventId === '';
    let lost: ConnectionError | undefined;
    let failure: ConnectionError | undefined;
    /** Where the stream before began, and whether it has brought anything. */
    let place: string | undefined;
    let hasBrought = false;
    const nextUrl = (lastEventId: string): string => {
      // Asked again, it would bring the same chunks once more, and a model might answer anew each time.
      if (lost && hasBrought && lastEventId === place) {
        const message = `${lost.message}, and the answer has come from the same place again: its chunks need ids, and the server has to read Last-Event-ID`;
        failure = givenUp(lost, message);
        throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
      }
      place = lastEventId;
      hasBrought = false;
      return isPost(lastEventId) ? api : resumeUrl;
    };
    const events = subscribe(({ lastEventId }) => nextUrl(lastEventId), {
      method: ({ lastEventId }) => (isPost(lastEventId) ? 'POST' : 'GET'),
      headers: async ({ lastEventId }) => ({
        ...(isPost(lastEventId) ? { 'content-type': 'application/json' } : {}),
        ...(await fieldsOf(options.headers)),
        ...(await fieldsOf(request.headers)),
      }),
      body: async ({ lastEventId }) =>
        isPost(lastEventId)
          ? JSON.stringify({ ...(await membersOf(options.body)), ...request.body, ...sent })
          : undefined,
      until({ data }) {
        hasBrought = true;
        return data === DONE;
      },
      onState({ error }) {
        lost = error ?? lost;
      },
      retry: answerRetry(options.retry, options.retry?.maxAttempts ?? MAX_ATTEMPTS),
      idleTimeoutMs: options.idleTimeoutMs ?? 45_000,
      withCredentials: options.withCredentials,
      fetch: options.fetch,
      signal: abortSignal,
    });
    const iterator = events[Symbol.asyncIterator]();
    const take = async (): Promise<IteratorResult<{ readonly data: string }, undefined>> => {
      try {
        return await iterator.next();
      } catch (error) {
        throw failure ?? error;
      }
    };
    // With the first chunk it is known whether there is an answer.
    let next: ReturnType<typeof take> | undefined = take();
    await next;
    return new ReadableStream<Chunk>({
      async pull(controller) {
        try {
          const step = await (next ?? take());
          next = undefined;
          if (step.done === true) controller.close();
          else controller.enqueue(chunkIn(step.value.data) as Chunk);
        } catch (error) {
          // Nobody pulls again: without this it would go on asking.
          events.close();
          throw error;
        }
      },
      cancel: () => events.close(),
    });
  }

  return {
    resumeStreamIsReplay: true,
    sendMessages: ({ trigger, messageId, messages, ...request }) =>
      chunksOf(request, { id: request.chatId, messages, trigger, messageId }),
    async reconnectToStream(request) {
      try {
        return await chunksOf(request, undefined);
      } catch (error) {
        // There is nothing to go on with.
        if (error instanceof ConnectionError && error.status === 204) return null;
        throw error;
      }
    },
  };
}
