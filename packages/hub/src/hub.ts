import {
  type Answer,
  Audience,
  type AudienceObserver,
  type AudienceStats,
  type KnownListener,
  checkCompression,
  type Clock,
  EVENT_STREAM_HEADERS,
  EventIterators,
  EXPIRED,
  FanOut,
  joinHeaders,
  negotiateCoding,
  reported,
  type RequestHead,
  systemClock,
  toResponse,
} from '@tidings/server/live';
import type { Gap, PublishedEvent } from '@tidings/server';
import type { EventLog, ItemIterator } from '@tidings/server/log';
import type { EventFields } from '@tidings/wire';
import type { Access } from './access/access.ts';
import { withoutTicket } from './access/authentication.ts';
import { checkReach } from './access/binding.ts';
import { entryOf, isKeyless } from './access/entry.ts';
import { requireHolding } from './access/holding.ts';
import { Origins } from './access/origins.ts';
import { Proxies } from './access/proxies.ts';
import { Rates } from './access/rates.ts';
import { problemBehind } from './access/refusal.ts';
import { Counts } from './counts.ts';
import { access as accessFace } from './faces/access/index.ts';
import type { FaceContext } from './faces/face.ts';
import { health } from './faces/health.ts';
import { listeners } from './faces/listeners/index.ts';
import { AllListeners } from './faces/presence/all-listeners.ts';
import { Routes } from './faces/routes.ts';
import { States } from './faces/states.ts';
import { topics } from './faces/topics/index.ts';
import { Writes } from './faces/writes.ts';
import { comeBackAnswer, pageMovedAnswer, problemAnswer, refusalAnswer } from './http/answer.ts';
import { Bodies } from './http/bodies.ts';
import { networkOf } from './http/network.ts';
import { Problem, problemOf, refuseReasonOf } from './http/problem.ts';
import { PublicUrl } from './http/public-url.ts';
import { draining, fromRequest, untilReady, type Exchange, type HubRequest, type Visit } from './http/request.ts';
import { UnderWay } from './http/under-way.ts';
import { audienceLimits, checkLimits } from './limits.ts';
import { checkCloseOptions, checkOptions, type CloseOptions, type HubOptions } from './options.ts';
import { type HubEventsOptions, matchersHere } from './program/matchers.ts';
import { type HubPublishOptions, publishHere, type PublishReceipt } from './program/publish.ts';
import { sharedPlaces } from './processes/places.ts';
import { Processes } from './processes/processes.ts';
import { Reports } from './reports.ts';

/** A hub answers the requests of any server (PROTOCOL). It puts a log, an audience and faces together. */
export class Hub {
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #audience: Audience;
  readonly #iterators: EventIterators;
  readonly #context: FaceContext;
  readonly #routes: Routes;
  readonly #origins: Origins;
  readonly #proxies: Proxies;
  readonly #publicUrl: PublicUrl;
  /** What the hub writes into its logger, for a server of it. */
  readonly reports: Reports;
  /** What the hub and its servers have done, in numbers, for a server of it. */
  readonly counts: Counts = new Counts();
  /** The processes that serve the hub, for a server of it. */
  readonly processes: Processes;
  readonly #access: Access | undefined;
  readonly #clock: Clock;
  readonly #underWay = new UnderWay();
  readonly #closing = new AbortController();
  readonly #deadline = new AbortController();
  #closed: Promise<void> | undefined;
  #isClosed = false;
  /** When a listener that comes while the hub shuts down may come back, in milliseconds. */
  #comeBackMs: () => number = () => 0;

