import { ServerError } from '@tidings/server';

/** The errors of the HTTP face with their status (PROTOCOL §10). */
export const PROBLEMS = {
  'invalid-topic': { status: 400, title: 'The topic is not allowed' },
  'invalid-parameter': { status: 400, title: 'A parameter or header field is not allowed' },
  'invalid-event': { status: 400, title: 'The event cannot be published' },
  'too-many-matchers': { status: 400, title: 'Too many matchers' },
  unauthorized: { status: 401, title: 'The key is missing or wrong' },
  'origin-not-allowed': { status: 403, title: 'The origin is not on the allowlist' },
  'host-not-allowed': { status: 403, title: 'The host name is not a loopback name' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'too-large': { status: 413, title: 'The event or body is too large' },
  'too-many-listeners-of-address': { status: 429, title: 'Too many listeners from one address' },
  internal: { status: 500, title: 'The hub has a defect' },
  'too-many-listeners': { status: 503, title: 'Too many listeners' },
  draining: { status: 503, title: 'The hub is shutting down' },
  'not-stored': { status: 507, title: 'The event could not be stored' },
} as const;

export type ProblemName = keyof typeof PROBLEMS;

interface ProblemOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of the document beside the standard ones. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** What ends a request with an error document. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly problem: ProblemName;
  readonly headers: Readonly<Record<string, string>>;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(problem: ProblemName, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.problem = problem;
    this.headers = options.headers ?? {};
    this.extra = options.extra ?? {};
  }

  get status(): number {
    return PROBLEMS[this.problem].status;
  }

  /** The document (RFC 9457). */
  toJSON(): Record<string, unknown> {
    const { status, title } = PROBLEMS[this.problem];
    return { type: `https://tidings.dev/problems/${this.problem}`, title, status, detail: this.message, ...this.extra };
  }
}

/** The problem that an error is for the client, or undefined where the hub itself has failed. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (!(error instanceof ServerError)) return undefined;
  switch (error.code) {
    case 'ERR_INVALID_EVENT':
      return new Problem('invalid-event', error.message, { cause: error });
    case 'ERR_CLOSED':
      return new Problem('draining', 'The hub is shutting down', { headers: { 'Retry-After': '1' }, cause: error });
    case 'ERR_NOT_STORED':
      return new Problem('not-stored', 'The log could not be written; nothing of the batch was published', {
        cause: error,
      });
    case 'ERR_INVALID_OPTION':
    case 'ERR_BACKLOG_EXCEEDED':
      return undefined;
  }
}
