import type { FailureCode, ResponseHeaders } from '../errors.ts';

/** How an attempt to make a request ended. */
export type Answer<T> = Success<T> | Failure;

export interface Success<T> {
  readonly type: 'success';
  /** What the hub has answered. */
  readonly value: T;
}

export interface Failure {
  readonly type: 'failure';
  readonly code: FailureCode;
  /** What was found. */
  readonly message: string;
  readonly cause?: unknown;
  readonly status?: number;
  readonly headers?: ResponseHeaders;
  readonly body?: string;
  /** The name of the hub's refusal (PROTOCOL §10). */
  readonly problem?: string | undefined;
  /** Which event of the batch it names, from 1 (PROTOCOL §4.11). */
  readonly line?: number | undefined;
  /** Whether the hub may have done what this attempt asked for all the same, as far as can be known. */
  readonly maybe: boolean;
  /** Whether another attempt would end in the same way. */
  readonly lasting?: boolean;
}

/**
 * What follows from an answer that does not say that the batch is stored.
 *
 * - `retry`: the batch is sent again, after a wait
 * - `refresh`: it is sent again at once, with new headers
 * - `event`, `topic`: the batch is refused for an event of it, or for a topic. Nothing of it is stored
 * - `unknown`: nothing says any more whether the batch is stored
 * - `all`: the hub takes nothing of this publisher, or is no hub
 */
export type Verdict = 'retry' | 'refresh' | 'event' | 'topic' | 'unknown' | 'all';

export interface Circumstances {
  readonly retryStatus: (status: number) => boolean;
  /** Whether the headers come from a function, and were not refused with 401 in the attempt before. */
  readonly canRefresh: boolean;
  /** Whether this attempt or an earlier one may have stored the batch. */
  readonly maybe: boolean;
}

/** Refusals that come from the content of a batch. */
const OF_CONTENT: ReadonlySet<string> = new Set(['invalid-topic', 'invalid-parameter', 'invalid-event', 'too-large']);

/** Refusals that come from the state of a topic. With `lease-lost`, the lease that was named is over. A hub looks for the key first, so an earlier attempt has not stored the batch (PROTOCOL §4.6). */
const OF_TOPIC: ReadonlySet<string> = new Set(['topic-closed', 'leased', 'lease-lost']);

/** Answers of a hub by which it says that nothing of the batch is published. */
const NOT_STORED: ReadonlySet<string> = new Set(['too-slow', 'too-many-uploads', 'busy', 'not-stored', 'draining']);

export function judge({ status, problem, line, lasting }: Failure, around: Circumstances): Verdict {
  if (status === undefined) return lasting ? 'all' : 'retry';
  if (around.retryStatus(status)) return 'retry';
  if (status === 401 && around.canRefresh) return 'refresh';
  // A proxy that takes only shorter bodies may have broken an earlier attempt off.
  if (problem === undefined) return status === 413 ? 'event' : 'all';
  if (OF_CONTENT.has(problem)) return 'event';
  if (OF_TOPIC.has(problem)) return 'topic';
  if (problem === 'key-reused') return 'unknown';
  // A hub looks at rights before it looks for the key, and they may be newer than an earlier attempt.
  if (problem === 'forbidden' || (problem === 'unauthorized' && line !== undefined)) {
    return around.maybe ? 'unknown' : 'topic';
  }
  return 'all';
}

/** Whether an answer with this status, which is no success, may hide that the hub has done what it was asked for. */
export function mayHaveDone(status: number, problem: string | undefined): boolean {
  if (problem !== undefined) return status >= 500 && !NOT_STORED.has(problem);
  // A proxy answers so for a hub that it has asked. Such a success is not of a hub, or was changed on the way.
  return status < 300 || status >= 500;
}

/** What a hub's refusal says, if the body is such a document (PROTOCOL §10). */
export function readProblem(
  body: string,
): Pick<Failure, 'problem' | 'line'> & { readonly detail?: string | undefined } {
  try {
    const { type, detail } = JSON.parse(body) as { readonly type?: unknown; readonly detail?: string };
    const problem = /^\/PROTOCOL\.md#([a-z-]+)$/.exec(String(type))?.[1];
    // The number is of use to the publisher alone, who has made the batch.
    const [, line, text] = /^(?:Line (\d+): )?(.*)$/s.exec(detail ?? '') ?? [];
    return { ...(problem && { problem, ...(line && { line: Number(line) }) }), detail: text };
  } catch {
    return {};
  }
}

/** The ids in the answer to a batch of so many events; `undefined` if it has others. */
export function readIds(body: string, count: number): readonly string[] | undefined {
  try {
    const { ids } = JSON.parse(body) as { readonly ids?: unknown };
    return Array.isArray(ids) && ids.length === count && ids.every((id) => typeof id === 'string') ? ids : undefined;
  } catch {
    return undefined;
  }
}

/** What systems call the failures after which nothing was sent. */
const UNSENT = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL)$/;

/** Whether a request failed before anything of it was sent, as far as the runtime says. */
export function isUnsent(error: unknown): boolean {
  for (let depth = 0, current = error; depth < 5 && current instanceof Error; depth++, current = current.cause) {
    if ('code' in current && UNSENT.test(String(current.code))) return true;
  }
  return false;
}
