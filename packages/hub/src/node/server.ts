import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createServer as createStreamServer, nodeHead, startResponse } from '@tidings/server/node';
import type { Answer } from '@tidings/server/live';
import { shown } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import type { Hub } from '../hub.ts';
import { problemAnswer } from '../http/answer.ts';
import { Problem } from '../http/problem.ts';
import { Descriptors } from './descriptors.ts';
import { type CheckedServerOptions, checkServerOptions, type HubServerOptions } from './options.ts';
import { checkFields, urlOf } from './target.ts';
import { Turns } from './turns.ts';
import { beginStream, setTurn } from './unfinished.ts';
import { Unsent } from './unsent.ts';

// An upload of an event stream may last for as long as its publisher likes; a request's head may not. TCP finds out, within two minutes, that the
// machine on the other side has gone.
const CONNECTIONS = { requestTimeout: 0, keepAlive: true, keepAliveInitialDelay: 60_000 };

const NOTHING = new Uint8Array();

// What the request line has beside its URL, and the ends of lines.
const REQUEST_LINE_BYTES = 1024;

/** A server for the hub, not listening yet. @throws {HubError} `ERR_INVALID_OPTION` */
export function createServer(hub: Hub, options: HubServerOptions = {}): Server {
  checkHub(hub);
  const settings = checkServerOptions(options);
  const { idleConnectionMs, maxHeadMs, maxLargeHeads, maxUrlBytes, maxFieldBytes } = settings;
  const door = new Door(hub, settings);
  const server = createStreamServer((request, response) => door.take(request, response), {
    ...CONNECTIONS,
    headersTimeout: maxHeadMs,
    keepAliveTimeout: idleConnectionMs,
    maxLargeHeads,
    maxHeaderSize: maxUrlBytes + maxFieldBytes + REQUEST_LINE_BYTES,
  });
  // Without this Node asks for the body before the hub knows whether it wants it.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    door.take(request, response, () => response.writeContinue());
  });
  door.descriptors.guard(server);
  return server;
}

/**
 * What is no hub would fail at the first request, outside of every `try` of the caller. A hub may be of another copy of this package, so its class does
 * not matter.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
function checkHub(hub: unknown): void {
  const { handle, reports } = (hub ?? {}) as Partial<Hub>;
  if (typeof handle === 'function' && typeof reports?.refused === 'function') return;
  const [found, advice] = hub instanceof Promise ? ['a promise', 'await it first'] : [shown(hub), 'new Hub({ log })'];
  throw new HubError('ERR_INVALID_OPTION', `The hub of createServer is ${found}, but must be a Hub: ${advice}`);
}

/** Carries requests of Node to the hub, and its answers back. */
class Door {
  readonly descriptors: Descriptors;
  readonly #hub: Hub;
  readonly #options: CheckedServerOptions;
  readonly #turns: Turns;
  readonly #unsent: Unsent;

  constructor(hub: Hub, options: CheckedServerOptions) {
    this.#hub = hub;
    this.#options = options;
    this.#turns = new Turns(options.maxPipelined);
    this.#unsent = new Unsent(options.maxUnsentBytes, options.maxAnswerMs);
    this.descriptors = new Descriptors((about, message) => hub.reports.warn(about, message));
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
    setTurn(peer, request);
    let answer = await this.#ask(request, onRead);
    if (answer.start && request.method !== 'HEAD') {
      const full = this.descriptors.full();
      if (!full) {
        if (response.destroyed) answer.abandon?.();
        else {
          beginStream(peer);
          answer.start(startResponse(response, answer.status, answer.headers));
        }
        return;
      }
      answer.abandon?.();
      this.#hub.reports.refused(head, full.status, full.problem, undefined);
      answer = problemAnswer(full);
    } else answer.abandon?.();
    if (!response.destroyed) this.#send(request, response, answer, peer);
  }

  #ask(request: IncomingMessage, onRead: (() => void) | undefined): Answer | Promise<Answer> {
    let url: string;
    try {
      checkFields(request, this.#options.maxFieldBytes);
      url = urlOf(request, this.#options.maxUrlBytes);
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
  ): void {
    const isOver = request.complete;
    // If a request is refused because there is no room, its connection is closed to make room for others.
    const close = isOver && status !== 503 && status !== 429 ? {} : { Connection: 'close' };
    // The length of a stream, for `HEAD`, is not known (RFC 9110, 8.6).
    const length = status === 204 || start ? {} : { 'Content-Length': Buffer.byteLength(body) };
    response.writeHead(status, { ...headers, ...length, ...close });
    const sent = request.method === 'HEAD' || status === 204 ? '' : body;
    if (isOver) {
      response.end(sent, () => {
        this.#unsent.sent(peer);
        setTurn(peer);
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
