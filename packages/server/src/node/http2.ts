import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Channel } from '../channel/channel.ts';
import { fieldOf, onClosed } from './node-head.ts';
import { Http2Sink } from '../sink/http2-sink.ts';
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

function streamOutlet(stream: ServerHttp2Stream, requestHeaders: IncomingHttpHeaders): Outlet {
  checkGiven('stream', stream, ['respond', 'end'], 'a stream of node:http2, as the event stream of a server gives it');
  checkGiven('argument headers', requestHeaders, [], 'the header fields that come with the stream');
  return {
    head: {
      method: requestHeaders[':method'] ?? 'GET',
      url: requestHeaders[':path'] ?? '/',
      header: (name) => fieldOf(requestHeaders, name),
      get address() {
        return stream.session?.socket.remoteAddress;
      },
      get peer() {
        return stream.session?.socket;
      },
      onGone: (gone) => onClosed(stream, gone),
      original: stream,
    },
    send(status, headers, body) {
      // The client may have gone by now: then there is nobody to answer.
      if (isOver(stream)) return;
      stream.respond({ ':status': status, ...headers, ...contentLength(body) });
      stream.end(body);
    },
    open(status, headers) {
      // A stream may be silent for longer than a server's idle time.
      stream.session?.setTimeout(0);
      if (!isOver(stream)) stream.respond({ ':status': status, ...headers });
      return new Http2Sink(stream);
    },
  };
}

function isOver(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}
