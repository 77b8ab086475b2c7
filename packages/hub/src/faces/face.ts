import { type EventLog, ServerError } from '@tidings/server/log';
import type { Answer, Audience, Clock, CodedHead, FanOut } from '@tidings/server/live';
import type { Logger } from 'pino';
import type { Exchange } from '../http/request.ts';
import type { HubLimits } from '../limits.ts';

/** One way in which a hub is spoken to: its routes, its methods and its errors. */
export interface Face {
  /** What it is called in the hub's log. */
  readonly name: string;
  /**
   * The methods that are answered at a URL, such as `GET`; undefined where the URL is not this face's. Where `GET` is answered `HEAD` is, too:
   * the face is asked as for `GET`, and of its answer the head is sent.
   */
  match(url: URL): readonly string[] | undefined;
  /** Answers a request whose URL and method it matched. What it throws is answered by {@link problem}. */
  handle(exchange: Exchange): Answer | Promise<Answer>;
  /** The answer for an error of {@link handle}, or for a method that is not answered. @default an error document (PROTOCOL §10) */
  problem?(error: unknown, exchange: Exchange): Answer | undefined;
}

/** Makes a face for a hub. */
export type MakeFace = (context: FaceContext) => Face;

/** Remembers whether the log could be written. Whoever appends tells it what came of it. */
export class Writes {
  /** Why the last append failed; undefined once one has succeeded. */
  failure: string | undefined;

  succeeded(): void {
    this.failure = undefined;
  }

  failed(error: unknown): void {
    if (error instanceof ServerError && error.code === 'ERR_NOT_STORED') this.failure = error.message;
  }
}

/** What a hub gives its faces. */
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
  /** Whether the hub can publish, as its faces have found. */
  readonly writes: Writes;
  /** The URL that topics and patterns are resolved against (PROTOCOL §3.4), for a request to this one. */
  topicsBase(url: URL): string;
  /** The header fields and the coding of a stream for a request. */
  streamHead(exchange: Exchange): CodedHead;
  /** Refuses pages of other origins. @throws {Problem} `origin-not-allowed` */
  requireOrigin(exchange: Exchange, what: string): void;
}
