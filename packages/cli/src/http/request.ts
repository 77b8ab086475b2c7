import * as http from 'node:http';
import * as https from 'node:https';

/** Limits the memory that a server which is not a hub can fill, in bytes. The ids and problems of a hub are far shorter. */
const MAX_RESPONSE_BYTES = 64 * 1024;

export interface HubRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** How long the whole exchange may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** A hub's answer, its body cut after 64 KiB. */
export interface HubResponse {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly location: string | undefined;
  readonly text: string;
}

/** Makes one GET request and reads the response. It does not use fetch, which refuses ports that a hub may well have. */
export function send(url: URL, { headers, timeoutMs }: HubRequest): Promise<HubResponse> {
  return new Promise((resolve, reject) => {
    const { request: open } = url.protocol === 'https:' ? https : http;
    const request = open(url, { headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const { statusCode: status = 0 } = response;
      const { 'content-type': contentType, location } = response.headers;
      readText(response).then((text) => resolve({ status, contentType, location, text }), reject);
    });
    request.on('error', reject);
    request.end();
  });
}

/** Returns how a hub refused a request: the status, and the detail of its error document if there is one (PROTOCOL §10). */
export function describeRefusal({ status, contentType, location, text }: HubResponse): string {
  const answered = `the hub answered ${status} ${http.STATUS_CODES[status] ?? ''}`.trimEnd();
  if (!/^application\/problem\+json\b/.test(contentType ?? '')) {
    return location === undefined ? `${answered}, is it a Tidings hub?` : `${answered}, it has moved to ${location}`;
  }
  const detail = detailOf(text);
  const advice = status === 401 ? ' (give the key with --key or TIDINGS_KEY)' : '';
  return `${answered}${detail === undefined ? '' : `: ${detail}`}${advice}`;
}

/** The text of a problem, or undefined if the body is not the JSON that its type promises. */
function detailOf(text: string): string | undefined {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown };
    const found = [detail, title].find((part): part is string => typeof part === 'string' && part !== '');
    // The number of an event in a request, which nobody but this command knows (PROTOCOL §4.11).
    return found?.replace(/^Line \d+: /, '');
  } catch {
    return undefined;
  }
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_RESPONSE_BYTES) break;
  }
  return Buffer.concat(chunks).toString();
}
