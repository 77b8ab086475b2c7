import { type Answer, ask, describeRefusal } from './answer.ts';
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
  | {
      readonly type: 'unanswered';
      readonly reason: string;
      /** Whether there was an answer at all: that it cannot be done now. */
      readonly reached: boolean;
      readonly retryAfterMs: number;
    };

/** How long one request may take in milliseconds before it counts as unanswered. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Guards against a `Retry-After` of days, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Sends one request to publish.
 *
 * @throws {CliError} `ERR_REFUSED` where the hub declined: sending it again cannot help
 */
export async function deliver(url: URL, headers: Record<string, string>, parcel: Parcel): Promise<Outcome> {
  let answer: Answer;
  try {
    answer = await ask(url, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': parcel.idempotencyKey },
      body: parcel.body,
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
  } catch (error) {
    return { type: 'unanswered', reason: describeFailure(error), reached: false, retryAfterMs: 0 };
  }
  const { status, text } = answer;
  if (status === 200) return { type: 'answered', id: text };
  const refusal = describeRefusal(answer);
  if (status === 429 || status >= 500) {
    return { type: 'unanswered', reason: refusal, reached: true, retryAfterMs: retryAfterMs(answer) };
  }
  throw new CliError('ERR_REFUSED', refusal);
}

function retryAfterMs({ headers }: Answer): number {
  const seconds = Number(headers['retry-after'] ?? 0);
  return seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 0;
}
