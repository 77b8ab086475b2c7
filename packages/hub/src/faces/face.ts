import type { EventLog } from '@tidings/server/log';
import type { Answer, Audience, Clock, CodedHead, FanOut } from '@tidings/server/live';
import type { Logger } from 'pino';
import type { Bodies } from '../http/bodies.ts';
import type { Exchange } from '../http/request.ts';
import type { HubLimits } from '../limits.ts';
import type { Reports } from '../reports.ts';
import type { Writes } from './writes.ts';

/** One HTTP interface of a hub, with its URLs, methods and errors. */
export interface Face {
  /** The name of the face in the hub's log. */
  readonly name: string;
  /**
   * Returns the methods that are allowed at a URL, such as `GET`, or undefined if the face does not answer the URL. Wherever `GET` is allowed `HEAD` is,
   * too: only the head of its answer is sent, and the face gets the request as one with `GET`, unless it names `HEAD` itself.
   */
  match(url: URL): readonly string[] | undefined;
  /** Answers a request whose URL and method have matched. If it throws, {@link problem} makes the answer. */
  handle(exchange: Exchange): Answer | Promise<Answer>;
  /** Returns the answer to an error of {@link handle}, or to a method that is not allowed. @default an error document (PROTOCOL §10) */
  problem?(error: unknown, exchange: Exchange): Answer | undefined;
}

/** Makes a face for a hub. */
export type MakeFace = (context: FaceContext) => Face;

/** The parts of a hub that its faces use. */
export interface FaceContext {
  readonly log: EventLog;
  readonly fanOut: FanOut;
  readonly audience: Audience;
  readonly limits: HubLimits;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** Writes into the logger. */
  readonly reports: Reports;
  /** How long a stream may be silent, in milliseconds. */
  readonly keepAliveMs: number;
  /** Aborted when the hub ends its streams. */
  readonly closing: AbortSignal;
  /** Aborted when requests under way may take no longer. */
  readonly deadline: AbortSignal;
  /** Reads the bodies of requests that publish. */
  readonly bodies: Bodies;
  /** Reads the forms of requests to listen, which have memory of their own: listeners keep nobody from publishing. */
  readonly forms: Bodies;
  /** Whether the hub can publish, and how fast, as its faces have found. */
  readonly writes: Writes;
  /** The URL that topics and patterns are resolved against (PROTOCOL §3.4), for a request to this one. */
  topicsBase(url: URL): string;
  /** The header fields and the coding of a stream for a request. */
  streamHead(exchange: Exchange): CodedHead;
  /** Refuses pages of other origins. @throws {Problem} `origin-not-allowed` */
  requireOrigin(exchange: Exchange, what: string): void;
}
