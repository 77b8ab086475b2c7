import { CliError } from '../errors.ts';
import type { HubAddress } from './hub-address.ts';

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was lost',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ERR_CONNECT_TIMEOUT: 'it does not answer',
  EPIPE: 'the connection was lost',
  UND_ERR_SOCKET: 'the connection was lost',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer',
};

/** The error for a hub that cannot be reached. `attempt` completes the sentence "cannot …". */
export function unreachable(attempt: string, { url }: HubAddress, reason: string, cause?: unknown): CliError {
  const message = `cannot ${attempt} the hub at ${url.href} (${reason}): is it running? "tidings serve" starts one`;
  return new CliError('ERR_UNREACHABLE', message, { cause });
}

/** Says why a request failed. The system's reason is often the cause of the cause. */
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

/** An AggregateError stands for attempts at several addresses of one name. The first of them is as good as any. */
function innerError(error: Error): unknown {
  return error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
}
