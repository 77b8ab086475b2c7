import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { ACCEPT_ENCODING, decompress } from './decompression.ts';
import type { Fetch } from './fetch.ts';
import { joinChunks } from './joined-chunks.ts';
import { followRedirects, type RawResponse, type RequestParts } from './redirects.ts';

/** How long a connection is silent before TCP asks whether the other end is still there. */
const TCP_KEEP_ALIVE_MS = 60_000;

/** How many interim responses (1xx) may come before the one that counts. Guards against a server that sends nothing else. */
const MAX_INTERIM_RESPONSES = 100;

/**
 * The transport of Node: the `request` of `node:http`, looked up each time on the module's object, so that what MSW, nock or an agent
 * puts in its place is called. Node's own
 * fetch cuts a body that is silent for 300 seconds, and limits neither the status line nor how many interim responses come.
 */
export const defaultFetch: Fetch = followRedirects(request);

async function request(target: URL, { method, headers, body, signal }: RequestParts): Promise<RawResponse> {
  const { type, bytes } = typeof body === 'string' ? { type: TEXT_TYPE, bytes: body } : await readContent(body);
  return new Promise((resolve, reject) => {
    const { request: open } = target.protocol === 'https:' ? https : http;
    const sent = { 'accept-encoding': ACCEPT_ENCODING, ...(type && { 'content-type': type }), ...headers };
    const outgoing = open(target, { method, headers: sent, signal });
    joinChunks(outgoing);
    // An agent may have a timeout, and Node's own has one of 5 s. Silence is no fault of a stream. What a mock gives lacks these two.
    outgoing.setTimeout?.(0);
    outgoing.setSocketKeepAlive?.(true, TCP_KEEP_ALIVE_MS);
    let interim = 0;
    outgoing.on('information', () => {
      if (++interim > MAX_INTERIM_RESPONSES) outgoing.destroy(new Error('found nothing but interim responses'));
    });
    outgoing.on('response', (message) => resolve(toResponse(message)));
    // [fetch] takes a 101 that nobody asked for as a network error. Without a listener Node drops the socket and says nothing.
    outgoing.on('upgrade', (_message, socket) => {
      socket.destroy();
      reject(new Error('found the status 101 (Switching Protocols), which was not asked for'));
    });
    outgoing.on('error', (error) => reject(explain(error)));
    outgoing.on('close', () => reject(new Error(NO_ANSWER)));
    outgoing.end(bytes);
  });
}

/** The content type that fetch gives a string. */
const TEXT_TYPE = 'text/plain;charset=UTF-8';

/**
 * The bytes of a body, and the content type that fetch gives them. A blob or form is read into memory. Text does not come here: the first use of
 * `Response` makes Node load all of its fetch.
 */
async function readContent(
  body: Exclude<RequestParts['body'], string>,
): Promise<{ readonly type?: string | null; readonly bytes?: Uint8Array }> {
  if (body === undefined) return {};
  const content = new Response(body);
  return { type: content.headers.get('content-type'), bytes: new Uint8Array(await content.arrayBuffer()) };
}

function toResponse(message: http.IncomingMessage): RawResponse {
  const { statusCode: status = 0, rawHeaders } = message;
  const headers = new RawHeaders(rawHeaders);
  return {
    status,
    headers,
    open: () => toBody(decompress(message, headers.get('content-encoding'))),
    discard: () => message.destroy(),
  };
}

/**
 * The headers of a response, without the response. They stand in for the platform's `Headers`, because the first use of that makes
 * Node load all of its fetch: 100 ms and 16 MB.
 */
class RawHeaders {
  /** Names and values take turns in the list. */
  readonly #raw: readonly string[];

  constructor(raw: readonly string[]) {
    this.#raw = raw;
  }

  /** Joins all values of a header, as fetch does. */
  get(name: string): string | null {
    const wanted = name.toLowerCase();
    const values = this.#raw.filter((_, at) => at % 2 === 1 && this.#raw[at - 1]?.toLowerCase() === wanted);
    return values.length > 0 ? values.join(', ') : null;
  }

  /** What is printed of it. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, string> {
    return Object.fromEntries(this);
  }

  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    const names = new Set(this.#raw.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
    for (const name of names) yield [name, this.get(name) ?? ''];
  }
}

const NO_ANSWER = 'the server closed the connection before it answered';

/** What Node says in few words, by its messages. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  'socket hang up': NO_ANSWER,
  aborted: 'the connection broke before the stream ended',
};

/** An error whose message says what happened: the one of Node, or one with the same code that has it as its cause. */
function explain(error: NodeJS.ErrnoException): Error {
  // The error for several addresses that all refused has a code and no message.
  const message = error.message ? EXPLANATIONS[error.message] : error.code;
  return message === undefined ? error : Object.assign(new Error(message, { cause: error }), { code: error.code });
}

/** Reads a chunk only when its reader wants one, unlike `Readable.toWeb` with its default strategy. */
function toBody(readable: Readable): ReadableStream<Uint8Array> {
  const chunks = readable[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  return new ReadableStream(
    {
      async pull(controller) {
        const { value } = await chunks.next().catch((error: unknown) => {
          throw error instanceof Error ? explain(error) : error;
        });
        if (value === undefined) controller.close();
        else controller.enqueue(value);
      },
      cancel() {
        readable.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}
