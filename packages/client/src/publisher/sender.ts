import { readBody } from '#runtime';
import { readRetryAfter } from '../connection/response.ts';
import { ClientError, ConnectionError, InvalidOptionError, messageOf } from '../errors.ts';
import { type Alarm, createAlarm } from '../platform/alarm.ts';
import { isFunction } from '../subscription/option-checks.ts';
import type { FetchResponse } from '../transport/fetch.ts';
import { type Answer, type Failure, isUnsent, mayHaveDone, readProblem, type Success, type Verdict } from './answer.ts';
import type { PublishAttempt } from './options.ts';
import { readRequestHeaders } from './request-headers.ts';
import type { PublisherSettings } from './settings.ts';

/** The most bytes of an answer that has to be whole. The ids of 10,000 events, and what a hub says of the longest line, are at most this long. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** The most bytes of a refusal that are kept, and of another answer that are read. Guards against a page of megabytes, which each error would hold. */
const MAX_REFUSAL_BYTES = 4_096;

/** How many times as long as the first one a later request may take. */
const MAX_PATIENCE = 10;

/** A request to the hub. */
export interface HubRequest<T> {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  /** What it does, for errors: `could not …`. */
  readonly purpose: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The longest that an attempt takes, and the longest wait that a failure leads to, in milliseconds. */
  readonly maxMs?: number;
  /** Reads the body of a success; `undefined` if it is another one than expected. */
  readonly read: (body: string) => T | undefined;
  /** What was expected, for errors. */
  readonly expected: string;
}

/** What is to be known of the attempts to make a request. */
export interface Attempts {
  /** Called before each attempt, which is made if the promise resolves to true. */
  readonly begin: (attempt: number) => Promise<boolean>;
  /** Says what follows from a failure. */
  readonly judge: (failure: Failure, canRefresh: boolean) => Verdict;
  /** Called before the wait for the next attempt. */
  readonly onWait: (next: {
    readonly attempt: number;
    readonly waitMs: number;
    readonly error: ConnectionError;
  }) => void;
}

/** A failure after which the request is not made again. */
export interface LastFailure extends Failure {
  readonly verdict: Verdict;
  readonly error: ConnectionError;
}

/** Makes requests to the hub, one at a time, each again until it is answered for good. */
export class Sender {
  readonly #settings: PublisherSettings;
  /** The one timer: it ends the wait, or else the request. */
  readonly #alarm: Alarm;
  readonly #leaveNetwork: () => void;
  #onSlept: (() => void) | undefined;
  #onStop: (() => void) | undefined;
  #endWait: (() => void) | undefined;
  #isStopped = false;
  #isSending = false;

  constructor(settings: PublisherSettings) {
    this.#settings = settings;
    this.#alarm = createAlarm(settings.clock, () => this.#wake());
    this.#leaveNetwork = settings.network.onOnline(() => this.#endWait?.());
  }

  /** Whether a request is under way that the hub may carry out. */
  get isSending(): boolean {
    return this.#isSending;
  }