  /** @throws {HubError} `ERR_INVALID_OPTION`, `ERR_NOT_LOOPBACK` @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: HubOptions) {
    checkOptions(options);
    const { log, keepAliveMs = 15_000, maxBacklogBytes, clock = systemClock, logger } = options;
    const limits = checkLimits(options.limits ?? {});
    const compression = checkCompression(options.compression);
    const keyless = isKeyless(options);
    this.#publicUrl = new PublicUrl(options.publicUrl);
    this.#proxies = new Proxies(options);
    if (keyless) checkReach(options);
    this.#origins = new Origins(options.allowedOrigins ?? [], this.#publicUrl, keyless);
    this.#log = log;
    const reports = (this.reports = new Reports(logger, this.counts));
    this.#clock = clock;
    const onError = (error: unknown): void => reports.error(error, 'Listeners could not be served');
    const processes = (this.processes = new Processes(options.peers));
    const entryParts = { clock, publicUrl: this.#publicUrl, reports, limits, processes };
    const { access, authenticate } = entryOf(options, entryParts);
    this.#access = access;
    const fanOutOptions = { keepAliveMs, clock, ...(maxBacklogBytes === undefined ? {} : { maxBacklogBytes }) };
    this.#fanOut = new FanOut(log, fanOutOptions, { onError });
    const key = ({ address }: RequestHead): string | undefined => address && networkOf(address);
    const audienceOptions = { authenticate, clock, key, ...audienceLimits(limits) };
    const observer: AudienceObserver = {
      onError,
      onListen: ({ lastEventId }, listener, request) => reports.listens(listener, request, lastEventId),
      onLeave: ({ reason, durationMs }, listener) => reports.leaves(listener, reason, durationMs),
      onTicket: (ticket, since) => everyone.tookTicket(ticket, since),
    };
    const shared = sharedPlaces(processes, limits);
    this.#audience = new Audience(log, this.#fanOut, audienceOptions, observer, shared);
    const ends = { closing: this.#closing.signal, deadline: this.#deadline.signal };
    const parts = { log, fanOut: this.#fanOut, audience: this.#audience, ...ends };
    const everyone = new AllListeners({ ...parts, clock, processes });
    const writes = new Writes(clock, reports, this.counts);
    this.#iterators = new EventIterators(log, clock, 'hub');
    const forForms = { ...limits, maxPendingBytes: limits.maxPendingQueryBytes };
    this.#context = {
      ...parts,
      processes,
      everyone,
      states: new States(this.#fanOut, writes, processes),
      limits,
      clock,
      logger,
      counts: this.counts,
      reports,
      keepAliveMs,
      bodies: new Bodies({ limits, clock, counts: this.counts }, ends),
      forms: new Bodies({ limits: forForms, clock, counts: this.counts }, ends),
      access,
      authenticate,
      rates: new Rates('published', limits, { clock, processes }),
      writes,
      ready: ({ request }) => untilReady(this.#fanOut, request),
      requireHolding: ({ rights }) => requireHolding(rights, access?.revocations, clock.time()),
      holds: ({ rights }) => access?.revocations.covers(rights) !== true,
      topicsBase: this.#publicUrl.topicsBase,
      urlFor: (url) => this.#publicUrl.shownTo(url),
      requireUnreserved: (topic) => this.#routes.requireUnreserved(topic),
      streamHead: ({ request }) => negotiateCoding(request, EVENT_STREAM_HEADERS, compression),
      requireOrigin: ({ request }, what) => this.#origins.require(request, what),
      requirePage: ({ request }) => this.#origins.requirePage(request),
    };
    this.#routes = new Routes(options.faces ?? [topics(), listeners(), health(), accessFace()], this.#context);
    access?.watch(log, this.#audience, reports);
  }

  /** Answers a request of a Fetch server. */
  async fetch(request: Request): Promise<Response> {
    return toResponse(await this.handle(fromRequest(request)), request.signal, request.method === 'HEAD');
  }

