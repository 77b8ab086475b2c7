import { readAnswer, readRefusal } from './answer.ts';
import { CliError } from './cli-error.ts';
import { describeFailure } from './failure.ts';

/** What is sent in one request. */
export interface Parcel {
  readonly body: string;
  /** Makes the request safe to repeat (PROTOCOL §4.6). */
  readonly idempotencyKey: string;
}

/** How a request ended. `unanswered`: whether it was published is not known, sending it again with its key is safe. */
export type Outcome =
  | { readonly type: 'answered'; readonly id: string }
  | { readonly type: 'unanswered'; readonly reason: string; readonly retryAfterMs: number };

/** How long one request may take in milliseconds before it counts as unanswered. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Guards against a `Retry-After` of days, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Sends one request to publish.
 *
 * @throws {CliError} `ERR_REFUSED` where the hub took a look and declined: sending it again cannot help
 */
export async function deliver(url: URL, headers: Record<string, string>, parcel: Parcel): Promise<Outcome> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': parcel.idempotencyKey },
      body: parcel.body,
      // A followed redirect would turn the POST into a GET
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    if (response.status === 200) return { type: 'answered', id: await readAnswer(response) };
  } catch (error) {
    return { type: 'unanswered', reason: describeFailure(error), retryAfterMs: 0 };
  }
  const refusal = await readRefusal(response).catch(describeFailure);
  if (response.status === 429 || response.status >= 500) {
    return { type: 'unanswered', reason: refusal, retryAfterMs: retryAfter(response) };
  }
  throw new CliError('ERR_REFUSED', refusal);
}

function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 0;
}
