import type { Refusal } from '@tidings/server';
import { Problem } from '../http/problem.ts';
import type { TokenError } from './tokens/token-error.ts';

const problems = new WeakMap<Refusal, Problem>();

/** A refusal of rights with the problem that its sender is told. Where rights are renewed it ends a stream, which an error would break off. */
export function refuse(problem: Problem): Refusal {
  const refusal: Refusal = { allow: false, status: problem.status };
  problems.set(refusal, problem);
  return refusal;
}

/** The problem of a refusal that was made by {@link refuse}. */
export function problemBehind(refusal: Refusal): Problem | undefined {
  return problems.get(refusal);
}

/** The answer to a request that needs a key and has none, or shows nothing that holds. */
export function unauthorized(detail: string): Problem {
  return new Problem('unauthorized', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

/** The answer to a token that does not hold (RFC 6750, 3.1). */
export function problemOfToken(error: TokenError): Problem {
  if (error.code === 'unavailable') {
    return new Problem('issuer-unavailable', error.message, { cause: error, headers: { 'Retry-After': '5' } });
  }
  return new Problem('unauthorized', error.message, {
    cause: error,
    headers: { 'WWW-Authenticate': `Bearer error="invalid_token", error_description="${quotable(error.message)}"` },
  });
}

/** What a quoted string of a header field may have (RFC 6750, 3). */
function quotable(text: string): string {
  return text.replaceAll('"', "'").replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');
}
