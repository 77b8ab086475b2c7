import type { EventStreamHandle } from '@tidings/server';
import {
  bodySink,
  checkCompression,
  codedStream,
  EVENT_STREAM_HEADERS,
  FanOut,
  joinHeaders,
  negotiateCoding,
  pump,
  type CodedHead,
  type Sink,
} from '@tidings/server/live';
import { formatCursor, type EventLog } from '@tidings/server/log';
import type { Logger } from 'pino';
import { Access, type AccessOptions, type Rights } from './access/access.ts';
import { checkParameters, jsonAnswer, problemAnswer, type Answer, type HubRequest } from './http/request.ts';
import { fromRequest } from './http/fetch-request.ts';
import { checkLimits, type HubLimits } from './limits.ts';
import { hasMatchers, listenToMatches, listenToTopic } from './faces/topics/listen.ts';
import { ListenerCount } from './listener-count.ts';
import { Problem, problemOf } from './http/problem.ts';
import { publish } from './faces/topics/publish.ts';
import { TopicList } from './faces/topics/directory.ts';
import { topicOfPath } from './faces/topics/topic.ts';

export interface HubOptions extends AccessOptions {
  /** Where the events are kept. The hub closes it when it is closed. */
  readonly log: EventLog;
  /** The HTML of the page at `/`. @default none */
  readonly page?: string;
  /** The URL by which clients reach the hub, where it is not the one they ask for: relative patterns resolve against it. */
  readonly publicUrl?: string;
  /** A quiet stream is kept alive so often, in milliseconds; 0 for never. @default 15000 */
  readonly keepAliveMs?: number;
  /** Bytes that may wait for one listener before it is caught up from the log. @default 262144 */
  readonly maxBacklogBytes?: number;
  readonly limits?: Partial<HubLimits>;
  /**
   * Sends streams in gzip or zstd to who accepts it (PROTOCOL §5.8). An event is several times smaller then, and its size tells what it has in
   * common with those before it: not where one listener is sent secrets beside what others publish (BREACH). @default false
   */
  readonly compression?: boolean;
  /** Told what goes wrong. @default nobody */
  readonly logger?: Logger;
}

const TOPICS = '/topics';

/** Topics over HTTP: takes requests from any server and gives answers (PROTOCOL). */
export class Hub {
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #access: Access;
  readonly #limits: HubLimits;
  readonly #compression: boolean;
  readonly #listeners: ListenerCount;
  readonly #topicList: TopicList;
  readonly #page: string | undefined;
  readonly #publicUrl: string | undefined;
  readonly #keepAliveMs: number;
  readonly #logger: Logger | undefined;
  readonly #sweeper: NodeJS.Timeout;
  readonly #underWay = new Set<Promise<Answer>>();
  readonly #closing = new AbortController();
  /** Why the last write to the log failed, until one succeeds. */
  #failure: string | undefined;
  #draining = false;

  /** @throws {HubError} `ERR_INVALID_OPTION` @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: HubOptions) {
    const { log, keepAliveMs = 15_000, maxBacklogBytes } = options;
    this.#log = log;
    this.#access = new Access(options);
    this.#limits = checkLimits(options.limits ?? {});
    this.#compression = checkCompression(options.compression);
    this.#listeners = new ListenerCount(this.#limits);
    this.#fanOut = new FanOut(log, { keepAliveMs, ...(maxBacklogBytes === undefined ? {} : { maxBacklogBytes }) });
    this.#topicList = new TopicList(log, this.#fanOut);
    log.tail(() => {
      this.#failure = undefined;
    });
    this.#page = options.page;
    this.#publicUrl = options.publicUrl;
    this.#keepAliveMs = keepAliveMs;
    this.#logger = options.logger;
    this.#sweeper = setInterval(() => this.#fanOut.sweep(), Math.max(10, keepAliveMs / 4));
    this.#sweeper.unref();
  }

  /** Answers a request of a Fetch server. */
  async fetch(request: Request): Promise<Response> {
    const { status, headers, body, start } = await this.handle(fromRequest(request));
    if (!start) return new Response(body ?? null, { status, headers });
    const stream = bodySink();
    request.signal.addEventListener('abort', () => stream.sink.destroy(), { once: true });
    start(stream.sink);
    return new Response(stream.body, { status, headers });
  }

