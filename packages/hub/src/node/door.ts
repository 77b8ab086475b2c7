import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Answer, hasNoBody } from '@tidings/server/live';
import { nodeHead, startResponse } from '@tidings/server/node';
import { problemAnswer } from '../http/answer.ts';
import { Problem } from '../http/problem.ts';
import type { Hub } from '../hub.ts';
import type { Descriptors } from './descriptors.ts';
import type { CheckedServerOptions } from './options.ts';
import { checkFields, urlOf } from './target.ts';
import { Turns } from './turns.ts';
import { beginStream, connectionBelow, setTurn } from './unfinished.ts';
import { Unsent } from './unsent.ts';

const NOTHING = new Uint8Array();

/** Carries requests of HTTP/1.1 to the hub, and its answers back. */
export class Door {
  readonly #descriptors: Descriptors;
  readonly #isSecure: boolean;
  readonly #hub: Hub;
  readonly #options: CheckedServerOptions;
  readonly #turns: Turns;
  readonly #unsent: Unsent;

  /** @param isSecure whether its requests come over TLS */
  constructor(hub: Hub, options: CheckedServerOptions, descriptors: Descriptors, isSecure: boolean) {
    this.#descriptors = descriptors;
    this.#isSecure = isSecure;
    this.#hub = hub;
    this.#options = options;
    this.#turns = new Turns(options.maxPipelined);
    this.#unsent = new Unsent(options.maxUnsentBytes, options.maxAnswerMs);
  }

  /**
   * Answers a request when it is its turn.
   * @param onRead called when the body is asked for
   */
  take(request: IncomingMessage, response: ServerResponse, onRead?: () => void): void {
    // A client that breaks off its upload is no error of ours.
    request.on('error', () => {});
    this.#turns.wait(request, response, () => void this.#answer(request, response, onRead));
  }

  async #answer(request: IncomingMessage, response: ServerResponse, onRead?: () => void): Promise<void> {
    const head = nodeHead(request);
    const peer = head.peer as Socket;
    const connection = this.#isSecure ? connectionBelow(peer) : peer;
    setTurn(connection, request);
    let answer = await this.#ask(request, onRead);
    if (answer.start && request.method !== 'HEAD') {
      const full = this.#descriptors.full(connection);
      if (!full) {
        if (response.destroyed) answer.abandon?.();
        else {
          beginStream(connection);
          answer.start(startResponse(response, answer.status, answer.headers));
        }
        return;
      }
      answer.abandon?.();
      this.#hub.reports.refused(head, full.status, full.problem, undefined);
      answer = problemAnswer(full);
    } else answer.abandon?.();
    if (!response.destroyed) this.#send(request, response, answer, peer, connection);
  }

  #ask(request: IncomingMessage, onRead: (() => void) | undefined): Answer | Promise<Answer> {
    let url: string;
    try {
      checkFields(request, this.#options.maxFieldBytes);
      url = urlOf(request, this.#options.maxUrlBytes, this.#isSecure);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#hub.reports.refused(nodeHead(request), error.status, error.problem, undefined);
      return problemAnswer(error);
    }
    const head = nodeHead(request, url);
    if (onRead) return this.#hub.handle(Object.assign(head, { body: whenRead(request, onRead) }));
    return this.#hub.handle(Object.assign(head, { body: request, received: () => receivedBody(request) }));
  }

  /** Sends an answer that is no stream. */
  #send(
    request: IncomingMessage,
    response: ServerResponse,
    { status, headers, body = '', start }: Answer,
    peer: Socket,
    connection: Socket,
  ): void {
    const isOver = request.complete;
    // If a request is refused because there is no room, its connection is closed to make room for others.
    const close = isOver && status !== 503 && status !== 429 ? {} : { Connection: 'close' };
    // The length of a stream, for `HEAD`, is not known (RFC 9110, 8.6).
    const length = hasNoBody(status) || start ? {} : { 'Content-Length': Buffer.byteLength(body) };
    response.writeHead(status, { ...headers, ...length, ...close });
    const sent = request.method === 'HEAD' || hasNoBody(status) ? '' : body;
    if (isOver) {
      response.end(sent, () => {
        this.#unsent.sent(peer);
        setTurn(connection);
      });
    } else {
      if (sent === '') response.flushHeaders();
      else response.write(sent, () => this.#unsent.sent(peer));
      request.socket.end();
      this.#readOn(request, () => response.end());
    }
    // The text is in memory, too.
    if (peer.writableLength > 0) this.#unsent.add(peer, 2 * Buffer.byteLength(sent));
  }

  /**
   * Reads the rest of a body that is refused, for a while. A connection that is closed before all of its bytes have been read is reset, and a client
   * that sends its whole body before it reads would never see why it was refused.
   */
  #readOn(request: IncomingMessage, done: () => void): void {
    const end = (): void => {
      clearTimeout(timer);
      done();
    };
    const timer = setTimeout(end, this.#options.lingerMs).unref();
    // Whoever has read the body until now has given it up, and would hold it back.
    request.removeAllListeners('readable').on('data', () => {});
    request.once('end', end).once('close', end).resume();
  }
}

/** The whole body, if all of it has come and nothing has read of it. */
function receivedBody(request: IncomingMessage): Uint8Array | undefined {
  if (!request.complete || request.readableEnded) return undefined;
  return (request.read() as Uint8Array | null) ?? NOTHING;
}

/** The parts of a body; the first time that one is asked for, `onRead` is called. */
async function* whenRead(request: IncomingMessage, onRead: () => void): AsyncIterable<Uint8Array> {
  onRead();
  yield* request as AsyncIterable<Uint8Array>;
}
