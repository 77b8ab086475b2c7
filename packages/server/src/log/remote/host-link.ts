import type { Duplex } from 'node:stream';
import type { Clock } from '../../clock.ts';
import type { LogEntry } from '../entry.ts';
import type { FollowStart } from '../event-log.ts';
import type { ValuesChange } from '../stored-values.ts';
import type { LogFacts } from './asking-log.ts';
import { decodeEntries } from './entries.ts';
import { encodeMessage, type HostMessage, MessageReader, type Received, type UserMessage, VERSION } from './message.ts';
import { receivedError, storeAway } from './sent-error.ts';

/** The first word of the process of the log. */
export interface Hello {
  readonly facts: LogFacts;
  readonly number: number;
  readonly marks: Uint8Array;
  readonly secret: Uint8Array;
}

/** What comes over a link that nobody has asked for. */
export interface LinkListener {
  onStart(start: FollowStart): void;
  onBatch(batch: readonly LogEntry[]): void;
  onLost(reason: string): void;
  onValues(id: number, change: ValuesChange): void;
  /** Answers what another process asks all. */
  answerPeers(question: unknown): Promise<unknown>;
  /** Another process tells all. */
  onTold(news: unknown): void;
  /** Another process is gone. */
  onGone(number: number): void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A question that can be sent. */
export interface PreparedQuestion {
  readonly id: number;
  readonly encoded: Buffer;
}

type Asked<Is extends UserMessage['is']> = Omit<Extract<UserMessage, { readonly is: Is }>, 'id'>;

type Asking = Asked<'ask'> | Asked<'peers'> | Asked<'count'> | Asked<'record'>;

/** One connection to the process of a log. Each question is answered, or rejects when the connection is lost. */
export class HostLink {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #asked = new Map<number, Waiting>();
  #lastId = 0;
  #onHello: (hello: Hello) => void = () => {};
  #onClose: () => void = () => {};
  #listener: LinkListener | undefined;
  #failure: unknown;
  #isClosed = false;

  constructor(socket: Duplex, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    const reader = new MessageReader<HostMessage>((received) => this.#receive(received));
    socket.on('data', (part: Buffer) => {
      try {
        reader.write(part);
      } catch (error) {
        this.#fail(error);
      }
    });
    socket.on('error', (error) => {
      this.#failure ??= error;
    });
    socket.on('end', () => socket.destroy()).on('close', () => this.#closed());
    this.send({ is: 'hello', version: VERSION });
  }

  /** Why the connection was lost, if that is known. */
  get reason(): unknown {
    return this.#failure;
  }

  /** Resolves to the first word of the other side. Rejects with `ERR_STORE_AWAY` if none comes in this time. */
  hello(ms: number): Promise<Hello> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => this.#fail(new Error(`No answer within ${ms} ms`)), ms);
      this.#onHello = (hello) => {
        this.#clock.clearTimeout(timer);
        resolve(hello);
      };
      this.#onClose = () => {
        this.#clock.clearTimeout(timer);
        reject(storeAway('Cannot open the log', this.#failure));
      };
      if (this.#isClosed) this.#onClose();
    });
  }

  /** @param onClose is called when the connection is lost, also if it was lost right after its first word, and not after {@link end} */
  listen(listener: LinkListener, onClose: () => void): void {
    this.#listener = listener;
    this.#onClose = onClose;
    if (this.#isClosed) onClose();
  }

  send(message: UserMessage): void {
    if (!this.#isClosed) this.#socket.write(encodeMessage(message));
  }

  /** Encodes a question. @throws {ServerError} `ERR_INVALID_OPTION`, `ERR_BATCH_TOO_LARGE` */
  prepare(message: Asking): PreparedQuestion {
    this.#lastId += 1;
    const id = this.#lastId;
    return { id, encoded: encodeMessage({ ...message, id }) };
  }

  /** If the signal is aborted, the other side is told that nobody waits for the answer. */
  ask({ id, encoded }: PreparedQuestion, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        if (!this.#asked.delete(id)) return;
        this.send({ is: 'leave', id });
        reject(signal?.reason as Error);
      };
      const settle = (): void => signal?.removeEventListener('abort', leave);
      this.#asked.set(id, {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      signal?.addEventListener('abort', leave, { once: true });
      if (this.#isClosed) this.#loseAsked(storeAway('Cannot ask the log', this.#failure));
      else this.#socket.write(encoded);
    });
  }

  /** Ends the connection. What is still asked rejects with the error. */
  end(error: Error): void {
    this.#onClose = () => {};
    this.#isClosed = true;
    this.#loseAsked(error);
    this.#socket.end(encodeMessage({ is: 'bye' }));
  }

  #receive({ message, rest }: Received<HostMessage>): void {
    switch (message.is) {
      case 'hello': {
        const { version, facts, number } = message;
        if (version !== VERSION)
          throw new Error(`The process of the log speaks version ${version}, and this one ${VERSION}`);
        return this.#onHello({ facts, number, marks: bytesOf(message.marks), secret: bytesOf(message.secret) });
      }
      case 'start':
        return this.#listener?.onStart(message.start);
      case 'batch':
        return this.#listener?.onBatch(decodeEntries(rest));
      case 'lost':
        return this.#listener?.onLost(message.reason);
      case 'values':
        return this.#listener?.onValues(message.id, message.change);
      case 'query':
        return void this.#reply(message.id, message.question);
      case 'told':
        return this.#listener?.onTold(message.news);
      case 'gone':
        return this.#listener?.onGone(message.number);
      case 'answer': {
        const { id, error, value, isPage } = message;
        const asked = this.#asked.get(id);
        this.#asked.delete(id);
        if (error) asked?.reject(receivedError(error));
        else if (isPage) asked?.resolve({ ...(value as object), entries: decodeEntries(rest) });
        else asked?.resolve(value);
      }
    }
  }

  async #reply(id: number, question: unknown): Promise<void> {
    try {
      this.send({ is: 'reply', id, value: await this.#listener?.answerPeers(question) });
    } catch {
      // Who asked does without this answer.
      this.send({ is: 'reply', id });
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#socket.destroy();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#loseAsked(storeAway('The answer of the log was lost', this.#failure));
    this.#onClose();
  }

  #loseAsked(error: Error): void {
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject } of asked) reject(error);
  }
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
