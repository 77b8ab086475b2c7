import * as http from 'node:http';
import * as https from 'node:https';
import { type Readable, pipeline } from 'node:stream';
import * as zlib from 'node:zlib';
import type { Fetch, FetchInit, FetchResponse } from './fetch.ts';
import { portableHeaders } from './request-headers.ts';

/** How many redirects are followed, as in [fetch]. Guards against a loop of them. */
const MAX_REDIRECTS = 20;

/** How long a connection is silent before TCP asks whether the other end is still there. */
const TCP_KEEP_ALIVE_MS = 60_000;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const PERMANENT_REDIRECTS: ReadonlySet<number> = new Set([301, 308]);

/**
 * The transport of Node. Node's own fetch cuts a body that is silent for 300 seconds, and the option that would change
 * that takes a class which only an npm package exports. It also sends headers on to other origins.
 */
export const defaultFetch: Fetch = async (url, init) => {
  let target = new URL(url);
  if (target.protocol !== 'http:' && target.protocol !== 'https:') return globalThis.fetch(url, init);

  let { method, headers, body } = init;
  let permanent = true;
  let permanentUrl: string | undefined;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const message = await request(target, method, headers, body, init.signal);
    const status = message.statusCode ?? 0;
    const { location } = message.headers;
    if (!REDIRECTS.has(status) || location === undefined) {
      return toResponse(message, target, redirects > 0, permanentUrl);
    }

    message.destroy();
    const next = new URL(location, target);
    if (next.protocol !== 'http:' && next.protocol !== 'https:') {
      throw new TypeError(`a redirect from ${target.href} leads to the scheme "${next.protocol}"`);
    }
    next.username = '';
    next.password = '';
    permanent &&= PERMANENT_REDIRECTS.has(status);
    const becomesGet = (status === 303 && method !== 'HEAD') || (status <= 302 && method === 'POST');
    if (becomesGet && method !== 'GET') {
      method = 'GET';
      body = undefined;
      const { 'content-type': _, ...others } = headers;
      headers = others;
      permanent = false; // the next try has to begin with the method and body that were asked for
    }
    if (next.origin !== target.origin) headers = portableHeaders(headers);
    target = next;
    if (permanent) permanentUrl = target.href;
  }
  throw new TypeError(`more than ${MAX_REDIRECTS} redirects, the last one to ${target.href}`);
};

function request(
  target: URL,
  method: string,
  headers: Record<string, string>,
  body: FetchInit['body'],
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request: open } = target.protocol === 'https:' ? https : http;
    const sent = {
      'accept-encoding': 'gzip, deflate, br',
      'cache-control': 'no-cache',
      pragma: 'no-cache',
      ...headers,
    };
    const outgoing = open(target, { method, headers: sent, signal });
    outgoing.setSocketKeepAlive(true, TCP_KEEP_ALIVE_MS);
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function toResponse(
  message: http.IncomingMessage,
  url: URL,
  redirected: boolean,
  permanentUrl: string | undefined,
): FetchResponse {
  return {
    status: message.statusCode ?? 0,
    url: url.href,
    redirected,
    headers: {
      get: (name) => {
        const value = message.headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(', ') : (value ?? null);
      },
    },
    body: toBody(decompress(message)),
    ...(permanentUrl === undefined ? {} : { permanentUrl }),
  };
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

/** Reads a chunk only when it is asked for one, unlike `Readable.toWeb` with its default strategy. */
function toBody(readable: Readable): ReadableStream<Uint8Array> {
  const chunks = readable[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  return new ReadableStream(
    {
      async pull(controller) {
        const { value } = await chunks.next();
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
