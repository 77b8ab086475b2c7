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
      // A star would not do: with credentials a browser wants the very origin that asks.
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Allow-Credentials', 'true');
    }
    if (request.method !== 'OPTIONS') return answer(request, response);
    // A page's own fetch, and so our EventSource, asks first whether it may send this to another origin.
    reply(response, 204, '', { 'Access-Control-Allow-Headers': 'Last-Event-ID' });
  };
}
