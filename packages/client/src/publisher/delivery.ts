import { readBody } from '#runtime';
import { readRetryAfter } from '../connection/response.ts';
import { ClientError, ConnectionError, InvalidOptionError, messageOf } from '../errors.ts';
import { type Alarm, createAlarm } from '../platform/alarm.ts';
import { isFunction } from '../subscription/option-checks.ts';
import type { FetchResponse } from '../transport/fetch.ts';
import { type Answer, isUnsent, mayHaveStored, readIds, readProblem, type Unstored } from './answer.ts';
import { type PublishAttempt, type PublisherSettings, readRequestHeaders } from './options.ts';
import type { Batch } from './queue.ts';

/** The most bytes of an answer that are read. The ids of 10,000 events are at most this long. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** The most bytes of a refusal that are kept. Guards against a page of megabytes, which each error would hold. */
const MAX_REFUSAL_BYTES = 4_096;

/** How many times as long as the first one a later request may take. */
const MAX_PATIENCE = 10;

/** Sends batches, one at a time. */
export class Delivery {
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

  /** Whether a request is under way that may store its batch. */
  get isSending(): boolean {
    return this.#isSending;
  }

  /** One attempt. Never rejects. */
  async send(batch: Batch, attempt: PublishAttempt): Promise<Answer> {
    const controller = new AbortController();
    const ms = this.#settings.requestTimeoutMs * Math.min(attempt.attempt, MAX_PATIENCE);
    const answer = new Promise<Answer>((resolve) => {
      const end = (code: Unstored['code'], message: string): void => {
        resolve({ type: 'unstored', code, message, maybe: this.#isSending });
        controller.abort();
      };
      this.#alarm.set(ms, () => end('ERR_CONNECT_TIMEOUT', `no answer for ${ms} ms`));
      this.#onSlept = () => end('ERR_SUSPENDED', 'the machine slept');
      // Whatever a function of the caller is waiting for.
      this.#onStop = () => end('ERR_ABORTED', 'the publisher has ended');
      this.#exchange(batch, attempt, controller.signal, () => (this.#isSending = true)).then(
        resolve,
        (cause: unknown) =>
          resolve({
            type: 'unstored',
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

  async #exchange(batch: Batch, attempt: PublishAttempt, signal: AbortSignal, onSend: () => void): Promise<Answer> {
    const { headers, fetch, url, authorization, withCredentials } = this.#settings;
    const given = readRequestHeaders(isFunction(headers) ? await headers(attempt) : headers);
    if (signal.aborted) throw new Error('the attempt is over');
    onSend();
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...authorization,
        ...given,
        accept: 'application/json',
        'content-type': 'application/x-ndjson',
        'idempotency-key': batch.key,
      },
      body: batch.entries.map(({ line }) => `${line}\n`).join(''),
      credentials: withCredentials ? 'include' : 'same-origin',
      cache: 'no-store',
      signal,
    });
    const isSuccess = response.status >= 200 && response.status <= 299;
    const body = await readText(response, isSuccess ? MAX_ANSWER_BYTES : MAX_REFUSAL_BYTES, signal);
    return isSuccess ? readSuccess(response, body, batch) : readRefusal(response, body);
  }

  /** Waits before the next attempt. */
  async wait(ms: number): Promise<void> {
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      this.#endWait = resolve;
      this.#alarm.set(ms, resolve);
    });
    this.#endWait = undefined;
    this.#alarm.clear();
  }

  /** How long an answer asks to wait, in milliseconds. */
  retryAfterMs({ headers }: Unstored): number {
    const { clock, maxRetryAfterMs } = this.#settings;
    if (!headers) return 0;
    return Math.min(readRetryAfter(headers.get('retry-after'), headers.get('date'), clock.time()), maxRetryAfterMs);
  }

  /** The error of an attempt. */
  errorOf(answer: Unstored, attempt: number, willRetry: boolean): ConnectionError {
    const { url } = this.#settings;
    const { type: _, maybe: _maybe, lasting: _lasting, problem: _problem, line: _line, ...fields } = answer;
    const message = `could not publish to ${url}: ${answer.message}`;
    return new ConnectionError({ ...fields, message, url, attempt, willRetry });
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#isStopped = true;
    this.#onStop?.();
    this.#endWait?.();
    this.#leaveNetwork();
  }

  /** The machine has slept: the other end may be gone for long, and a wait is over. */
  #wake(): void {
    this.#onSlept?.();
    this.#endWait?.();
  }
}

function readSuccess({ status, headers, redirected, url }: FetchResponse, body: string, batch: Batch): Answer {
  const ids = readIds(body, batch.entries.length);
  if (ids) return { type: 'stored', ids };
  return {
    type: 'unstored',
    code: 'ERR_CONTENT_TYPE',
    message: `found ${status} ${headers.get('content-type')}, expected 200 and JSON with ${batch.entries.length} ids${redirected ? `, after a redirect to ${url}` : ''}`,
    body: body.slice(0, MAX_REFUSAL_BYTES),
    maybe: mayHaveStored(status, undefined),
    lasting: true,
  };
}

function readRefusal({ status, headers }: FetchResponse, body: string): Answer {
  const { problem, line, detail } = readProblem(body);
  return {
    type: 'unstored',
    code: 'ERR_STATUS',
    message: `found ${status}${problem ? ` ${problem}` : ''}${detail ? `: ${detail}` : ''}`,
    status,
    headers,
    body,
    problem,
    line,
    maybe: mayHaveStored(status, problem),
  };
}

function failureOf(cause: unknown, isSent: boolean): Pick<Unstored, 'code' | 'message' | 'lasting'> {
  const message = messageOf(cause);
  // What the platform lacks, it will lack the next time, too.
  if (cause instanceof ClientError && !(cause instanceof InvalidOptionError)) {
    return { code: cause.code as Unstored['code'], message, lasting: true };
  }
  if (isSent) return { code: 'ERR_NETWORK', message };
  return { code: 'ERR_REQUEST', message, lasting: cause instanceof InvalidOptionError };
}

/** @throws whatever the body breaks with, if it has to be whole */
async function readText({ body, status }: FetchResponse, maxBytes: number, signal: AbortSignal): Promise<string> {
  const reader = readBody(body);
  if (!reader) return '';
  const letGo = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', letGo);
  const decoder = new TextDecoder();
  let text = '';
  let room = maxBytes;
  try {
    while (room > 0) {
      const { value } = await reader.read();
      if (!value) return text;
      text += decoder.decode(value.subarray(0, room), { stream: true });
      room -= value.length;
    }
    letGo();
  } catch (error) {
    // Of a refusal counts what has arrived.
    if (status < 300) throw error;
  } finally {
    signal.removeEventListener('abort', letGo);
  }
  return text;
}
