import { connect, type Socket } from 'node:net';
import { ServerError, type ServerErrorCode } from '../../../errors.ts';
import { systemClock, type Clock } from '../../../clock.ts';
import type { AskOptions } from '../../event-log.ts';
import { LineReader, type Answer, type Question, type Request } from './protocol.ts';

// How long an answer may take before a request is sent again, in milliseconds: longer each time, up to the second.
const FIRST_TIMEOUT_MS = 20;
const LAST_TIMEOUT_MS = 250;
const RECONNECT_MS = 2;

interface AskingOptions extends AskOptions {
  /** Whether a lost connection ends it, because the answer would be of no use on another one. @default false */
  readonly isOfConnection?: boolean;
}

interface Asked {
  readonly request: Request;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly isOfConnection: boolean;
  timer: unknown;
}

/** Why a request that is of one connection has no answer. */
export class ConnectionLost extends Error {}

/** Asks a store, over a connection that may be cut at any time and loses, doubles and delays messages. Each question is answered once. */
export class Connection {
  readonly #port: number;
  readonly #client: string;
  readonly #clock: Clock;
  readonly #asked = new Map<number, Asked>();
  #socket: Socket | undefined;
  #id = 0;
  #isClosed = false;

  /** @param client a name that no other client of the store has */
  constructor(port: number, client: string, clock: Clock = systemClock) {
    this.#port = port;
    this.#client = client;
    this.#clock = clock;
    this.#connect();
  }

  /** Asks, and asks again until there is an answer. If the signal is aborted before that, it tells the store that nobody waits for it. */
  ask(question: Question, { isOfConnection = false, signal }: AskingOptions = {}): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.#id += 1;
      const id = this.#id;
      const request: Request = { client: this.#client, id, answered: this.#answered(), question };
      const asked: Asked = { request, resolve, reject, isOfConnection, timer: undefined };
      this.#asked.set(id, asked);
      this.#send(asked, FIRST_TIMEOUT_MS);
      signal?.addEventListener('abort', () => this.#leave(asked, signal.reason as Error), { once: true });
    });
  }

  #leave(asked: Asked, reason: Error): void {
    const { id } = asked.request;
    if (!this.#asked.has(id)) return;
    this.#settle(asked, () => asked.reject(reason));
    this.ask({ op: 'leave', asked: id }).catch(() => {});
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const asked of this.#asked.values()) this.#settle(asked, () => asked.reject(closed()));
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = connect(this.#port, '127.0.0.1');
    this.#socket = socket;
    const reader = new LineReader((line) => this.#receive(JSON.parse(line) as Answer));
    socket.setEncoding('utf8').on('data', (text) => reader.write(String(text)));
    socket.on('error', () => {}).on('close', () => this.#onCut());
  }

  #onCut(): void {
    if (this.#isClosed) return;
    for (const asked of this.#asked.values()) {
      if (asked.isOfConnection) this.#settle(asked, () => asked.reject(new ConnectionLost('The connection was cut')));
    }
    this.#clock.setTimeout(() => {
      if (!this.#isClosed) this.#connect();
    }, RECONNECT_MS);
  }

  /** Sends a request, and again until it is answered: what is sent while there is no connection is lost as well. */
  #send(asked: Asked, timeoutMs: number): void {
    this.#socket?.write(`${JSON.stringify(asked.request)}\n`);
    asked.timer = this.#clock.setTimeout(() => this.#send(asked, Math.min(timeoutMs * 2, LAST_TIMEOUT_MS)), timeoutMs);
  }

  #receive({ id, value, error }: Answer): void {
    const asked = this.#asked.get(id);
    // It has been answered before: this is a copy.
    if (!asked) return;
    this.#settle(asked, () => {
      if (error) asked.reject(new ServerError(error.code as ServerErrorCode, error.message, error));
      else asked.resolve(value);
    });
  }

  #settle(asked: Asked, settle: () => void): void {
    this.#clock.clearTimeout(asked.timer);
    this.#asked.delete(asked.request.id);
    settle();
  }

  /** The lowest number of a request that has not been answered. */
  #answered(): number {
    const [first = this.#id] = this.#asked.keys();
    return first;
  }
}

function closed(): ServerError {
  return new ServerError('ERR_CLOSED', 'Cannot ask the store: the log has been closed');
}
