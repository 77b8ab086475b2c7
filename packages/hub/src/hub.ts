import type { Authenticate } from '@tidings/server';
import {
  type Answer,
  Audience,
  type AudienceOptions,
  type AudienceStats,
  type KnownListener,
  checkCompression,
  type Clock,
  EVENT_STREAM_HEADERS,
  FanOut,
  joinHeaders,
  negotiateCoding,
  systemClock,
  toResponse,
} from '@tidings/server/live';
import type { EventLog } from '@tidings/server/log';
import type { Logger } from 'pino';
import { authenticateByKey, type KeyOptions } from './access/key.ts';
import { Origins } from './access/origins.ts';
import { Proxies, type ProxyOptions } from './access/proxies.ts';
import { checkNames, HubError } from './errors.ts';
import { type Face, type FaceContext, type MakeFace, Writes } from './faces/face.ts';
import { health } from './faces/health.ts';
import { topics } from './faces/topics/index.ts';
import { comeBackAnswer, pageMovedAnswer, problemAnswer, refusalAnswer } from './http/answer.ts';
import { Problem, problemOf, refuseReasonOf } from './http/problem.ts';
import { PublicUrl } from './http/public-url.ts';
import { asGet, draining, fromRequest, type Exchange, type HubRequest } from './http/request.ts';
import { checkLimits, type HubLimits } from './limits.ts';

export interface HubOptions extends KeyOptions, ProxyOptions {
  /** The log that keeps the events. The hub closes it when the hub is closed. */
  readonly log: EventLog;
  /** The HTTP interfaces of the hub. The first face that matches a URL answers. @default topics and health */
  readonly faces?: readonly MakeFace[];
  /**
   * Decides what the sender of a request may do. It replaces `key` and `anonymous`, and is called for every request but `OPTIONS`.
   * @default by `key` and `anonymous` (PROTOCOL §9)
   */
  readonly authenticate?: Authenticate;
  /** Origins of pages that may read and publish, such as `https://example.com`. @default none */
  readonly allowedOrigins?: readonly string[];
  /**
   * The URL by which clients reach the hub, where it is not the one that the hub is asked for: patterns are resolved against it, and its page may
   * publish. It may have a path, which proxies may pass on or take away. @default the URL of each request
   */
  readonly publicUrl?: string;
  /** A keep-alive is sent when a stream has been silent for this many milliseconds; 0 for no keep-alives. @default 15000 */
  readonly keepAliveMs?: number;
  /** How many bytes may wait for one listener. A listener with more is caught up from the log when it reads again. @default 262144 */
  readonly maxBacklogBytes?: number;
  /** Limits for one client, and for all clients together. */
  readonly limits?: Partial<HubLimits>;
  /**
   * Whether listeners that accept gzip or zstd get it (PROTOCOL §5.8). Events are then several times smaller, but the size of an event shows what
   * it has in common with earlier ones (BREACH). Do not use it where one stream holds secrets and text that others publish. @default false
   */
  readonly compression?: boolean;
  /** A pino logger for errors. @default errors go to the console */
  readonly logger?: Logger;
  /** The time and its timers, for tests. @default the system's */
  readonly clock?: Clock;
}

// The highest limit that an audience accepts.
const MAX_LIMIT = 2 ** 31 - 1;

export interface CloseOptions {
  /**
   * How long listeners stay away at least, in milliseconds: longer than a restart takes, because the `EventSource` of a browser may give up
   * when it is refused. 0 where connections wait for the next hub. @default 5000
   */
  readonly awayMs?: number;
  /** How far apart listeners come back, in milliseconds. @default 2000 */
  readonly windowMs?: number;
  /** How long requests under way may take to finish, in milliseconds. An upload may never end by itself. @default 5000 */
  readonly finishMs?: number;
}

/** A hub answers the requests of any server (PROTOCOL). It puts a log, an audience and faces together. */
export class Hub {
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #audience: Audience;
  readonly #faces: readonly Face[];
  readonly #origins: Origins;
  readonly #proxies: Proxies;
  readonly #publicUrl: PublicUrl;
  readonly #logger: Logger | undefined;
  readonly #clock: Clock;
  readonly #underWay = new Set<Promise<Answer>>();
  readonly #closing = new AbortController();
  readonly #deadline = new AbortController();
  readonly #writes = new Writes();
  #closed: Promise<void> | undefined;
  #isClosed = false;
  /** When listeners may come back that come while the hub shuts down, in milliseconds. */
  #comeBackMs: () => number = () => 0;

