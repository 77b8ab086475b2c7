import type { Clock } from '../../clock.ts';
import { ServerError, type ServerErrorCode } from '../../errors.ts';
import { failureText } from '../store/failure-text.ts';
import { keepRunning } from '../store/keep-running.ts';
import { codeOf } from '../store/run-over.ts';
import { AGAIN_MS, againMs, HubAway, type HubAwayOptions, retryMsOf } from './hub-away.ts';
import { textOf } from './hub-body.ts';
import { headersFor, type HubHeaders } from './hub-headers.ts';

export interface HubConnectionOptions {
  /** The URL below which `/topics` is. */
  readonly url: string;
  readonly headers: HubHeaders;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

export interface HubRequest {
  readonly method: string;
  /** The rest of the path behind `/topics`, encoded. @default '' */
  readonly path?: string | undefined;
  readonly query: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether a lease hangs on it: it does not wait until others are answered. @default false */
  readonly isUrgent?: boolean | undefined;
}

/** A request whose answer is a stream. */
export interface HubStreamRequest extends Omit<HubRequest, 'signal'> {
  /** Ends the request and its stream. It is the caller's, who holds it as long as the stream lives; it is aborted if no head comes in time. */
  readonly abort: AbortController;
}

/** An answer that is a success. */
export interface HubAnswer {
  readonly response: Response;
  readonly text: string;
}

/** Guards whoever waits against a hub that takes a request and never answers, in milliseconds. */
const ANSWER_MS = 30_000;

/** How many questions are under way at a time: hundreds of runs that begin at once would have more connections than a hub takes from one address. */
const MAX_QUESTIONS = 64;

/** How much of the target of a redirect is shown, in UTF-16 units. */
const MAX_LOCATION_LENGTH = 200;

/** What the problems of a hub (PROTOCOL §10) are called in a log. */
const CODES: Readonly<Record<string, ServerErrorCode>> = {
  'topic-closed': 'ERR_TOPIC_CLOSED',
  'lease-lost': 'ERR_LEASE_LOST',
  leased: 'ERR_LEASED',
  'topic-exists': 'ERR_TOPIC_EXISTS',
  'too-many-topics': 'ERR_TOO_MANY_TOPICS',
  'too-large': 'ERR_EVENT_TOO_LARGE',
  'invalid-event': 'ERR_INVALID_EVENT',
  'not-stored': 'ERR_NOT_STORED',
  unauthorized: 'ERR_FORBIDDEN',
  forbidden: 'ERR_FORBIDDEN',
};

/**
 * Aborts a controller with a signal, until the returned function is called. Not with `AbortSignal.any()`: Node.js 20 may lose such a signal in a collection.
 */
export function abortWith(controller: AbortController, signal: AbortSignal | undefined): () => void {
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  return () => signal?.removeEventListener('abort', abort);
}

/** Asks a hub over HTTP. What it refuses is a `ServerError` with the code that a log has for it; a hub that is away, busy or defective is `ERR_STORE_AWAY`. */
export class HubConnection {
  readonly clock: Clock;
  readonly #url: string;
  readonly #headers: HubHeaders;
  readonly #fetch: typeof fetch;
  #questions = 0;
  /** The questions that wait until another is answered. */
  readonly #waiting: (() => void)[] = [];

  constructor({ url, headers, fetch: call, clock }: HubConnectionOptions) {
    this.clock = clock;
    this.#url = url.replace(/\/+$/, '');
    this.#headers = headers;
    this.#fetch = call;
  }

  /** The answer to a request, which is a success, with its head read and not its body. It does not wait for the head, or for a refusal with its body, for longer than half a minute. */
  async open(request: HubStreamRequest): Promise<Response> {
    const isFunction = typeof this.#headers === 'function';
    const response = await this.#send(request, isFunction);
    if (response.ok) return response;
    // A token may have run out on the way: the function may give a fresh one, before the refusal counts.
    response.body?.cancel().catch(() => {});
    return await this.#send(request, false);
  }

