import type { Answer } from './example.ts';
import { reply } from './reply.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether an origin is of this machine, by whichever of its names. */
export function isOurs(origin: string): boolean {
  return URL.canParse(origin) && LOOPBACK.has(new URL(origin).hostname);
}

/** Lets pages of this machine's other names read an answer of whatever kind, also with credentials. */
export function crossOrigin(answer: Answer): Answer {
  return (request, response) => {
    const { origin } = request.headers;
    response.setHeader('Vary', 'Origin');
    if (origin !== undefined && isOurs(origin)) {
      // A star is not enough: with credentials a browser demands the exact origin of the request.
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Allow-Credentials', 'true');
    }
    if (request.method !== 'OPTIONS') return answer(request, response);
    // The fetch of a page, and so the EventSource of Tidings, sends a preflight before it sends this to another origin.
    reply(response, 204, '', { 'Access-Control-Allow-Headers': 'Last-Event-ID' });
  };
}
