import * as http from 'node:http';
import * as https from 'node:https';

/** Guards the memory against whatever answers in a hub's place, in bytes. Ids and problems are far shorter. */
const MAX_ANSWER_BYTES = 64 * 1024;

const KEY_ADVICE = 'this command takes it from --key or TIDINGS_KEY';

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long the whole exchange may take, in milliseconds. */
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: http.IncomingHttpHeaders;
  /** The body, cut at a bound. */
  readonly text: string;
}

/** Makes one request and reads the answer. Not with fetch, which refuses ports that a hub may well have. */
export function ask(url: URL, { method, headers, body, timeoutMs }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { request: open } = url.protocol === 'https:' ? https : http;
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const signal = AbortSignal.timeout(timeoutMs);
    const request = open(url, { method, headers: { ...headers, ...length }, signal }, (response) => {
      readText(response).then((text) => {
        const { statusCode: status = 0, statusMessage: statusText = '' } = response;
        resolve({ status, statusText, headers: response.headers, text });
      }, reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** What a hub said when it refused: the detail of its problem (PROTOCOL §10), otherwise the status. */
export function describeRefusal({ status, statusText, headers, text }: Answer): string {
  const answered = `the hub answered ${status} ${statusText}`.trimEnd();
  if (!/^application\/problem\+json\b/.test(headers['content-type'] ?? '')) {
    return headers.location === undefined
      ? `${answered}, is it a Tidings hub?`
      : `${answered}, it has moved to ${headers.location}`;
  }
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown };
    const said = typeof detail === 'string' && detail !== '' ? detail : title;
    if (typeof said === 'string' && said !== '') return status === 401 ? `${said}; ${KEY_ADVICE}` : said;
  } catch {
    // Not the JSON that it says it is: the status tells as much as can be told.
  }
  return answered;
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString();
}
