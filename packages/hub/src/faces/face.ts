import { type EventLog, ServerError } from '@tidings/server/log';
import type { Answer, Audience, Clock, CodedHead, FanOut } from '@tidings/server/live';
import type { Logger } from 'pino';
import type { Exchange } from '../http/request.ts';
import type { HubLimits } from '../limits.ts';

/** One HTTP interface of a hub, with its URLs, methods and errors. */
export interface Face {
  /** The name of the face in the hub's log. */
  readonly name: string;
  /**
   * Returns the methods that are allowed at a URL, such as `GET`, or undefined if the face does not answer the URL. Wherever `GET` is allowed `HEAD` is,
   * too: the face gets the request as one with `GET`, and only the head of its answer is sent.
   */
  match(url: URL): readonly string[] | undefined;
  /** Answers a request whose URL and method have matched. If it throws, {@link problem} makes the answer. */
  handle(exchange: Exchange): Answer | Promise<Answer>;
  /** Returns the answer to an error of {@link handle}, or to a method that is not allowed. @default an error document (PROTOCOL §10) */
  problem?(error: unknown, exchange: Exchange): Answer | undefined;
}

/** Makes a face for a hub. */
export type MakeFace = (context: FaceContext) => Face;

/** Remembers whether the log could be written. Code that appends reports the outcome here. */
export class Writes {
  /** The error of the last append, or undefined if it succeeded. */
  failure: string | undefined;

  succeeded(): void {
    this.failure = undefined;
  }

  failed(error: unknown): void {
    if (error instanceof ServerError && error.code === 'ERR_NOT_STORED') this.failure = error.message;
  }
}

/** The parts of a hub that its faces use. */
export interface FaceContext {
  readonly log: EventLog;
  readonly fanOut: FanOut;
  readonly audience: Audience;
  readonly limits: HubLimits;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** How long a stream may be silent, in milliseconds. */
  readonly keepAliveMs: number;
  /** Aborted when the hub ends its streams. */
  readonly closing: AbortSignal;
  /** Aborted when requests under way may take no longer. */
  readonly deadline: AbortSignal;
  /** The outcome of the last append of any face. */
  readonly writes: Writes;
  /** The URL that topics and patterns are resolved against (PROTOCOL §3.4), for a request to this one. */
  topicsBase(url: URL): string;
  /** The header fields and the coding of a stream for a request. */
  streamHead(exchange: Exchange): CodedHead;
  /** Refuses pages of other origins. @throws {Problem} `origin-not-allowed` */
  requireOrigin(exchange: Exchange, what: string): void;
}