  /** @throws {HubError} `ERR_INVALID_OPTION` @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: HubOptions) {
    checkOptions(options);
    const { log, keepAliveMs = 15_000, maxBacklogBytes, clock = systemClock, logger } = options;
    const limits = checkLimits(options.limits ?? {});
    const compression = checkCompression(options.compression);
    const authenticate = options.authenticate ?? authenticateByKey(options);
    this.#publicUrl = new PublicUrl(options.publicUrl);
    this.#proxies = new Proxies(options);
    this.#origins = new Origins(options.allowedOrigins ?? [], this.#publicUrl, isKeyless(options));
    this.#log = log;
    this.#logger = logger;
    this.#clock = clock;
    const onError = (error: unknown): void => this.#report(error, 'Listeners could not be served');
    const fanOutOptions = { keepAliveMs, clock, ...(maxBacklogBytes === undefined ? {} : { maxBacklogBytes }) };
    this.#fanOut = new FanOut(log, fanOutOptions, { onError });
    const audienceOptions = { authenticate, clock, ...audienceLimits(limits) };
    this.#audience = new Audience(log, this.#fanOut, audienceOptions, { onError });
    const context: FaceContext = {
      log,
      fanOut: this.#fanOut,
      audience: this.#audience,
      limits,
      clock,
      logger,
      keepAliveMs,
      closing: this.#closing.signal,
      deadline: this.#deadline.signal,
      writes: this.#writes,
      topicsBase: (url) => this.#publicUrl.topicsBase(url),
      streamHead: ({ request }) => negotiateCoding(request, EVENT_STREAM_HEADERS, compression),
      requireOrigin: ({ request }, what) => this.#origins.require(request, what),
    };
    this.#faces = (options.faces ?? [topics(), health()]).map((make) => checkFace(make(context)));
  }

  /** Answers a request of a Fetch server. */
  async fetch(request: Request): Promise<Response> {
    return toResponse(await this.handle(fromRequest(request)), request.signal, request.method === 'HEAD');
  }

