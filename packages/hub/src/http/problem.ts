import { ServerError, type RefuseReason } from '@tidings/server';
import type { Admission } from '@tidings/server/live';

/** The errors of the HTTP face with their status (PROTOCOL §10). */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request line or the Host is not allowed' },
  'invalid-topic': { status: 400, title: 'The topic is not allowed' },
  'invalid-parameter': { status: 400, title: 'A parameter or header field is not allowed' },
  'invalid-event': { status: 400, title: 'The event cannot be published' },
  'too-many-matchers': { status: 400, title: 'Too many matchers' },
  unauthorized: { status: 401, title: 'The request has no valid credentials' },
  forbidden: { status: 403, title: 'The rights of the request do not allow this' },
  'origin-not-allowed': { status: 403, title: 'The origin is not on the allowlist' },
  'host-not-allowed': { status: 403, title: 'The hub has no key and the request is not of its machine' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'topic-closed': { status: 409, title: 'The topic is closed' },
  leased: { status: 409, title: 'Another has the lease of the topic' },
  'lease-lost': { status: 409, title: 'The lease of the topic is not, or no longer, that of the request' },
  'topic-exists': { status: 412, title: 'The topic is known' },
  'too-many-revocations': { status: 507, title: 'The log keeps as many revocations as it may' },
  'too-many-topics': { status: 507, title: 'The log remembers as many topics and leases as it may' },
  'key-reused': { status: 422, title: 'The idempotency key was used for something else' },
  'too-slow': { status: 408, title: 'The body came too slowly' },
  'too-large': { status: 413, title: 'The event or body is too large' },
  'unsupported-coding': { status: 415, title: 'The coding of the body is not understood' },
  'unsupported-type': { status: 415, title: 'The type of the body is not understood' },
  'url-too-long': { status: 414, title: 'The URL is too long' },
  'headers-too-large': { status: 431, title: 'The header fields are too large' },
  'too-many-tickets': { status: 429, title: 'Too many tickets' },
  'too-many-requests': { status: 429, title: 'Too much is published' },
  'too-many-listeners-of-address': { status: 429, title: 'Too many listeners from one address' },
  internal: { status: 500, title: 'The hub has a defect' },
  'too-many-uploads': { status: 503, title: 'Too much is being uploaded' },
  'too-many-listeners': { status: 503, title: 'Too many listeners' },
  busy: { status: 503, title: 'Too many events are waiting' },
  'broken-off': { status: 503, title: 'The request was broken off' },
  'issuer-unavailable': { status: 503, title: 'The keys of an issuer cannot be got' },
  draining: { status: 503, title: 'The hub is shutting down' },
  unsupported: { status: 501, title: 'The log of this hub cannot do this' },
  'store-away': { status: 503, title: 'The store of the log is out of reach' },
  'not-stored': { status: 507, title: 'The event could not be stored' },
} as const;

/**
 * The beginning of the `type` of an error document: a reference into PROTOCOL.md, relative to the document's own URL, which names the error
 * without a domain (RFC 9457, 3.1.1).
 */
export const PROBLEM_TYPES = '/PROTOCOL.md#';

export type ProblemName = keyof typeof PROBLEMS;

interface ProblemOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Members of the document beside the standard ones. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  /** A status that another protocol prescribes. @default that of its name */
  readonly status?: number | undefined;
}

/** An error that ends a request with an error document. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly problem: ProblemName;
  readonly headers: Readonly<Record<string, string>>;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly status: number;

  constructor(problem: ProblemName, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.problem = problem;
    this.headers = options.headers ?? {};
    this.extra = options.extra ?? {};
    this.status = options.status ?? PROBLEMS[problem].status;
  }

  /** The document (RFC 9457). */
  toJSON(): Record<string, unknown> {
    const { problem, status } = this;
    const { title } = PROBLEMS[problem];
    return { type: `${PROBLEM_TYPES}${problem}`, title, status, detail: this.message, ...this.extra };
  }
}

