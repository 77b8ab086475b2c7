import * as http from 'node:http';
import * as https from 'node:https';

/** Limits the memory that a server which is not a hub can fill, in bytes. The ids and problems of a hub are far shorter. */
const MAX_RESPONSE_BYTES = 64 * 1024;

export interface HubRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long the whole exchange may take, in milliseconds. */
  readonly timeoutMs: number;
  /** The most bytes of the body that are read. @default 65536 */
  readonly maxBytes?: number | undefined;
}

export interface HubResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The body, cut after as many bytes as are read. */
  readonly text: string;
}

/**
 * Makes one request and reads the response. It does not use fetch, which refuses ports that a hub may well have. A server may
 * respond and close the connection before it has taken the whole body: then the response counts, not the broken connection.
 */
export function send(
  url: URL,
  { method, headers, body, timeoutMs, maxBytes = MAX_RESPONSE_BYTES }: HubRequest,
): Promise<HubResponse> {
  return new Promise((resolve, reject) => {
    const { request: open } = url.protocol === 'https:' ? https : http;
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const signal = AbortSignal.timeout(timeoutMs);
    let responded = false;
    const request = open(url, { method, headers: { ...headers, ...length }, signal }, (response) => {
      responded = true;
      readText(response, maxBytes).then((text) => {
        const { statusCode: status = 0, headers: fields } = response;
        resolve({ status, headers: fields, text });
      }, reject);
    });
    request.on('error', (error) => {
      if (!responded) reject(error);
    });
    request.end(body);
  });
}

/** Returns how a hub refused a request: the status, and the detail of its error document if there is one (PROTOCOL §10). */
export function describeRefusal({ status, headers, text }: Pick<HubResponse, 'status' | 'headers' | 'text'>): string {
  const answered = `the hub answered ${status} ${http.STATUS_CODES[status] ?? ''}`.trimEnd();
  if (!/^application\/problem\+json\b/.test(headers['content-type'] ?? '')) {
    if (headers.location !== undefined) return `${answered}, it has moved to ${headers.location}`;
    const sentence = sentenceOf(headers['content-type'], text);
    return sentence === undefined ? `${answered}, is it a Tidings hub?` : `${answered}: ${sentence}`;
  }
  const detail = detailOf(text);
  const advice = status === 401 ? adviceFor(detail) : '';
  return `${answered}${detail === undefined ? '' : `: ${detail}`}${advice}`;
}

/** What a server says in one line of plain text, as a port of TLS does to a request without TLS. */
function sentenceOf(type: string | undefined, text: string): string | undefined {
  const line = text.trim();
  return /^text\/plain\b/.test(type ?? '') && /^[^\r\n]{1,200}$/.test(line) ? line : undefined;
}

/** What helps where no or a wrong credential was given. */
function adviceFor(detail = ''): string {
  if (/^The (?:token|issuer|type of the token|algorithm|signature|claim)/.test(detail))
    return ' ("tidings token inspect" explains a token)';
  return ' (give the key, or a token, with --key or TIDINGS_KEY)';
}

/** The text of a problem, or undefined if the body is not the JSON that its type promises. */
function detailOf(text: string): string | undefined {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown };
    const found = [detail, title].find((part): part is string => typeof part === 'string' && part !== '');
    return (
      found
        // The number of an event in a request, which nobody but this command knows (PROTOCOL §4.11).
        ?.replace(/^Line \d+: /, '')
        // Who uses the command gives the key to the command.
        .replace(/: give its token in the header field Tidings-Lease, .*$/, ' (give its token with --token)')
        .replace('without this condition', 'without --if-unknown')
        .replace(/: send (?:some, such as )?Authorization: Bearer <key>$/, '')
    );
  } catch {
    return undefined;
  }
}

async function readText(response: http.IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(chunks).toString();
}
