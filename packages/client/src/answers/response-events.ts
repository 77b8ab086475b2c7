import type { AbortSignalLike } from '../globals.ts';
import { answerRetry, below, checkNames, fieldsOf, givenUp, objectIn, type PerRequest } from './requests.ts';
import { type ConnectionError, InvalidOptionError, messageOf } from '../errors.ts';
import { readHeaders, readObject } from '../subscription/option-checks.ts';
import type { RetryOptions } from '../subscription/options.ts';
import { type EventSubscription, subscribe } from '../subscription/subscription.ts';
import type { Fetch, RequestHeaders } from '../transport/fetch.ts';

export interface ResponseEventsOptions {
  /** Header fields of each request, such as `authorization`, or a function that is called for them. @default none */
  readonly headers?: PerRequest<RequestHeaders> | undefined;
  /** The body of the request that creates the response; `background` and `stream` are added. It is given, or `response` is. */
  readonly body?: object | undefined;
  /** Goes on with a response that was created before: behind an event, if its number is given. */
  readonly response?: { readonly id: string; readonly after?: number | undefined } | undefined;
  /** Ends the loop, which then throws the signal's reason. The response goes on. @default none */
  readonly signal?: AbortSignalLike | undefined;
  /** How long the stream may be silent before the connection counts as lost, in milliseconds. @default 60000 */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * When it tries again, as `subscribe()` does. A connection that has brought a new event has not failed. `maxAttempts` also is how many streams in a row may end without one: then the
   * response is over, or unknown. The request that creates the response is never sent again. @default as there, 6 such streams, and `maxMs` is 5000
   */
  readonly retry?: RetryOptions | undefined;
  /** Makes the requests. @default the platform's */
  readonly fetch?: Fetch | undefined;
}

const NAMES: Readonly<Record<keyof ResponseEventsOptions, true>> = {
  headers: true,
  body: true,
  response: true,
  signal: true,
  idleTimeoutMs: true,
  retry: true,
  fetch: true,
};

/** An event of OpenAI's responses: the type of the SDK, `ResponseStreamEvent`, has more. */
export interface ResponseEventLike {
  readonly type: string;
  readonly sequence_number: number;
}

/** What is in the stream, for an error. */
const EVENTS = 'the events of a response are objects';

/** How many streams in a row may end without a new event, unless the caller says. */
const MAX_IN_VAIN = 6;

/** The events behind which a response has no other. */
const LAST = new Set(['response.completed', 'response.failed', 'response.incomplete', 'error']);

/**
 * The events of one of OpenAI's responses that is made in the background. It is created once. When the connection is lost, it goes on behind the last event, by `starting_after`, so that
 * each event comes once. The last one says how the response has ended.
 * @param url the URL at which responses are created, such as `https://api.openai.com/v1/responses`
 * @throws InvalidOptionError; in the loop, ConnectionError if there is nothing more to try, and InvalidEventError for what is no event of a response. A request that creates is never sent twice
 * @example
 * for await (const event of responseEvents<ResponseStreamEvent>('https://api.openai.com/v1/responses', { headers, body: { model, input } })) {
 *   if (event.type === 'response.output_text.delta') print(event.delta);
 * }
 */
export async function* responseEvents<Event extends ResponseEventLike>(
  url: string,
  options: ResponseEventsOptions,
): AsyncGenerator<Event, undefined> {
  checkNames(options, NAMES);
  const { headers, body, response, signal, idleTimeoutMs = 60_000, retry, fetch } = options;
  if ((body === undefined) === (response === undefined)) {
    const message = 'Either body has to be given, which creates a response, or response, to go on with one';
    throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
  }
  const asked = body === undefined ? undefined : bodyOf(body);
  if (response !== undefined) checkResponse(response);
  if (typeof headers !== 'function') readHeaders(headers ?? {});
  readObject('retry', retry ?? {});
  const progress = new Progress(response?.after, retry?.maxAttempts);
  let id = response?.id;
  let given = response?.after;
  let last: Event | undefined;
  const nextUrl = (attempt: number): string => {
    if (id === undefined) return url;
    progress.check(attempt);
    return resumeUrl(url, id, progress.after);
  };
  const events = subscribe(({ attempt }) => nextUrl(attempt), {
    method: () => (id === undefined ? 'POST' : 'GET'),
    headers: async () => ({
      ...(id === undefined ? { 'content-type': 'application/json' } : {}),
      ...(await fieldsOf(headers)),
    }),
    body: () => (id === undefined ? asked : undefined),
    // It is called with each event that arrives, also before the loop takes it: what has arrived is not asked for again.
    until: ({ data }) => {
      const event = objectIn(data, EVENTS) as Event & { readonly response?: { readonly id?: string } };
      id ??= event.response?.id;
      const isNew = progress.arrive(event);
      const isLast = LAST.has(event.type);
      if (isLast && isNew) last = event;
      return isLast;
    },
    idleTimeoutMs,
    // With a number of attempts, it would be.
    retry: answerRetry(retry, undefined),
    onState: (state) => {
      progress.follow(state);
      const { phase, error } = state;
      // The response is not created twice. A request that was refused for its credentials has created none.
      if (phase !== 'waiting' || id !== undefined || !error || error.status === 401) return;
      progress.failure = givenUp(error, error.message);
      events.close();
    },
    signal,
    fetch,
  });
  try {
    for await (const { data } of events) {
      const event = objectIn(data, EVENTS) as Event;
      if (!isPast(event, given)) continue;
      given = event.sequence_number ?? given;
      yield event;
    }
  } catch (error) {
    throw progress.failure ?? error;
  }
  if (progress.failure) throw progress.failure;
  if (last) yield last;
}

