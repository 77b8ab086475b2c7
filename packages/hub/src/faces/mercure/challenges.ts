import { Problem } from '../../http/problem.ts';

const CHALLENGE = 'WWW-Authenticate';

/** What is wrong with the credentials of a request (RFC 6750, 3.1). */
type Fault = 'invalid_request' | 'invalid_token' | 'insufficient_scope';

/** A request that shows who sends it in a way that is not allowed. */
export function malformedPresentation(detail: string): Problem {
  return new Problem('invalid-parameter', detail, { headers: challenge('invalid_request') });
}

/** A request whose credentials do not hold. */
export function invalidToken(problem: Problem): Problem {
  if (problem.headers[CHALLENGE]?.includes('error=') === true) return problem;
  return new Problem('unauthorized', problem.message, { cause: problem, headers: challenge('invalid_token') });
}

function challenge(fault: Fault): Readonly<Record<string, string>> {
  return { [CHALLENGE]: `Bearer error="${fault}"` };
}

/**
 * The problem with what its sender needs to get a token that is good for this hub. Undefined if the problem is about something else.
 * @param metadata the URL of the metadata of the hub; undefined if it has none
 */
export function challenged(problem: Problem, metadata: string | undefined): Problem | undefined {
  const { problem: name, message, cause, extra } = problem;
  const headers = name === 'forbidden' ? { ...problem.headers, ...challenge('insufficient_scope') } : problem.headers;
  const said = headers[CHALLENGE];
  if (said === undefined) return undefined;
  const more = metadata === undefined ? '' : `${said === 'Bearer' ? '' : ','} resource_metadata="${metadata}"`;
  return new Problem(name, message, { cause, extra, headers: { ...headers, [CHALLENGE]: said + more } });
}