/** Returns the problem for an error that the client has caused, or undefined if the hub itself has failed. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (!(error instanceof ServerError)) return undefined;
  switch (error.code) {
    case 'ERR_INVALID_EVENT':
      return new Problem('invalid-event', error.message, { cause: error });
    case 'ERR_KEY_REUSED':
      return new Problem(
        'key-reused',
        'The Idempotency-Key was used to publish something else; every other publish needs a key of its own',
        { cause: error },
      );
    case 'ERR_CLOSED':
      return new Problem('draining', 'The hub is shutting down', { headers: { 'Retry-After': '1' }, cause: error });
    case 'ERR_EVENT_TOO_LARGE':
    case 'ERR_BATCH_TOO_LARGE':
      return new Problem('too-large', error.message, { cause: error });
    case 'ERR_TOO_MUCH_WAITS':
      return new Problem('busy', 'Too many events are waiting to be stored; nothing of the batch was published', {
        headers: { 'Retry-After': '1' },
        cause: error,
      });
    case 'ERR_NOT_STORED':
      return new Problem('not-stored', 'The log could not be written; nothing of the batch was published', {
        cause: error,
      });
    case 'ERR_STORE_AWAY':
      return new Problem(
        'store-away',
        'The store of the log is out of reach. If it was lost just now, what was published may have been stored: publish it again with its Idempotency-Key',
        { headers: { 'Retry-After': '1' }, cause: error },
      );
    case 'ERR_FORBIDDEN':
      return new Problem('forbidden', error.message, { cause: error });
    case 'ERR_INVALID_PARAMETER':
    case 'ERR_INVALID_PATTERN':
      return new Problem('invalid-parameter', error.message, { cause: error });
    case 'ERR_TOPIC_CLOSED':
      return new Problem('topic-closed', error.message, { cause: error });
    case 'ERR_LEASE_LOST':
      return new Problem('lease-lost', error.message, { cause: error });
    case 'ERR_LEASED':
      return new Problem('leased', error.message, { cause: error });
    case 'ERR_TOPIC_EXISTS':
      return new Problem('topic-exists', error.message, { cause: error });
    case 'ERR_TOO_MANY_TOPICS':
      return new Problem('too-many-topics', error.message, { cause: error });
    case 'ERR_CONDITION':
    case 'ERR_TOO_MANY_VALUES':
    case 'ERR_INVALID_OPTION':
    case 'ERR_INVALID_RIGHTS':
    case 'ERR_BACKLOG_EXCEEDED':
    case 'ERR_HUB':
    case 'ERR_RUN_OVER':
    case 'ERR_RUN_BROKEN':
      return undefined;
  }
}

const REFUSE_REASONS: Readonly<Partial<Record<ProblemName, RefuseReason>>> = {
  'invalid-topic': 'parameter',
  'invalid-parameter': 'parameter',
  'too-many-matchers': 'parameter',
  unauthorized: 'forbidden',
  forbidden: 'forbidden',
  'origin-not-allowed': 'forbidden',
  'host-not-allowed': 'forbidden',
  'method-not-allowed': 'method',
  'too-many-listeners-of-address': 'full-for-key',
  'too-many-listeners': 'full',
};

/** Returns the reason under which a refused request is counted, or undefined if the request was let in and failed later. */
export function refuseReasonOf({ problem }: Problem): RefuseReason | undefined {
  return REFUSE_REASONS[problem];
}

type Refused = Exclude<Extract<Admission, { readonly refused: unknown }>['refused'], 'complete'>;

/** Returns the problem for a listener that was not let in. */
export function problemOfRefusal(reason: Refused): Problem {
  const headers = { 'Retry-After': '5' };
  switch (reason) {
    case 'full':
      return new Problem(
        'too-many-listeners',
        'This hub has no room for the listener: it has as many listeners, or matchers of listeners, as it may',
        {
          headers,
        },
      );
    case 'full-for-key':
      return new Problem('too-many-listeners-of-address', 'The limit of listeners of this sender is reached', {
        headers,
      });
    case 'forbidden':
      return new Problem('forbidden', 'The rights of this request do not allow it');
  }
}