/** How far a response has come, and how often it was asked for in vain. */
class Progress {
  /** The number of the last event that has arrived; undefined before the first. */
  after: number | undefined;
  /** Why nothing more is asked for. */
  failure: ConnectionError | undefined;
  readonly #maxAttempts: number | undefined;
  #lost: ConnectionError | undefined;
  /** What the stream has brought; undefined when there is none. */
  #found: 'nothing' | 'nothing new' | 'news' | undefined;
  /** How many streams in a row have ended in vain. */
  #inVain = 0;
  /** How many attempts of the row of the subscription, which knows no numbers of events, do not count: behind them something new has come. */
  #uncounted = 0;

  /** @throws InvalidOptionError */
  constructor(after: number | undefined, maxAttempts: number | undefined) {
    this.after = after;
    this.#maxAttempts = maxAttempts;
    if (maxAttempts === undefined || maxAttempts >= 1) return;
    const message = `The option retry.maxAttempts is ${maxAttempts}, but must be at least 1`;
    throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
  }

  /** An event has arrived. Returns whether it had not before: not every server or proxy takes `starting_after`. */
  arrive(event: Numbered): boolean {
    const isNew = isPast(event, this.after);
    const number = event.sequence_number;
    if (isNew && number !== undefined) {
      this.after = number;
      this.#found = 'news';
    } else if (this.#found === 'nothing') this.#found = 'nothing new';
    return isNew;
  }

  follow({ phase, attempt, error }: EventSubscription['state']): void {
    this.#lost = error ?? this.#lost;
    if (phase === 'open') this.#found = 'nothing';
    if (phase !== 'waiting') return;
    // The next attempt is the second of its row, as after a connection that has moved a last event ID.
    if (this.#found === 'news') this.#uncounted = attempt - 2;
    else if (attempt <= 2) this.#uncounted = 0;
    if (!this.#found) return;
    // A stream without an event that has begun a new row was open for long: the response is under way.
    const isUnderWay = this.#found === 'news' || (this.#found === 'nothing' && attempt <= 2);
    if (isUnderWay) this.#inVain = 0;
    else if (error?.code === 'ERR_STREAM_ENDED') this.#inVain += 1;
    this.#found = undefined;
  }

  /** @throws InvalidOptionError if there are to be no more attempts: behind it a subscription makes none, and the loop still gets what has arrived */
  check(attempt: number): void {
    const lost = this.#lost;
    const isInVain = this.#inVain >= (this.#maxAttempts ?? MAX_IN_VAIN);
    if (!lost || (!isInVain && attempt - this.#uncounted <= (this.#maxAttempts ?? Infinity))) return;
    const message = isInVain ? `${this.#inVain} streams in a row have ended without a new event` : lost.message;
    this.failure = givenUp(lost, message);
    throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
  }
}

/** An event as it comes: not every one has a number. */
interface Numbered {
  readonly sequence_number?: number;
}

/** Whether an event follows the one of a number, as far as it can be known. */
function isPast({ sequence_number: number }: Numbered, after: number | undefined): boolean {
  return number === undefined || after === undefined || number > after;
}

function resumeUrl(url: string, id: string, after: number | undefined): string {
  return below(url, [id], { stream: 'true', ...(after === undefined ? {} : { starting_after: String(after) }) });
}

/** The body of the request that creates a response. @throws InvalidOptionError */
function bodyOf(body: unknown): string {
  checkObject('body', body);
  try {
    return JSON.stringify({ ...body, background: true, stream: true });
  } catch (cause) {
    const message = `The option body cannot be sent as JSON: ${messageOf(cause)}`;
    throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message, cause });
  }
}

/** @throws InvalidOptionError */
function checkObject(name: 'body' | 'response', value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  const found = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  const message = `The option ${name} is ${found}, but must be an object`;
  throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
}

/** @throws InvalidOptionError for a response that cannot be gone on with: without an id, another request would be sent */
function checkResponse(response: NonNullable<ResponseEventsOptions['response']>): void {
  checkObject('response', response);
  checkNames(response, { id: true, after: true });
  const { id, after } = response;
  const isId = typeof id === 'string' && id !== '';
  if (isId && (after === undefined || (Number.isSafeInteger(after) && after >= 0))) return;
  const message = isId
    ? `The option response.after is ${JSON.stringify(after)}, but must be the sequence_number of an event`
    : `The option response.id is ${JSON.stringify(id)}, but must be the id of a response`;
  throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
}
