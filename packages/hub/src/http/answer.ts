import { STATUS_CODES } from 'node:http';
import {
  type Admission,
  type Answer,
  EVENT_STREAM_HEADERS,
  EXPIRED,
  joinHeaders,
  type RequestHead,
} from '@tidings/server/live';
import type { Refusal } from '@tidings/server';
import { asksForStream } from './preference.ts';
import { Problem, type ProblemName, problemOfRefusal } from './problem.ts';

export function problemAnswer(problem: Problem): Answer {
  return documentAnswer(problem.status, problem, problem.headers);
}

function documentAnswer(status: number, document: object, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
    body: `${JSON.stringify(document)}\n`,
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

const REFUSALS: Readonly<Record<number, ProblemName>> = { 401: 'unauthorized', 403: 'forbidden' };

/** The answer to a request that `authenticate` refused. */
export function refusalAnswer(refusal: Refusal): Answer {
  const { status = 403, headers = {}, body } = refusal;
  // A 401 has to name a way to authenticate (RFC 9110, 15.5.2).
  const asked = status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {};
  const detail = refusal === EXPIRED ? 'The rights of this request have expired' : 'This request was refused';
  const answer = body === undefined ? refusalDocument(status, detail) : textAnswer(status, body);
  return { ...answer, headers: joinHeaders(answer.headers, asked, headers) };
}

function refusalDocument(status: number, detail: string): Answer {
  const name = REFUSALS[status];
  if (name) return problemAnswer(new Problem(name, detail));
  // An error that means no more than its status (RFC 9457, 4.2.1).
  const title = STATUS_CODES[status] ?? 'Refused';
  return documentAnswer(status, { type: 'about:blank', title, status, detail });
}

/** How long a listener stays away at least that cannot be let in because the store of the log is out of reach, and at most twice as long, in milliseconds. */
const STORE_AWAY_MS = 1000;

/**
 * The answer to a listener that comes while the hub shuts down, or cannot reach the store of its log: an `EventSource` that is refused would never come back. Undefined
 * for another problem, and if the request does not ask for an event stream by name.
 * @param drainingMs when it may come back to a hub that shuts down, in milliseconds
 */
export function comeBackAnswer(
  request: RequestHead,
  { problem }: Problem,
  drainingMs: () => number,
): Answer | undefined {
  if (problem !== 'draining' && problem !== 'store-away') return undefined;
  const ms = problem === 'draining' ? drainingMs() : STORE_AWAY_MS * (1 + Math.random());
  if (request.method !== 'GET' || !asksForStream(request)) return undefined;
  return { status: 200, headers: EVENT_STREAM_HEADERS, body: `retry: ${Math.round(ms)}\n\n` };
}

/** @param url the URL of the page */
export function pageMovedAnswer(url: string): Answer {
  return { ...textAnswer(308, ''), headers: { Location: url, 'Cache-Control': 'no-store' } };
}

/** The answer to a listener that has all of a closed topic. An `EventSource` comes back no more (PROTOCOL §12.3). */
export const COMPLETE: Answer = { status: 204, headers: { 'Cache-Control': 'no-store' } };

/**
 * The answer to a listener.
 * @throws {Problem} if the listener was not let in
 */
export function streamAnswer(headers: Readonly<Record<string, string>>, admission: Admission): Answer {
  if ('refused' in admission) {
    if (admission.refused === 'complete') return COMPLETE;
    throw problemOfRefusal(admission.refused);
  }
  return { status: 200, headers, start: (sink) => admission.start(sink), abandon: () => admission.abandon() };
}