  /** Answers a request. Never rejects. */
  async handle(request: HubRequest): Promise<Answer> {
    const answer = this.#answer(request).catch((error: unknown) => this.#failed(error, request));
    this.#underWay.add(answer);
    try {
      const { headers, ...rest } = await answer;
      return { ...rest, headers: joinHeaders(headers, this.#origins.headers(request)) };
    } finally {
      this.#underWay.delete(answer);
    }
  }

  /** Breaks off the listeners that `which` chooses, so that they come back and their rights are checked anew. Returns how many there were. */
  kick(which: (listener: KnownListener) => boolean): number {
    return this.#audience.kick(which);
  }

  /** Returns counts of what the hub has done and of its present state. The cost grows with the number of listeners. */
  stats(): AudienceStats {
    return this.#audience.stats();
  }

  /** Writes a warning where the hub writes what goes wrong: for a server of it. */
  warn(message: string): void {
    if (this.#logger) this.#logger.warn(message);
    // oxlint-disable-next-line no-console -- the one place that every program has for what nobody asked about
    else console.warn(message);
  }

  /**
   * Shuts the hub down: refuses new requests, sends listeners away with times of their own to come back, lets requests under way finish, closes
   * the log. A listener that does not read is broken off after `windowMs`. A second call returns the promise of the first.
   */
  close({ awayMs = 5000, windowMs = 2000, finishMs = 5000 }: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(awayMs, windowMs, finishMs);
    return this.#closed;
  }

  async #close(awayMs: number, windowMs: number, finishMs: number): Promise<void> {
    this.#comeBackMs = () => awayMs + Math.random() * windowMs;
    // Listeners first: they need not wait for a slow publisher.
    this.#closing.abort();
    this.#fanOut.drain(windowMs, Math.random, awayMs);
    await Promise.all([this.#audience.gone(windowMs), this.#finish(finishMs)]);
    this.#isClosed = true;
    await this.#log.close();
  }

  /** Waits for requests under way. */
  async #finish(ms: number): Promise<void> {
    const late = new Promise<void>((resolve) => {
      this.#deadline.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const timer = this.#clock.setTimeout(() => this.#deadline.abort(), ms);
    // Work that does not watch the deadline, such as a slow `authenticate`, is not waited for either.
    await Promise.race([Promise.allSettled(this.#underWay), late]);
    this.#clock.clearTimeout(timer);
  }

  async #answer(asked: HubRequest): Promise<Answer> {
    if (this.#closed) throw draining();
    const request = this.#proxies.resolve(asked);
    const askedUrl = new URL(request.url);
    const url = this.#publicUrl.withoutPrefix(askedUrl);
    this.#origins.guard(request, url);
    if (request.method === 'OPTIONS') return this.#origins.options(request, this.#methodsOf(url));
    const page = this.#publicUrl.pageOf(askedUrl);
    if (page !== undefined) return pageMovedAnswer(page);
    const rights = await this.#audience.authenticate(request);
    // It may have taken so long that the log has been closed meanwhile.
    if (this.#isClosed) throw draining();
    if (!rights.allow) {
      this.#audience.countRefusal('forbidden');
      return refusalAnswer(rights);
    }
    const exchange: Exchange = { request, url, rights };
    for (const face of this.#faces) {
      const methods = methodsOf(face, url);
      if (methods) return await this.#ask(face, methods, exchange);
    }
    throw new Problem('not-found', `There is nothing at ${url.pathname}; topics are at /topics/{topic}`);
  }

  /** The methods that are answered at a URL. */
  #methodsOf(url: URL): readonly string[] {
    // Where the request is for the hub as a whole (RFC 9110, 9.3.7).
    if (url.pathname === '/*') return ['GET', 'HEAD', 'QUERY', 'POST'];
    for (const face of this.#faces) {
      const methods = methodsOf(face, url);
      if (methods) return methods;
    }
    return [];
  }

  async #ask(face: Face, methods: readonly string[], exchange: Exchange): Promise<Answer> {
    const { request } = exchange;
    try {
      if (!methods.includes(request.method)) throw notAllowed(request.method, methods);
      const asked = request.method === 'HEAD' ? { ...exchange, request: asGet(request) } : exchange;
      const answer: Answer | undefined = await face.handle(asked);
      if (typeof answer?.status === 'number' && answer.headers) return answer;
      throw new TypeError(
        `The face ${face.name} returned no answer to ${exchange.url.pathname}: it must return a status and headers`,
      );
    } catch (error) {
      const answer = face.problem?.(error, exchange);
      if (!answer) throw error;
      this.#countRefusal(problemOf(error));
      return answer;
    }
  }

  #failed(error: unknown, request: HubRequest): Answer {
    const problem = this.#problemOf(error);
    const comeBack = problem.problem === 'draining' ? comeBackAnswer(request, this.#comeBackMs()) : undefined;
    return comeBack ?? problemAnswer(problem);
  }

  #problemOf(error: unknown): Problem {
    const problem = problemOf(error);
    this.#countRefusal(problem);
    if (!problem) {
      this.#report(error, 'A request failed');
      return new Problem('internal', 'The request failed inside the hub; see the log of the hub', { cause: error });
    }
    if (problem.problem === 'not-stored') this.#report(problem.cause, 'Events could not be stored');
    return problem;
  }

  #report(error: unknown, message: string): void {
    if (this.#logger) this.#logger.error({ err: error }, message);
    // oxlint-disable-next-line no-console -- the one place that every program has for an error that nobody asked about
    else console.error(`${message}:`, error);
  }

  #countRefusal(problem: Problem | undefined): void {
    const reason = problem && refuseReasonOf(problem);
    if (reason) this.#audience.countRefusal(reason);
  }
}

/** A function that forgets to return a face, such as `topics` without its parentheses, would fail at every request. */
function checkFace(face: Face | undefined): Face {
  if (typeof face?.match === 'function' && typeof face.handle === 'function') return face;
  throw invalid(
    'faces',
    face,
    'an array of functions that make faces, such as topics(), each with match() and handle()',
  );
}

/** The methods that a face answers at a URL: `HEAD` wherever `GET` is. */
function methodsOf(face: Face, url: URL): readonly string[] | undefined {
  const methods = face.match(url);
  if (!methods?.includes('GET') || methods.includes('HEAD')) return methods;
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method));
}

/** Whether nothing but its address keeps strangers out of a hub (PROTOCOL §9.1). */
function isKeyless({ authenticate, key, anonymous = 'none' }: HubOptions): boolean {
  return authenticate === undefined && key === undefined && anonymous === 'none';
}

function notAllowed(method: string, methods: readonly string[]): Problem {
  const allowed = [...methods, 'OPTIONS'].join(', ');
  return new Problem('method-not-allowed', `${method} is not allowed here; allowed are ${allowed}`, {
    headers: { Allow: allowed },
  });
}

/** The audience has no limit where there is none. */
function audienceLimits({ maxListeners, maxListenersPerAddress }: HubLimits): AudienceOptions {
  return {
    maxListeners: Math.min(maxListeners, MAX_LIMIT),
    ...(maxListenersPerAddress > MAX_LIMIT ? {} : { maxListenersPerKey: maxListenersPerAddress }),
  };
}

const NAMES: Readonly<Record<keyof HubOptions, true>> = {
  log: true,
  faces: true,
  authenticate: true,
  key: true,
  anonymous: true,
  allowedOrigins: true,
  publicUrl: true,
  trustedProxies: true,
  proxyHeader: true,
  keepAliveMs: true,
  maxBacklogBytes: true,
  limits: true,
  compression: true,
  logger: true,
  clock: true,
};

/**
 * Checks what no other part of the hub checks.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
function checkOptions(options: HubOptions): void {
  checkNames('', options, NAMES);
  const { log, faces, authenticate, key, anonymous, allowedOrigins } = options;
  if (typeof (log as EventLog | undefined)?.append !== 'function') throw invalid('log', log, 'an event log');
  if (faces !== undefined && !(Array.isArray(faces) && faces.every((make) => typeof make === 'function'))) {
    throw invalid('faces', faces, 'an array of functions, such as topics()');
  }
  if (allowedOrigins !== undefined && !Array.isArray(allowedOrigins)) {
    throw invalid('allowedOrigins', allowedOrigins, 'an array of origins, such as https://example.com');
  }
  if (authenticate !== undefined && (key !== undefined || anonymous !== undefined)) {
    throw new HubError(
      'ERR_INVALID_OPTION',
      'The option authenticate is given together with key or anonymous, but must replace them',
    );
  }
}

function invalid(name: string, found: unknown, allowed: string): HubError {
  const shown = typeof found === 'string' ? JSON.stringify(found) : String(found);
  return new HubError('ERR_INVALID_OPTION', `The option ${name} is ${shown}, but must be ${allowed}`);
}
