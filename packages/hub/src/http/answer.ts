import { type Admission, type Answer, joinHeaders } from '@tidings/server/live';
import type { Refusal } from '@tidings/server';
import { Problem, problemOfRefusal } from './problem.ts';

export function problemAnswer(problem: Problem): Answer {
  return {
    status: problem.status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...problem.headers },
    body: `${JSON.stringify(problem)}\n`,
  };
}

/** @param document JSON */
export function jsonAnswer(status: number, document: string): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
    body: `${document}\n`,
  };
}

export function textAnswer(status: number, text: string): Answer {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' },
    body: text,
  };
}

/** The answer to a request that `authenticate` refused. */
export function refusalAnswer({ status = 403, headers = {}, body }: Refusal): Answer {
  if (body !== undefined) {
    const answer = textAnswer(status, body);
    return { ...answer, headers: joinHeaders(answer.headers, headers) };
  }
  const name = status === 401 ? 'unauthorized' : 'forbidden';
  return { ...problemAnswer(new Problem(name, 'This request was refused', { headers })), status };
}

/**
 * The answer to a listener.
 * @throws {Problem} where it was not let in
 */
export function streamAnswer(headers: Readonly<Record<string, string>>, admission: Admission): Answer {
  if ('refused' in admission) throw problemOfRefusal(admission.refused);
  return { status: 200, headers, start: (sink) => admission.start(sink), abandon: () => admission.abandon() };
}
