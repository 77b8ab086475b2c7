import type { ServerResponse } from 'node:http';
import type { NodeResponse } from '@tidings/server/node';

/** Answers with a whole text, plain unless the headers say otherwise. */
export function reply(
  response: NodeResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  // The one of HTTP/2 has the same methods, which its type does not say.
  (response as ServerResponse)
    .writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache', ...headers })
    .end(text);
}