  /** Answers a request. Never rejects. */
  async handle(request: HubRequest): Promise<Answer> {
    const visit: Visit = { request, reason: undefined, subject: undefined };
    let answer: Answer;
    this.#underWay.begin();
    try {
      answer = await this.#answer(request, visit);
    } catch (error) {
      answer = this.#failed(error, visit);
    } finally {
      this.#underWay.end();
    }
    const { status, headers } = answer;
    if (status >= 400) this.reports.refused(visit.request, status, visit.reason, visit.subject);
    return { ...answer, headers: joinHeaders(headers, this.#origins.headers(request, headers)) };
  }

  /**
   * Publishes an event inside the program, with the checks and limits of a request. Resolves when it has been stored. A rejection that nobody waits for is given to the
   * logger.
   * @throws {Problem} (as a rejection) `invalid-topic`, `invalid-event`, `too-large`, `forbidden`, `key-reused`, `busy`, `not-stored`, `draining` and others
   * (PROTOCOL §10)
   * @throws {HubError} (as a rejection) `ERR_INVALID_OPTION`
   * @example
   * const { id } = await hub.publish('orders/42', { event: 'paid', data: '{"amount":12}' });
   */
  publish(topic: string, fields: EventFields, options: HubPublishOptions = {}): Promise<PublishReceipt> {
    const publish = publishHere(this.#context, topic, fields, options);
    return reported(publish, (error) => this.reports.error(error, 'The program could not publish an event'));
  }

  /**
   * Iterates over the events of topics and patterns inside the program, without a socket: those that are kept after `lastEventId`, then those that are published, each
   * once and in order. A {@link Gap} comes in the place of events that are no longer kept. A consumer that is slow costs at most 64 KiB of memory, or one event, and is
   * given the rest from the log. It is not counted as a listener.
   *
   * An iteration over one topic and nothing else ends after the final event of the topic, and when the topic is deleted, as a stream does.
   * It ends with `return()`, which leaving the loop calls, with its signal, and when the hub is closed: with a `ServerError` of the code `ERR_CLOSED` then, if it has not
   * got everything.
   * @throws {HubError} `ERR_INVALID_OPTION` @throws {Problem} `invalid-topic`, `invalid-parameter` for a pattern, `forbidden`, `draining` @throws {ServerError}
   * `ERR_INVALID_OPTION`, `ERR_INVALID_RIGHTS`; as a rejection of `next()`, `ERR_FORBIDDEN` when the rights have expired
   * @example
   * for await (const { topic, data } of hub.events({ patterns: ['orders/:order'] })) console.log(topic, data);
   */
  events(options: HubEventsOptions): ItemIterator<PublishedEvent | Gap> {
    try {
      const matchers = matchersHere(options, this.#publicUrl.topicsBase);
      const { topics: _topics, patterns: _patterns, ...others } = options;
      return this.#iterators.open(matchers, others);
    } catch (error) {
      throw problemOf(error) ?? error;
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

  /** Whether an address is that of a trusted proxy, for a server of the hub. */
  isProxy(address: string): boolean {
    return this.#proxies.includes(address);
  }

  /**
   * Shuts the hub down: refuses new requests, sends listeners away with times of their own to come back, lets requests under way finish, closes
   * the log. A listener that does not read is broken off after `windowMs`. A second call returns the promise of the first.
   * @throws {HubError} `ERR_INVALID_OPTION`
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    const { awayMs = 5000, windowMs = 2000, finishMs = 5000 } = options;
    this.#closed ??= this.#close(awayMs, windowMs, finishMs);
    return this.#closed;
  }

  async #close(awayMs: number, windowMs: number, finishMs: number): Promise<void> {
    this.#comeBackMs = () => awayMs + Math.random() * windowMs;
    // Listeners first: they need not wait for a slow publisher.
    this.#closing.abort();
    this.#fanOut.drain(windowMs, Math.random, awayMs);
    this.#iterators.close();
    this.#access?.revocations.close();
    const finished = this.#underWay.finished(finishMs, this.#clock, this.#deadline);
    await Promise.all([this.#audience.gone(windowMs), finished]);
    this.#isClosed = true;
    await this.#log.close();
  }

  async #answer(asked: HubRequest, visit: Visit): Promise<Answer> {
    // Without an answer to its preflight a page could not be told to come back.
    if (this.#closed && asked.method !== 'OPTIONS') throw draining();
    const request = this.#proxies.resolve(asked);
    visit.request = request;
    const askedUrl = new URL(request.url);
    const url = this.#publicUrl.withoutPrefix(askedUrl);
    this.#origins.guard(request, url);
    if (request.method === 'OPTIONS') return this.#origins.options(request, this.#routes.methodsOf(url));
    const page = this.#publicUrl.pageOf(askedUrl);
    if (page !== undefined) return pageMovedAnswer(page);
    const found = this.#routes.find(url);
    const rights = await this.#audience.authenticate(request, found?.face.authenticate);
    // It may have taken so long that the log has been closed meanwhile.
    if (this.#isClosed) throw draining();
    if (!rights.allow) {
      const problem = problemBehind(rights);
      if (problem) throw problem;
      this.#audience.countRefusal('forbidden');
      if (rights === EXPIRED) visit.reason = 'expired';
      return refusalAnswer(rights);
    }
    visit.subject = rights.subject;
    // A browser sends a cookie for a page that its person did not mean.
    if (rights.credential?.carrier === 'cookie' && !found?.face.authenticate) this.#origins.requirePage(request);
    const exchange: Exchange = { request, url: this.#access ? withoutTicket(url) : url, rights };
    return await this.#routes.answer(found, exchange, (error) => {
      const problem = problemOf(error);
      visit.reason = problem?.problem;
      this.#countRefusal(problem);
    });
  }

  #failed(error: unknown, visit: Visit): Answer {
    const problem = this.#problemOf(error);
    visit.reason = problem.problem;
    return comeBackAnswer(visit.request, problem, this.#comeBackMs) ?? problemAnswer(problem);
  }

  #problemOf(error: unknown): Problem {
    const problem = problemOf(error);
    this.#countRefusal(problem);
    if (!problem) {
      this.reports.error(error, 'A request failed');
      return new Problem('internal', 'The request failed inside the hub; see the log of the hub', { cause: error });
    }
    if (problem.problem === 'not-stored') this.reports.error(problem.cause, 'Events could not be stored');
    return problem;
  }

  #countRefusal(problem: Problem | undefined): void {
    const reason = problem && refuseReasonOf(problem);
    if (reason) this.#audience.countRefusal(reason);
  }
}