  /** Answers a request. Never rejects. */
  async handle(request: HubRequest): Promise<Answer> {
    const answer = this.#answer(request).catch((error: unknown) => problemAnswer(this.#problemOf(error)));
    this.#underWay.add(answer);
    try {
      const { headers, ...rest } = await answer;
      return { ...rest, headers: joinHeaders(headers, this.#access.corsHeaders(request)) };
    } finally {
      this.#underWay.delete(answer);
    }
  }

  /**
   * Shuts the hub down: refuses new requests, sends listeners away with times of their own to come back, lets publishes
   * under way finish, closes the log. @param windowMs how far apart listeners come back, in milliseconds
   */
  async close({ windowMs = 2000 }: { readonly windowMs?: number } = {}): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    clearInterval(this.#sweeper);
    await Promise.allSettled(this.#underWay);
    this.#closing.abort();
    this.#fanOut.drain(windowMs);
    await this.#log.close();
  }

  async #answer(request: HubRequest): Promise<Answer> {
    if (this.#draining) throw new Problem('draining', 'The hub is shutting down', { headers: { 'Retry-After': '1' } });
    if (request.method === 'OPTIONS') return this.#preflight(request);
    const rights = this.#access.rightsOf(request);
    const { pathname } = request.url;
    if (pathname === '/') return this.#servePage(request);
    if (pathname === '/healthz') return this.#health(request, rights);
    if (pathname === TOPICS || pathname === `${TOPICS}/`) return await this.#topics(request, rights);
    if (pathname.startsWith(`${TOPICS}/`)) return await this.#topic(request, rights, pathname.slice(TOPICS.length + 1));
    throw new Problem('not-found', `There is nothing at ${pathname}; topics are at /topics/{topic}`);
  }

  async #topic(request: HubRequest, rights: Rights, rest: string): Promise<Answer> {
    allow(request, ['GET', 'POST']);
    const topic = topicOfPath(rest);
    if (request.method === 'GET') {
      this.#access.require(rights, 'listen');
      const options = { topic, includePrivate: rights.private, head: this.#head(request) };
      return this.#listening(request, await listenToTopic(this.#log, this.#fanOut, request, options));
    }
    this.#access.require(rights, 'publish');
    if (!this.#access.originAllowed(request)) {
      throw new Problem('origin-not-allowed', `A page of ${request.header('origin')} may not publish here`);
    }
    return await publish(this.#log, this.#limits, request, topic);
  }

  async #topics(request: HubRequest, rights: Rights): Promise<Answer> {
    allow(request, ['GET']);
    this.#access.require(rights, 'listen');
    if (hasMatchers(request.url)) {
      const base = new URL(`${TOPICS}/`, this.#publicUrl ?? request.url).href;
      const head = this.#head(request);
      const options = { limits: this.#limits, base, includePrivate: rights.private, head };
      return this.#listening(request, await listenToMatches(this.#log, this.#fanOut, request, options));
    }
    checkParameters(request.url, ['match', 'match_urlpattern']);
    if (!/\btext\/event-stream\b/i.test(request.header('accept') ?? '')) return jsonAnswer(200, this.#topicList.make());

    const { headers, coding } = this.#head(request);
    return this.#listening(request, {
      status: 200,
      headers,
      start: (sink) => {
        // A stream that fails is broken off, and its page comes back.
        const source = ({ signal }: EventStreamHandle) =>
          this.#topicList.stream(AbortSignal.any([signal, this.#closing.signal]));
        pump(source, codedStream(sink, coding), { keepAliveMs: this.#keepAliveMs }).catch((error: unknown) =>
          this.#logger?.warn({ err: error }),
        );
      },
    });
  }

  #head(request: HubRequest): CodedHead {
    return negotiateCoding(request, EVENT_STREAM_HEADERS, this.#compression);
  }

  /** Counts the listener for as long as its stream lasts. @throws {Problem} */
  #listening(request: HubRequest, answer: Answer): Answer {
    const { start } = answer;
    if (!start) return answer;
    const leave = this.#listeners.enter(request.address);
    return {
      ...answer,
      start: (sink: Sink) => {
        start(sink);
        const closed = sink.onClose;
        sink.onClose = () => {
          leave();
          closed();
        };
      },
    };
  }

  #servePage(request: HubRequest): Answer {
    allow(request, ['GET', 'HEAD']);
    if (this.#page === undefined) throw new Problem('not-found', 'This hub has no page; topics are at /topics/{topic}');
    return {
      status: 200,
      headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-cache' },
      body: this.#page,
    };
  }

  #health(request: HubRequest, rights: Rights): Answer {
    allow(request, ['GET', 'HEAD']);
    const head = this.#log.head();
    // The reason names a folder and a disk: for those who run the hub, not for strangers.
    const reason = rights.publish ? { reason: this.#failure } : {};
    const state = this.#failure === undefined ? { status: 'ok' } : { status: 'failing', ...reason };
    const document = { ...state, epoch: head.epoch, cursor: formatCursor(head), listeners: this.#fanOut.listeners };
    return jsonAnswer(this.#failure === undefined ? 200 : 503, JSON.stringify(document));
  }

  #preflight(request: HubRequest): Answer {
    if (!this.#access.originAllowed(request)) {
      throw new Problem('origin-not-allowed', `A page of ${request.header('origin')} may not use this hub`);
    }
    return {
      status: 204,
      headers: {
        'Access-Control-Allow-Methods': 'GET, POST',
        'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID',
        'Access-Control-Max-Age': '600',
      },
    };
  }

  #problemOf(error: unknown): Problem {
    const problem = problemOf(error);
    if (!problem) {
      this.#logger?.error({ err: error }, 'A request failed');
      return new Problem('internal', 'The request failed inside the hub; its log says more', { cause: error });
    }
    if (problem.problem === 'not-stored') {
      this.#failure = problem.cause instanceof Error ? problem.cause.message : problem.message;
      this.#logger?.error(this.#failure);
    }
    return problem;
  }
}

/** @throws {Problem} `method-not-allowed` */
function allow(request: HubRequest, methods: readonly string[]): void {
  if (methods.includes(request.method)) return;
  const allowed = methods.join(', ');
  throw new Problem('method-not-allowed', `${request.method} is not allowed here; allowed are ${allowed}`, {
    headers: { Allow: allowed },
  });
}