  /** Makes a request until it is answered for good. Resolves to `undefined` if it was given up before. */
  async settle<T>(request: HubRequest<T>, attempts: Attempts): Promise<Success<T> | LastFailure | undefined> {
    const { headers, backoff, clock } = this.#settings;
    const { maxMs = Infinity } = request;
    let unauthorized = false;
    for (let attempt = 1; ; attempt++) {
      if (!(await attempts.begin(attempt)) || this.#isStopped) return undefined;
      const answer: Answer<T> = await this.#send(request, { attempt, unauthorized });
      if (this.#isStopped) return undefined;
      if (answer.type === 'success') return answer;
      const verdict = attempts.judge(answer, isFunction(headers) && !unauthorized);
      unauthorized = answer.status === 401;
      if (verdict === 'refresh') continue;
      const retryAfterMs = this.#retryAfterMs(answer);
      const usualMs = verdict === 'retry' ? backoff(attempt, attempt - 1, 0, clock.random(), retryAfterMs) : Infinity;
      const willRetry = usualMs < Infinity;
      const error = this.#errorOf(request, answer, attempt, willRetry);
      if (!willRetry) return { ...answer, verdict, error };
      const waitMs = Math.max(Math.min(usualMs, maxMs), retryAfterMs);
      attempts.onWait({ attempt: attempt + 1, waitMs, error });
      await this.#wait(waitMs);
    }
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#isStopped = true;
    this.#onStop?.();
    this.#endWait?.();
    this.#leaveNetwork();
  }

  /** One attempt. Never rejects. */
  async #send<T>(request: HubRequest<T>, attempt: PublishAttempt): Promise<Answer<T>> {
    const controller = new AbortController();
    const usualMs = this.#settings.requestTimeoutMs * Math.min(attempt.attempt, MAX_PATIENCE);
    const ms = Math.min(usualMs, request.maxMs ?? Infinity);
    const answer = new Promise<Answer<T>>((resolve) => {
      const end = (code: Failure['code'], message: string): void => {
        resolve({ type: 'failure', code, message, maybe: this.#isSending });
        controller.abort();
      };
      this.#alarm.set(ms, () => end('ERR_CONNECT_TIMEOUT', `no answer for ${ms} ms`));
      this.#onSlept = () => end('ERR_SUSPENDED', 'the machine slept');
      // Whatever a function of the caller is waiting for.
      this.#onStop = () => end('ERR_ABORTED', 'the publisher has ended');
      this.#exchange(request, attempt, controller.signal).then(resolve, (cause: unknown) =>
        resolve({
          type: 'failure',
          ...failureOf(cause, this.#isSending),
          maybe: this.#isSending && !isUnsent(cause),
          cause,
        }),
      );
    });
    try {
      return await answer;
    } finally {
      this.#isSending = false;
      this.#onSlept = this.#onStop = undefined;
      this.#alarm.clear();
    }
  }

  async #exchange<T>(request: HubRequest<T>, attempt: PublishAttempt, signal: AbortSignal): Promise<Answer<T>> {
    const { headers, fetch, authorization, withCredentials } = this.#settings;
    const { method, url, headers: own, body } = request;
    const given = readRequestHeaders(isFunction(headers) ? await headers(attempt) : headers);
    if (signal.aborted) throw new Error('the attempt is over');
    this.#isSending = true;
    const response = await fetch(url, {
      method,
      headers: { ...authorization, ...given, accept: 'application/json', ...own },
      ...(body !== undefined && { body }),
      credentials: withCredentials ? 'include' : 'same-origin',
      cache: 'no-store',
      signal,
    });
    const text = await readText(response, signal);
    return response.status < 300 ? readSuccess(response, text, request) : readRefusal(response, text);
  }

  /** Waits before the next attempt. */
  async #wait(ms: number): Promise<void> {
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      this.#endWait = resolve;
      this.#alarm.set(ms, resolve);
    });
    this.#endWait = undefined;
    this.#alarm.clear();
  }

  /** How long an answer asks to wait, in milliseconds. */
  #retryAfterMs({ headers }: Failure): number {
    const { clock, maxRetryAfterMs } = this.#settings;
    if (!headers) return 0;
    return Math.min(readRetryAfter(headers.get('retry-after'), headers.get('date'), clock.time()), maxRetryAfterMs);
  }

  /** The error of an attempt. */
  #errorOf(
    { url, purpose }: HubRequest<unknown>,
    answer: Failure,
    attempt: number,
    willRetry: boolean,
  ): ConnectionError {
    const { type: _, maybe: _maybe, lasting: _lasting, problem: _problem, line: _line, ...fields } = answer;
    return new ConnectionError({
      ...fields,
      message: `could not ${purpose}: ${answer.message}`,
      url,
      attempt,
      willRetry,
    });
  }

  /** The machine has slept: the other end may be gone for long, and a wait is over. */
  #wake(): void {
    this.#onSlept?.();
    this.#endWait?.();
  }
}

function readSuccess<T>(response: FetchResponse, body: string, { read, expected }: HubRequest<T>): Answer<T> {
  const { status, headers, redirected, url } = response;
  const value = read(body);
  if (value !== undefined) return { type: 'success', value };
  return {
    type: 'failure',
    code: 'ERR_CONTENT_TYPE',
    message: `found ${status} ${headers.get('content-type')}, expected ${expected}${redirected ? `, after a redirect to ${url}` : ''}`,
    body: body.slice(0, MAX_REFUSAL_BYTES),
    maybe: mayHaveDone(status, undefined),
    lasting: true,
  };
}

function readRefusal({ status, headers }: FetchResponse, text: string): Failure {
  const { problem, line, detail } = readProblem(text);
  return {
    type: 'failure',
    code: 'ERR_STATUS',
    message: `found ${status}${problem ? ` ${problem}` : ''}${detail ? `: ${detail}` : ''}`.slice(0, MAX_REFUSAL_BYTES),
    status,
    headers,
    body: text.slice(0, MAX_REFUSAL_BYTES),
    problem,
    line,
    maybe: mayHaveDone(status, problem),
  };
}

function failureOf(cause: unknown, isSent: boolean): Pick<Failure, 'code' | 'message' | 'lasting'> {
  const message = messageOf(cause);
  // What the platform lacks, it will lack the next time, too.
  if (cause instanceof ClientError && !(cause instanceof InvalidOptionError)) {
    return { code: cause.code as Failure['code'], message, lasting: true };
  }
  if (isSent) return { code: 'ERR_NETWORK', message };
  return { code: 'ERR_REQUEST', message, lasting: cause instanceof InvalidOptionError };
}

/** @throws whatever the body breaks with, if it has to be whole */
async function readText({ body, status }: FetchResponse, signal: AbortSignal): Promise<string> {
  const reader = readBody(body);
  if (!reader) return '';
  const letGo = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', letGo);
  const decoder = new TextDecoder();
  let text = '';
  // A refusal of a part of the batch says in its document of which, and that names texts of the sender. Of other refusals the status says enough.
  const isWhole = status < 404 || status === 409;
  let room = isWhole ? MAX_ANSWER_BYTES : MAX_REFUSAL_BYTES;
  try {
    while (room > 0) {
      const { value } = await reader.read();
      if (!value) return text;
      text += decoder.decode(value.subarray(0, room), { stream: true });
      room -= value.length;
    }
    letGo();
  } catch (error) {
    // Of others counts what has arrived.
    if (isWhole) throw error;
  } finally {
    signal.removeEventListener('abort', letGo);
  }
  return text;
}
