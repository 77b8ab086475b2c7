import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type Answer, hasNoBody, SharedChunk } from '@tidings/server/live';
import { http2Head, startStream } from '@tidings/server/http2';
import { problemAnswer } from '../http/answer.ts';
import { Problem } from '../http/problem.ts';
import type { Hub } from '../hub.ts';
import type { Descriptors } from './descriptors.ts';
import type { Http2Connection } from './http2-connection.ts';
import type { CheckedServerOptions } from './options.ts';
import { checkFields, http2UrlOf } from './target.ts';
import { Unsent } from './unsent.ts';

/** One request of HTTP/2. */
interface Asking {
  readonly stream: ServerHttp2Stream;
  readonly fields: IncomingHttpHeaders;
  /** Name and value in turn. */
  readonly rawFields: readonly string[];
  readonly connection: Http2Connection;
}

/** Header fields that HTTP/2 does not have (RFC 9113, 8.2.2). A face or a refusal may give them. */
const OF_CONNECTIONS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

const ignore = (): void => {};

/** Carries requests of HTTP/2 to the hub, and its answers back. */
export class StreamDoor {
  readonly #hub: Hub;
  readonly #options: CheckedServerOptions;
  readonly #descriptors: Descriptors;
  readonly #unsent: Unsent<ServerHttp2Stream>;

  constructor(hub: Hub, options: CheckedServerOptions, descriptors: Descriptors) {
    this.#hub = hub;
    this.#options = options;
    this.#descriptors = descriptors;
    // Only the answer: other streams of the connection may be those of others, behind a proxy.
    this.#unsent = new Unsent(options.maxUnsentBytes, options.maxAnswerMs, (stream) =>
      stream.close(constants.NGHTTP2_CANCEL),
    );
  }

  take(
    stream: ServerHttp2Stream,
    fields: IncomingHttpHeaders,
    rawFields: readonly string[],
    connection: Http2Connection,
  ): void {
    // A client that breaks a stream off is no error of ours.
    stream.on('error', ignore);
    connection.begin(stream, fields[':method'] ?? '');
    void this.#answer({ stream, fields, rawFields, connection });
  }

  async #answer(asking: Asking): Promise<void> {
    const { stream, fields, connection } = asking;
    const isHead = fields[':method'] === 'HEAD';
    let answer = await this.#ask(asking);
    if (answer.start && !isHead) {
      const full = this.#descriptors.full(connection.below);
      if (!full) {
        if (isOver(stream)) answer.abandon?.();
        else {
          connection.beginStream(stream);
          answer.start(startStream(stream, answer.status, sendable(answer.headers)));
        }
        return;
      }
      answer.abandon?.();
      answer = this.#refused(asking, full);
    } else answer.abandon?.();
    if (!isOver(stream)) this.#send(asking, answer, isHead);
  }

  #ask(asking: Asking): Answer | Promise<Answer> {
    const { stream, fields, rawFields, connection } = asking;
    let url: string;
    try {
      checkFields({ rawHeaders: rawFields, headers: fields }, this.#options.maxFieldBytes);
      url = http2UrlOf(fields, connection.socket, this.#options.maxUrlBytes);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return this.#refused(asking, error);
    }
    const head = http2Head(stream, fields, url, connection.socket);
    return this.#hub.handle(Object.assign(head, { body: bodyOf(stream, fields) }));
  }

  #refused({ stream, fields, connection }: Asking, problem: Problem): Answer {
    const head = http2Head(stream, fields, undefined, connection.socket);
    this.#hub.reports.refused(head, problem.status, problem.problem, undefined);
    return problemAnswer(problem);
  }

  /** Sends an answer that is no stream. */
  #send(asking: Asking, { status, headers, body = '', start }: Answer, isHead: boolean): void {
    const { stream, connection } = asking;
    const bytes = Buffer.from(body);
    const length = hasNoBody(status) || start ? {} : { 'Content-Length': String(bytes.length) };
    const sent = isHead || hasNoBody(status) ? '' : body;
    // In pieces, so that a session that is not read holds little of it: it refuses new streams when it holds much.
    const sink = startStream(stream, status, { ...sendable(headers), ...length }, sent === '');
    if (sent !== '') {
      sink.write(new SharedChunk(bytes));
      sink.end();
      // The text is in memory, too.
      if (sink.backlog > 0) this.#unsent.add(stream, 2 * bytes.length);
    }
    if (!stream.endAfterHeaders && !stream.readableEnded) this.#readOn(stream);
    // If a request is refused because there is no room, its connection is closed to make room for others.
    if ((status === 503 || status === 429) && connection.hasOnly(stream)) connection.close();
  }

  /** Reads the rest of a body that is refused, for a while: a client may read the answer only after it has sent the whole body. */
  #readOn(stream: ServerHttp2Stream): void {
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), this.#options.lingerMs).unref();
    stream.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
    // Whoever has read the body until now has given it up, and would hold it back.
    stream.removeAllListeners('readable').on('data', ignore).resume();
  }
}

function isOver(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}

function sendable(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = Object.keys(headers);
  if (!names.some((name) => OF_CONNECTIONS.has(name.toLowerCase()))) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_CONNECTIONS.has(name.toLowerCase())));
}

/** The parts of a body. The first time that one is asked for, the client is asked for it if it waits for that. */
async function* bodyOf(stream: ServerHttp2Stream, { expect }: IncomingHttpHeaders): AsyncIterable<Uint8Array> {
  if (stream.endAfterHeaders) return;
  if (/^100-continue$/i.test(expect ?? '') && !stream.headersSent) stream.additionalHeaders({ ':status': 100 });
  // Not `yield* stream`, which would destroy the stream at its end, and the answer with it.
  yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  // A stream that the client cancels ends, too.
  if (stream.aborted) throw new Error('The body was broken off');
}