  /** @param maySay401 whether an answer that is a 401 is returned, too */
  async #send(request: HubStreamRequest, maySay401: boolean): Promise<Response> {
    const { method, path = '', query, headers, body, abort } = request;
    const url = `${this.#url}/topics${path}?${new URLSearchParams(query).toString()}`;
    const given = await this.#fieldsFor(method);
    const timer = this.clock.setTimeout(() => abort.abort(), ANSWER_MS);
    let problem;
    try {
      const response = await this.#fetch(url, {
        method,
        headers: { ...given, ...headers },
        body: body ?? null,
        signal: abort.signal,
        redirect: 'manual',
      });
      if (response.ok || (maySay401 && response.status === 401)) return response;
      problem = await this.#refusal(method, response, abort.signal);
    } catch (cause) {
      throw this.#away(method, 'could not be reached', { cause });
    } finally {
      this.clock.clearTimeout(timer);
    }
    throw problem;
  }

  /** The same, with the text of the body, for which it does not wait for longer than half a minute either. */
  async ask({ signal, isUrgent = false, ...request }: HubRequest): Promise<HubAnswer> {
    const abort = new AbortController();
    const release = abortWith(abort, signal);
    let timer: unknown;
    if (!isUrgent) await this.#turn();
    try {
      const response = await this.open({ ...request, abort });
      timer = this.clock.setTimeout(() => abort.abort(), ANSWER_MS);
      const text = await textOf(response, abort.signal).catch((cause: unknown) => {
        throw this.#away(request.method, 'broke its answer off', { cause });
      });
      return { response, text };
    } finally {
      this.clock.clearTimeout(timer);
      release();
      if (!isUrgent) this.#leave();
    }
  }

  /** Asks again while the hub is away, for at most this time. What is asked has to be safe to repeat. */
  async askAgain(ms: number, request: HubRequest): Promise<HubAnswer> {
    const end = this.clock.now() + ms;
    for (;;) {
      let waitMs;
      try {
        return await this.ask(request);
      } catch (error) {
        const now = this.clock.now();
        if (codeOf(error) !== 'ERR_STORE_AWAY' || now >= end || request.signal?.aborted) throw error;
        waitMs = againMs(error, { ms, leftMs: end - now });
      }
      await this.pause(request.signal, waitMs);
    }
  }

  /** Resolves after a short time, or when the signal aborts. Who waits for a hub that is away keeps the process alive, as a request does. */
  async pause(signal?: AbortSignal, ms: number = AGAIN_MS): Promise<void> {
    const release = keepRunning();
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
      function done(): void {
        signal?.removeEventListener('abort', done);
        resolve();
      }
      if (signal?.aborted) {
        this.clock.clearTimeout(timer);
        done();
      }
    });
    release();
  }

  /** Resolves when one more question may be asked. */
  async #turn(): Promise<void> {
    if (this.#questions === MAX_QUESTIONS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#questions += 1;
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#questions -= 1;
  }

  /** What the function of the caller throws may pass, such as while no token can be had. */
  async #fieldsFor(method: string): Promise<Readonly<Record<string, string>>> {
    try {
      return await headersFor(this.#headers);
    } catch (cause) {
      if (codeOf(cause) === 'ERR_INVALID_OPTION') throw cause;
      throw this.#away(method, `was not asked, because the function headers has thrown: ${failureText(cause)}`, {
        cause,
      });
    }
  }

  async #refusal(method: string, response: Response, signal: AbortSignal): Promise<ServerError> {
    const { status } = response;
    if (isRedirect(response)) return this.#redirected(method, response);
    const { problem, detail } = readProblem(await textOf(response, signal).catch(() => ''));
    const code = problem === undefined ? undefined : CODES[problem];
    const said = `the hub answered ${status}${detail === undefined ? '' : `: ${detail}`}`;
    if (code !== undefined) return new ServerError(code, `Cannot ${method} at the hub ${this.#url}: ${said}`);
    const mayPass = status === 408 || status === 429 || status >= 500;
    if (mayPass && problem !== 'unsupported') {
      const retryMs = retryMsOf(response, this.clock.time());
      return this.#away(method, said, { retryMs });
    }
    return new ServerError('ERR_HUB', `Cannot ${method} at the hub ${this.#url}: ${said}`);
  }

  /** A redirect is not followed: the key would be sent to wherever it leads. One that is not permanent may pass, such as that of a proxy during maintenance. */
  #redirected(method: string, { status, headers, body }: Response): ServerError {
    body?.cancel().catch(() => {});
    const location = headers.get('location');
    const to = location === null ? '' : ` to ${JSON.stringify(location.slice(0, MAX_LOCATION_LENGTH))}`;
    const said = `the hub answered with a redirect${to}, which is not followed: give the URL of the hub itself`;
    if (status !== 301 && status !== 308) return this.#away(method, said);
    return new ServerError('ERR_HUB', `Cannot ${method} at the hub ${this.#url}: ${said}`);
  }

  #away(method: string, why: string, options?: HubAwayOptions): ServerError {
    const found = why.startsWith('the hub') ? why : `the hub ${why}`;
    return new HubAway(`Cannot ${method} at the hub ${this.#url}: ${found}`, options);
  }
}

/** Browsers do not tell more of a redirect than that it is one. */
function isRedirect({ status, type }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400);
}

/** The name and the detail of a hub's refusal (PROTOCOL §10), if the body is such a document. */
function readProblem(body: string): { readonly problem?: string | undefined; readonly detail?: string | undefined } {
  try {
    const { type, detail } = JSON.parse(body) as { readonly type?: unknown; readonly detail?: unknown };
    const problem = /^\/PROTOCOL\.md#([a-z-]+)$/.exec(String(type))?.[1];
    return { problem, detail: typeof detail === 'string' ? detail : undefined };
  } catch {
    return {};
  }
}
