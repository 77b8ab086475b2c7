import type { Authenticate } from '@tidings/server';
import type { EventLog } from '@tidings/server/log';
import type { Answer, Audience, Clock, CodedHead, FanOut } from '@tidings/server/live';
import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import type { Rates } from '../access/rates.ts';
import type { Counts } from '../counts.ts';
import type { Bodies } from '../http/bodies.ts';
import type { Exchange } from '../http/request.ts';
import type { HubLimits } from '../limits.ts';
import type { Reports } from '../reports.ts';
import type { Processes } from '../processes/processes.ts';
import type { AllListeners } from './presence/all-listeners.ts';
import type { States } from './states.ts';
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
  /**
   * Decides what the sender of a request to this face may do, in place of the option `authenticate` of the hub. It is called again when rights expire. Such a
   * face also has to refuse requests that come with a cookie from pages that may not change anything.
   * @default as the hub does
   */
  readonly authenticate?: Authenticate | undefined;
  /**
   * Whether a topic is for events of the face itself: no other face lets anyone publish to it, create, lease, close or delete it.
   * @default none is
   */
  reserves?(topic: string): boolean;
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
  /** The processes that serve the hub. */
  readonly processes: Processes;
  /** The listeners of all of them. */
  readonly everyone: AllListeners;
  readonly limits: HubLimits;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** What the hub has done, in numbers, beside what the audience counts. */
  readonly counts: Counts;
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
  /** Tokens, tickets and revocations; undefined if the hub takes no tokens. */
  readonly access: Access | undefined;
  /** Decides what the sender of a request may do, as the hub does for faces without an `authenticate` of their own. */
  readonly authenticate: Authenticate;
  /** How much each sender may publish. */
  readonly rates: Rates;
  /** Whether the hub can publish, and how fast, as its faces have found. */
  readonly writes: Writes;
  /** The state of all processes together, as health tells it. */
  readonly states: States;
  /** Resolves when the log has been reached. Rejects if the sender of the request leaves before. */
  ready(exchange: Exchange): Promise<void>;
  /**
   * Refuses a request whose rights have expired or were revoked while it was answered, such as while its body came.
   * @throws {Problem} `unauthorized`, `forbidden`
   */
  requireHolding(exchange: Exchange): void;
  /** Whether the token of a request has not been revoked. */
  holds(exchange: Exchange): boolean;
  /** The URL that topics and patterns are resolved against (PROTOCOL §3.4). */
  readonly topicsBase: string;
  /** The URL of the hub for the sender of a request to this one, for answers: nothing that decides about rights may depend on it. */
  urlFor(url: URL): string;
  /**
   * Refuses to write to a topic that a face has reserved for its own events.
   * @throws {Problem} `invalid-topic`
   */
  requireUnreserved(topic: string): void;
  /** The header fields and the coding of a stream for a request. */
  streamHead(exchange: Exchange): CodedHead;
  /** Refuses pages of other origins. @throws {Problem} `origin-not-allowed` */
  requireOrigin(exchange: Exchange, what: string): void;
  /** Refuses a request with a cookie that no page of the hub or of an allowed origin has sent. @throws {Problem} `origin-not-allowed` */
  requirePage(exchange: Exchange): void;
}
