import { encodeEvent } from '@tidings/wire';
import type { RefuseReason } from '../audience/admission.ts';
import { ServerError } from '../errors.ts';
import type { Answer } from '../http/answer.ts';

/** How a refused request is answered if `authenticate` does not say. */
export interface RefusalHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The methods that a channel answers, beside `OPTIONS`. */
export const METHODS: readonly string[] = ['GET', 'HEAD'];

const ALLOW = [...METHODS, 'OPTIONS'].join(', ');

// Long enough that refused listeners cause little load, short enough that a free place is soon taken.
const RETRY_AFTER = { 'Retry-After': '5' };
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };

export const EXPIRED_BODY = 'The rights of this request have expired\n';

/** How long a listener stays away at least that cannot be let in because the store of the log is out of reach, and at most twice as long, in milliseconds. */
const STORE_AWAY_MS = 1000;

/**
 * The answer to a listener that cannot be let in because the store of the log is out of reach: an `EventSource` that is refused would never come back. Throws another error.
 * @param headers those of a stream
 */
export function comeBackAnswer(error: unknown, headers: Readonly<Record<string, string>>): Answer {
  if (!(error instanceof ServerError && error.code === 'ERR_STORE_AWAY')) throw error;
  const retry = Math.round(STORE_AWAY_MS * (1 + Math.random()));
  return { status: 200, headers, body: encodeEvent({ retry }) };
}

export const REFUSALS: Readonly<Record<RefuseReason, RefusalHead>> = {
  method: {
    status: 405,
    headers: { ...TEXT, Allow: ALLOW },
    body: `Only these methods are allowed here: ${ALLOW}\n`,
  },
  parameter: { status: 400, headers: TEXT, body: 'A query parameter is not allowed\n' },
  forbidden: { status: 403, headers: TEXT, body: 'This request may not listen here\n' },
  full: {
    status: 503,
    headers: { ...TEXT, ...RETRY_AFTER },
    body: 'The limit of listeners is reached; try again later\n',
  },
  'full-for-key': {
    status: 429,
    headers: { ...TEXT, ...RETRY_AFTER },
    body: 'Your limit of listeners is reached; try again when one of them has left\n',
  },
  // 204 is how a server tells an EventSource to stop. [spec] 9.2.3
  complete: { status: 204, headers: {} },
};
