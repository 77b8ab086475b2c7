import type { AbortSignalLike } from '../globals.ts';
import { checkNames, type PerRequest, valueOf } from './requests.ts';
import { InvalidOptionError } from '../errors.ts';
import type { RetryOptions } from '../subscription/options.ts';
import { subscribe } from '../subscription/subscription.ts';
import type { Fetch } from '../transport/fetch.ts';

export interface ResponseEventsOptions {
  /** Header fields of each request, such as `authorization`, or a function that is called for them. @default none */
  readonly headers?: PerRequest<Readonly<Record<string, string>>> | undefined;
  /** The body of the request that creates the response; `background` and `stream` are added. It is given, or `response` is. */
  readonly body?: object | undefined;
  /** Goes on with a response that was created before: behind an event, if its number is given. */
  readonly response?: { readonly id: string; readonly after?: number | undefined } | undefined;
  /** Ends the loop, which then throws the signal's reason. The response goes on. @default none */
  readonly signal?: AbortSignalLike | undefined;
  /** How long the stream may be silent before the connection counts as lost, in milliseconds. @default 60000 */
  readonly idleTimeoutMs?: number | undefined;
  /** When it tries again, as `subscribe()` does. The request that creates the response is never sent again. @default as there */
  readonly retry?: Omit<RetryOptions, 'maxAttempts'> | undefined;
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

/** The events behind which a response has no other. */
const LAST = new Set(['response.completed', 'response.failed', 'response.incomplete', 'error']);

/**
 * The events of one of OpenAI's responses that is made in the background. It is created once. When the connection is lost, it goes on behind the last event, by `starting_after`, so that
 * each event comes once. The last one says how the response has ended.
 * @param url the URL at which responses are created, such as `https://api.openai.com/v1/responses`
 * @throws InvalidOptionError; in the loop, ConnectionError if there is nothing more to try. A request that creates is never sent twice
 * @example
 * for await (const event of responseEvents('https://api.openai.com/v1/responses', { headers, body: { model, input } })) {
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
  let { id, after } = response ?? {};
  let last: Event | undefined;
  const events = subscribe(() => (id === undefined ? url : resumeUrl(url, id, after)), {
    method: () => (id === undefined ? 'POST' : 'GET'),
    headers: async () => ({
      ...(id === undefined ? { 'content-type': 'application/json' } : {}),
      ...(await valueOf(headers)),
    }),
    body: () => (id === undefined ? JSON.stringify({ ...body, background: true, stream: true }) : undefined),
    // It is called with each event that arrives, also before the loop takes it: what has arrived is not asked for again.
    until: ({ data }) => {
      const event = JSON.parse(data) as Event & { readonly response?: { readonly id?: string } };
      id ??= event.response?.id;
      after = event.sequence_number;
      if (LAST.has(event.type)) last = event;
      return last !== undefined;
    },
    idleTimeoutMs,
    // With a number of attempts, it would be.
    retry: { ...retry, maxAttempts: undefined },
    signal,
    fetch,
  });
  for await (const { data } of events) yield JSON.parse(data) as Event;
  if (last) yield last;
}

function resumeUrl(url: string, id: string, after: number | undefined): string {
  const query = new URLSearchParams({ stream: 'true' });
  if (after !== undefined) query.set('starting_after', String(after));
  return `${url}/${encodeURIComponent(id)}?${query}`;
}
