import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Channel } from '../channel/channel.ts';
import { fieldOf, onClosed } from './node-head.ts';
import type { RequestHead } from '../http/request.ts';
import { Http2Sink } from '../sink/http2-sink.ts';
import type { Sink } from '../sink/sink.ts';
import { checkChannel, checkGiven } from './call-check.ts';
import { checkStreamNames, contentLength, sendChannel, sendEventStream, type Outlet } from './outlet.ts';
import { STREAM_OPTIONS, type EventStreamOptions, type EventStreamSource } from '../response/pump.ts';

export type { EventStreamHandle } from '../response/open-stream.ts';
export type { EventSourceFunction, EventStreamOptions, EventStreamSource } from '../response/pump.ts';

/**
 * Answers a stream of node:http2, as its servers' event `stream` gives it, with the source's events. Fulfils when the source has ended or the
 * listener has left; rejects with what the source threw, after the stream was reset. `HEAD` and `OPTIONS` are answered without the source.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered
 */
export async function eventStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  source: EventStreamSource,
  options: EventStreamOptions = {},
): Promise<void> {
  checkStreamNames(options, STREAM_OPTIONS);
  return sendEventStream(streamOutlet(stream, headers), source, options);
}

/**
 * Lets a listener into a channel, or refuses it. Fulfils when the request has been answered, and rejects with what a hook of the channel threw, with
 * the request unanswered.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
 */
export async function respond(
  channel: Channel,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  checkChannel(channel);
  return sendChannel(streamOutlet(stream, headers), channel);
}

/**
 * Returns the head of a request of node:http2. Do not spread it; add to it with `Object.assign`.
 * @param url an absolute URL, if it is known
 * @param peer what has the address of its connection. @default its session
 */
export function http2Head(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  url: string = headers[':path'] ?? '/',
  peer: RequestHead['peer'] = stream.session && new SessionPeer(stream.session),
): RequestHead {
  return new Http2Head(stream, headers, url, peer);
}

/**
 * Sends the head of an answer and returns the sink for its body.
 * @param isWhole whether it has no body
 */
export function startStream(
  stream: ServerHttp2Stream,
  status: number,
  headers: Readonly<Record<string, string>>,
  isWhole = false,
): Sink {
  // A stream may be silent for longer than a server's idle time.
  stream.session?.setTimeout(0);
  if (!isOver(stream)) stream.respond({ ':status': status, ...headers }, { endStream: isWhole });
  return new Http2Sink(stream);
}

/** The socket of a session throws when the session has ended, of which its streams are told a little later. */
class SessionPeer {
  readonly #session: Http2Session;

  constructor(session: Http2Session) {
    this.#session = session;
  }

  get remoteAddress(): string | undefined {
    return this.#session.destroyed ? undefined : this.#session.socket.remoteAddress;
  }
}

// What others make with this as its prototype has no private members: so its methods use none.
class Http2Head implements RequestHead {
  readonly method: string;
  readonly url: string;
  readonly original: ServerHttp2Stream;
  readonly peer: RequestHead['peer'];
  readonly #headers: IncomingHttpHeaders;
  /** A property of its own, so that it can be taken out of the head: `({ header }) => header('authorization')`. */
  readonly header = (name: string): string | undefined => fieldOf(this.#headers, name);

  readonly headerNames = (): readonly string[] => Object.keys(this.#headers).filter((name) => !name.startsWith(':'));

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, url: string, peer: RequestHead['peer']) {
    this.method = headers[':method'] ?? 'GET';
    this.url = url;
    this.original = stream;
    this.peer = peer;
    this.#headers = headers;
  }

  get address(): string | undefined {
    return this.peer?.remoteAddress;
  }

  onGone(gone: () => void): () => void {
    return onClosed(this.original, gone);
  }
}

function streamOutlet(stream: ServerHttp2Stream, requestHeaders: IncomingHttpHeaders): Outlet {
  checkGiven('stream', stream, ['respond', 'end'], 'a stream of node:http2, as the event stream of a server gives it');
  checkGiven('argument headers', requestHeaders, [], 'the header fields that come with the stream');
  return {
    head: http2Head(stream, requestHeaders),
    send(status, headers, body) {
      // The client may have gone by now: then there is nobody to answer.
      if (isOver(stream)) return;
      stream.respond({ ':status': status, ...headers, ...contentLength(body) });
      stream.end(body);
    },
    open: (status, headers) => startStream(stream, status, headers),
  };
}

function isOver(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}
