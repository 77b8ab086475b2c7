import { randomUUID } from 'node:crypto';
import { CliError } from '../errors.ts';
import { describeFailure } from '../http/failure.ts';
import { describeRefusal, type HubResponse, send } from '../http/request.ts';

/** What one request publishes, whole or not at all. */
export interface Batch {
  readonly body: string;
  /** Makes the request safe to send again (PROTOCOL §4.6). */
  readonly idempotencyKey: string;
}

/** How an attempt to publish a batch ended. */
export type PublishResult =
  | { readonly type: 'published'; readonly id: string }
  /** The hub, or a proxy before it, takes only shorter bodies or events. Nothing of the batch was published. */
  | { readonly type: 'too-large'; readonly refusal: string }
  /** It is not known whether the batch was published. Sending it again with its key is safe. */
  | {
      readonly type: 'unanswered';
      readonly reason: string;
      /** Whether a hub answered, namely that it cannot publish now. */
      readonly reached: boolean;
      readonly retryAfterMs: number;
    };

/** A request that takes longer counts as unanswered, in milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Limits the wait that a `Retry-After` can ask for, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/** The wait before the first repetition, in milliseconds. Each further wait is twice as long. */
const FIRST_WAIT_MS = 100;

/** The longest wait in milliseconds, and so the longest time before the command notices that the hub is back. */
const MAX_WAIT_MS = 3_000;

/**
 * Sends one request to publish.
 *
 * @throws {CliError} `ERR_REFUSED` where the hub refused and would refuse again
 */
export async function publishBatch(url: URL, headers: Record<string, string>, batch: Batch): Promise<PublishResult> {
  let response: HubResponse;
  try {
    response = await send(url, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': batch.idempotencyKey },
      body: batch.body,
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
  } catch (error) {
    return { type: 'unanswered', reason: describeFailure(error), reached: false, retryAfterMs: 0 };
  }
  const { status, text } = response;
  if (status === 200) return { type: 'published', id: text };
  const refusal = describeRefusal(response);
  if (status === 413) return { type: 'too-large', refusal };
  // 408: the body did not arrive in time, because the connection is slow or busy.
  if (status === 408 || status === 429 || status >= 500) {
    return { type: 'unanswered', reason: refusal, reached: true, retryAfterMs: requestedWaitMs(response) };
  }
  throw new CliError('ERR_REFUSED', refusal);
}

export function newIdempotencyKey(): string {
  return randomUUID();
}

/**
 * How long to wait before a batch is sent again, in milliseconds. The wait doubles with each failure. Its upper half is random, so
 * that publishers do not all come back at once.
 *
 * @param random at least 0, less than 1
 */
export function waitMs(failures: number, leastMs: number, random: number): number {
  const longest = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  return Math.max(leastMs, longest / 2 + (random * longest) / 2);
}

function requestedWaitMs({ headers }: HubResponse): number {
  const seconds = Number(headers['retry-after'] ?? 0);
  return seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 0;
}
