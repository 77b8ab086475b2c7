import type { Sink } from '@tidings/server/live';
import { Problem } from './problem.ts';

/** A request as the hub reads it, whichever server it came through. */
export interface HubRequest {
  readonly method: string;
  /** Absolute, with the host that the client asked for. */
  readonly url: URL;
  /** A header field's value, its bytes as Latin-1, by lower-case name. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** The client's IP address, where the server knows it. */
  readonly address: string | undefined;
}

/** An answer: a whole one with a body, or a head and what starts its stream. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly start?: (sink: Sink) => void;
}

/** A header field's value as UTF-8, which is what an id is sent in. [spec] 9.2.3 */
export function utf8Header(request: HubRequest, name: string): string | undefined {
  const value = request.header(name);
  return value === undefined ? undefined : Buffer.from(value, 'latin1').toString('utf8');
}

/** The parts of a request's body. A client that breaks it off is no failure of the hub. @throws {Problem} `invalid-event` */
export async function* bodyParts(request: HubRequest): AsyncIterable<Uint8Array> {
  try {
    yield* request.body;
  } catch (error) {
    throw new Problem('invalid-event', 'The body was broken off before its end', { cause: error });
  }
}

export function problemAnswer(problem: Problem): Answer {
  return {
    status: problem.status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...problem.headers },
    body: `${JSON.stringify(problem)}\n`,
  };
}

export function jsonAnswer(status: number, document: string): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
    body: `${document}\n`,
  };
}

/**
 * Refuses query parameters that are not known here, so that a misspelled one is not lost.
 * @throws {Problem} `invalid-parameter`
 */
export function checkParameters(url: URL, allowed: readonly string[]): void {
  for (const name of url.searchParams.keys()) {
    if (!allowed.includes(name)) {
      throw new Problem(
        'invalid-parameter',
        `The query parameter ${JSON.stringify(name)} is not known here; allowed are ${allowed.join(', ')}`,
      );
    }
  }
}

/** The value of a parameter that may be given once. @throws {Problem} `invalid-parameter` */
export function single(url: URL, name: string): string | undefined {
  const values = url.searchParams.getAll(name);
  if (values.length > 1)
    throw new Problem(
      'invalid-parameter',
      `The query parameter ${name} is given ${values.length} times; once is allowed`,
    );
  return values[0];
}

/** A parameter that is digits. @throws {Problem} `invalid-parameter` */
export function digits(url: URL, name: string, max: number): number | undefined {
  const text = single(url, name);
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (value > max) {
    throw new Problem(
      'invalid-parameter',
      `The query parameter ${name} is ${JSON.stringify(text)}; it must be a whole number from 0 to ${max}`,
    );
  }
  return value;
}
