/**
 * What a server does with one request, step by step. Text is sent as UTF-8, with the server's names filled in; numbers
 * are bytes. `end` closes its side, `reset` breaks the connection, `wait` goes on when the client says so.
 * When the steps are done it waits for the client to go.
 */
export type ServerStep = string | readonly number[] | { readonly do: 'end' | 'reset' | 'wait' };
export type ServerScript = readonly ServerStep[];

/** The head of an event stream whose body lasts until the connection ends. */
export const STREAM_HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n';

/** The same with a comment behind it: Firefox tells of a response only when the first byte of its body is there. */
export const STREAM: string = `${STREAM_HEAD}:\n`;

export function head(status: number, headers: Record<string, string> = {}): string {
  const lines = Object.entries({ Connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n`;
}
