import type { Clock } from '../clock.ts';
import { encodeEvent, type EventFields } from '@tidings/wire';
import { COMMENT } from '../sink/keep-alive.ts';
import { ServerError } from '../errors.ts';
import { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';
import { turnAfter } from '../turns.ts';

/** The handle of an open response, by which a source that is no loop sends its events. */
export interface EventStreamHandle {
  /** Aborted when the listener has gone or the response has ended. */
  readonly signal: AbortSignal;
  /** The last event ID of the request: its `Last-Event-ID`, else `?lastEventId=` or another name of it, else an empty string. */
  readonly lastEventId: string;
  /**
   * Sends an event. Fulfils when the transport can take more, and now and then only after everything else in the process has had its turn. It
   * never rejects, so the promise can be ignored. A source that ignores it is bounded by `maxBacklogBytes`.
   * @throws {EventStreamError} `ERR_INVALID_FIELD` if the event cannot be encoded. Nothing of it is sent
   */
  send(fields: EventFields): Promise<void>;
  /** Ends the response, which looks finished to the listener. Events that were sent before are still delivered. */
  close(): void;
}

export interface OpenStreamOptions {
  readonly lastEventId: string;
  readonly keepAliveMs: number;
  readonly maxBacklogBytes: number;
  readonly clock: Clock;
}

interface Settle {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const DONE = Promise.resolve();

/** The life of one response, from its head to its end. It ends once: by its source, by an error, or because the listener left. */
export class OpenStream implements EventStreamHandle {
  readonly lastEventId: string;
  /** Fulfils when the response is over, and rejects with what broke it off. */
  readonly over: Promise<void>;
  readonly #sink: Sink;
  readonly #keepAliveMs: number;
  readonly #maxBacklogBytes: number;
  #open = true;
  #settle: Settle | undefined;
  /** Made when the signal is first read. */
  #aborted: AbortController | undefined;
  /** Settles when the transport can take more; undefined while no caller waits for that. */
  #drain: { readonly promise: Promise<void>; resolve(): void } | undefined;
  readonly #clock: Clock;
  #timer: unknown;
  #lastWrite = 0;

  constructor(sink: Sink, options: OpenStreamOptions) {
    this.lastEventId = options.lastEventId;
    this.#sink = sink;
    this.#keepAliveMs = options.keepAliveMs;
    this.#maxBacklogBytes = options.maxBacklogBytes;
    this.#clock = options.clock;
    this.over = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    sink.onDrain = () => this.#drained();
    sink.onClose = () => this.#finish(({ resolve }) => resolve());
    // Some proxies hold the head back until the first byte of the body.
    this.#write(COMMENT);
    if (this.#keepAliveMs > 0) this.#beatAfter(this.#keepAliveMs);
  }

  get signal(): AbortSignal {
    if (!this.#aborted) {
      this.#aborted = new AbortController();
      if (!this.#open) this.#aborted.abort();
    }
    return this.#aborted.signal;
  }

  /** Sends an event, or one that is encoded and goes to other responses, too. */
  send(event: EventFields | SharedChunk): Promise<void> {
    const chunk = event instanceof SharedChunk ? event : SharedChunk.fromText(encodeEvent(event));
    // A source that does not look whether the response is over must not keep the loop for itself either.
    if (!this.#open) return turnAfter(0) ?? DONE;
    const { backlog } = this.#sink;
    // Measured before the write: a single event may be of any size.
    if (backlog > this.#maxBacklogBytes) {
      this.fail(
        new ServerError(
          'ERR_BACKLOG_EXCEEDED',
          `Cannot send an event: ${backlog} bytes wait for a listener that does not read them, and maxBacklogBytes allows ` +
            `${this.#maxBacklogBytes}. A source that awaits send() is held back before that`,
        ),
      );
      return DONE;
    }
    this.#write(chunk);
    return this.#sink.needsDrain ? this.#waitForDrain() : (turnAfter(chunk.bytes.length) ?? DONE);
  }

  close(): void {
    this.#finish(({ resolve }) => {
      this.#sink.end();
      resolve();
    });
  }

  /** Breaks the response off, so that it does not look finished. */
  fail(error: unknown): void {
    this.#finish(({ reject }) => {
      this.#sink.destroy();
      reject(error);
    });
  }

  /** Ends the stream, once. */
  #finish(how: (settle: Settle) => void): void {
    const settle = this.#settle;
    if (!settle) return;
    this.#settle = undefined;
    this.#open = false;
    this.#clock.clearTimeout(this.#timer);
    how(settle);
    this.#aborted?.abort();
    this.#drained();
  }

  #write(chunk: SharedChunk): void {
    this.#lastWrite = this.#clock.now();
    this.#sink.write(chunk);
  }

  #waitForDrain(): Promise<void> {
    if (!this.#drain) {
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#drain = { promise, resolve };
    }
    return this.#drain.promise;
  }

  #drained(): void {
    this.#drain?.resolve();
    this.#drain = undefined;
  }

  /** One timer a response: it finds out how long the silence has been, so an event costs it nothing. */
  #beat(): void {
    const silent = this.#clock.now() - this.#lastWrite;
    // Timers may be a millisecond early.
    const due = silent >= this.#keepAliveMs - 1;
    // Bytes that wait for the listener keep it alive as soon as it reads.
    if (due && !this.#sink.needsDrain) this.#write(COMMENT);
    this.#beatAfter(due ? this.#keepAliveMs : this.#keepAliveMs - silent);
  }

  #beatAfter(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#beat(), ms);
  }
}
