import http from 'node:http';
import https from 'node:https';
import { type Readable, pipeline } from 'node:stream';
import * as zlib from 'node:zlib';
import type { Fetch } from './fetch.ts';
import { joinChunks } from './joined-chunks.ts';
import { followRedirects, type RawResponse, type RequestParts } from './redirects.ts';

/** How long a connection is silent before TCP asks whether the other end is still there. */
const TCP_KEEP_ALIVE_MS = 60_000;

/** How many interim responses (1xx) may come before the one that counts. Guards against a server that sends nothing else. */
const MAX_INTERIM_RESPONSES = 100;

/**
 * The transport of Node: the `request` of `node:http`, looked up each time, so that a mock in its place is called. Node's own
 * fetch cuts a body that is silent for 300 seconds, and limits neither the status line nor how many interim responses come.
 */
export const defaultFetch: Fetch = followRedirects(request);

async function request(target: URL, { method, headers, body, signal }: RequestParts): Promise<RawResponse> {
  // A blob or form is read into memory.
  const content = body === undefined ? undefined : new Response(body);
  const type = content?.headers.get('content-type');
  const bytes = content && new Uint8Array(await content.arrayBuffer());
  return new Promise((resolve, reject) => {
    const { request: open } = target.protocol === 'https:' ? https : http;
    const sent = { 'accept-encoding': 'gzip, deflate, br', ...(type && { 'content-type': type }), ...headers };
    const outgoing = open(target, { method, headers: sent, signal });
    joinChunks(outgoing);
    // An agent may have a timeout, and Node's own has one of 5 s. Silence is no fault of a stream.
    outgoing.setTimeout(0);
    outgoing.setSocketKeepAlive(true, TCP_KEEP_ALIVE_MS);
    let interim = 0;
    outgoing.on('information', () => {
      if (++interim > MAX_INTERIM_RESPONSES) outgoing.destroy(new Error('found nothing but interim responses'));
    });
    outgoing.on('response', (message) => resolve(toResponse(message)));
    outgoing.on('error', (error) => reject(explain(error)));
    outgoing.end(bytes);
  });
}

function toResponse(message: http.IncomingMessage): RawResponse {
  return {
    status: message.statusCode ?? 0,
    headers: { get: (name) => readHeader(message.rawHeaders, name.toLowerCase()) },
    open: () => toBody(decompress(message)),
    discard: () => message.destroy(),
  };
}

/** Joins all values of a header, as fetch does. Names and values take turns in the list. */
function readHeader(rawHeaders: readonly string[], name: string): string | null {
  const values = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
  return values.length > 0 ? values.join(', ') : null;
}

/** Undoes the content coding, event by event as they arrive. */
function decompress(message: http.IncomingMessage): Readable {
  const decoder = decoderFor(message.headers['content-encoding']);
  if (decoder === undefined) return message;
  // The outcome is read off the decoder, which the pipeline destroys along with the message.
  return pipeline(message, decoder, () => {});
}

function decoderFor(coding: string | undefined): zlib.Gunzip | zlib.Inflate | zlib.BrotliDecompress | undefined {
  // An event stream is cut off rather than finished, so what is there counts even without the coding's end.
  const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH } = zlib.constants;
  switch (coding?.toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip({ flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH });
    case 'deflate':
      return zlib.createInflate({ flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH });
    case 'br':
      return zlib.createBrotliDecompress({ flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH });
    default:
      return undefined;
  }
}

/** What Node says in few words, by its messages. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  'socket hang up': 'the server closed the connection before it answered',
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
