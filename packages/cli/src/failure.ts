const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was lost',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name cannot be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'no way leads there',
  EPIPE: 'the connection was lost',
  UND_ERR_SOCKET: 'the connection was lost',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer',
};

/** Why a request failed, for a person: the system's reason is often the cause of the cause. */
export function describeFailure(error: unknown): string {
  let innermost = error;
  for (let current = error; current instanceof Error; current = innerError(current)) {
    innermost = current;
    const code = 'code' in current ? String(current.code) : '';
    const reason = REASONS[code];
    if (reason !== undefined) return reason;
    if (current.name === 'TimeoutError') return 'it does not answer';
  }
  return innermost instanceof Error ? innermost.message : String(innermost);
}

/** An AggregateError stands for tries at several addresses of one name: the first speaks for all. */
function innerError(error: Error): unknown {
  return error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
}
