import type { EventFields } from '@tidings/wire';
import { checkAuthorization, type Grant, type Refusal } from '../audience/rights.ts';
import { bodySink } from '../sink/body-sink.ts';
import { ALLOW, REFUSALS, type ChannelAnswer } from './channel-answer.ts';
import { tell, type RefuseReason } from './channel-diagnostics.ts';
import { EventReader } from './channel-event.ts';
import { checkChannelOptions, type ChannelOptions, type CheckedChannelOptions } from './channel-options.ts';
import type { View } from '../live/cohort.ts';
import type { ContentCoding } from '../coding/content-coding.ts';
import { OWN_TYPES } from '../live/control-events.ts';
import { checkInteger, ServerError } from '../errors.ts';
import { FanOut } from '../live/fan-out.ts';
import type { FanOutStats } from '../live/fan-out-stats.ts';
import { joinHeaders, negotiateCoding } from '../http/head.ts';
import { Lease } from '../audience/expiry.ts';
import type { EventLog, Selection } from '../log/event-log.ts';
import { Places, type Place } from '../audience/places.ts';
import { fetchHead, lastEventIdOf, type RequestHead } from '../http/request.ts';
import type { Sink } from '../sink/sink.ts';
import { findStart, type Start } from '../log/start.ts';
import type { Listener } from '../live/listener.ts';

export interface PublishOptions {
  /**
   * What the event is the newest value of, for the policy `latest-by-key`; others pay no heed. 1 to 1,024 bytes of UTF-8.
   * @default the event's type
   */
  readonly key?: string;
}

/** What a channel has done since it was made, and how it stands. */
export interface ChannelStats extends FanOutStats {
  /** Requests that were not let in. */
  readonly refused: Readonly<Record<RefuseReason, number>>;
  /** See {@link Channel.lastEventId}. */
  readonly lastEventId: string;
}

/** A listener that may come in. */
interface Admission {
  readonly request: RequestHead;
  readonly lastEventId: string;
  readonly grant: Grant;
  readonly start: Start;
  readonly coding: ContentCoding | undefined;
  readonly place: Place;
}

const TOPIC = 'channel';
const SELECTION: Selection = { topics: [TOPIC], private: true };
const VIEW: View = { key: 'all', selection: SELECTION };
const VISIBLY_KEPT_ALIVE: View = { ...VIEW, key: 'all, visible heartbeat', visibleHeartbeat: true };

/** What rights are given for that do not expire. */
const FOREVER: Pick<Lease, 'end'> = { end: () => {} };

/** What a page asks for that wants keep-alives as events. */
const ASKS_FOR_HEARTBEAT = /[?&]heartbeat=event(?:[&#]|$)/;

/** Events for any number of listeners, each of which can come back and go on where it was. */
export class Channel {
  readonly #options: CheckedChannelOptions;
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #places: Places;
  readonly #reader = new EventReader();
  readonly #refused: Record<RefuseReason, number> = {
    method: 0,
    forbidden: 0,
    full: 0,
    'full-for-key': 0,
    complete: 0,
  };
  /** Runs while there is something to sweep, so that a channel that nobody uses any more is let go. */
  #sweeper: ReturnType<typeof setInterval> | undefined;
  /** Settles when every event so far has been stored or refused. */
  #stored: Promise<void> = Promise.resolve();
  /** Makes the keys of filters that have none. */
  #filters = 0;
  #finalSeq: number | undefined;
  #closing = false;
  #drained = false;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: ChannelOptions = {}) {
    this.#options = checkChannelOptions(options);
    this.#log = this.#options.log;
    this.#places = new Places(this.#options, this.#options.fanOut.now);
    this.#fanOut = new FanOut(this.#log, this.#options.fanOut, {
      onOverflow: (backlog) => tell('overflow', () => ({ channel: this, backlog })),
      onEvict: (backlog) => tell('evict', () => ({ channel: this, backlog })),
      onGap: (gap) => tell('gap', () => ({ channel: this, ...gap })),
      onError: (error) => this.#report(error),
    });
  }

  /** Listeners now. */
  get listeners(): number {
    return this.#fanOut.listeners;
  }

  /** The newest event's id, or a cursor where the channel has not seen one: who comes with it gets what is published from now on. */
  get lastEventId(): string {
    return this.#fanOut.lastEventId;
  }

  /** The id of the earliest event that is kept; undefined where none is. */
  async earliest(): Promise<string | undefined> {
    const through = this.#log.head().seq;
    const page = await this.#log.read({ selection: SELECTION, after: 0, through, maxBytes: 1 });
    return page.entries[0]?.id;
  }

  /** How the channel stands. Costs a look at every listener. */
  stats(): ChannelStats {
    return { ...this.#fanOut.stats(), refused: { ...this.#refused }, lastEventId: this.lastEventId };
  }

  /**
   * Sends an event to every listener that may see it. Resolves to its id when it has been stored. Types that begin with `tidings-` are what
   * a listener is told by the channel itself, and are refused.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_EVENT`, `ERR_NOT_STORED`, `ERR_CLOSED`
   */
  async publish(fields: EventFields, { key }: PublishOptions = {}): Promise<string> {
    if (this.#closing) throw new ServerError('ERR_CLOSED', 'Cannot publish: the channel has been closed');
    if (typeof fields?.event === 'string' && fields.event.startsWith(OWN_TYPES)) {
      const rule = `allowed are types that do not begin with ${OWN_TYPES}, which are the channel's own`;
      throw new ServerError(
        'ERR_INVALID_EVENT',
        `Cannot publish: found the type ${JSON.stringify(fields.event)}, ${rule}`,
      );
    }
    const append = this.#log.append([{ topics: [TOPIC], fields, ...(key === undefined ? {} : { latestKey: key }) }]);
    this.#stored = Promise.allSettled([this.#stored, append]).then(() => {});
    if (this.#options.maxAgeMs !== undefined) this.#sweepLater();
    const { id } = await append;
    tell('publish', () => ({ channel: this, id }));
    return id;
  }

  /**
   * Decides the answer to a request. An adapter sends its head, then its body or what it {@link ChannelAnswer.start}s. Rejects with what
   * `authorize` or `key` throws.
   */
  async answer(request: RequestHead): Promise<ChannelAnswer> {
    const { cors } = this.#options;
    const preflight = cors?.preflight(request);
    if (preflight) return preflight;
    const { headers, body, ...answer } =
      request.method === 'OPTIONS' ? { status: 204, headers: { Allow: ALLOW } } : await this.#answer(request);
    const whole = { ...answer, headers: joinHeaders(headers, cors?.headers(request)) };
    return body === undefined || request.method === 'HEAD' ? whole : { ...whole, body };
  }

  /** Answers a request: a stream with the events behind its `Last-Event-ID`, else those from now on, or a refusal. */
  async respond(request: Request): Promise<Response> {
    const { status, headers, body, start, abandon } = await this.answer(fetchHead(request));
    if (!start) return new Response(body ?? null, { status, headers });
    try {
      const stream = bodySink(request.signal);
      const response = new Response(stream.body, { status, headers });
      start(stream.sink);
      return response;
    } catch (error) {
      abandon?.();
      throw error;
    }
  }

  /**
   * Ends the channel, with a last event where one is given: every listener gets all of it, then its response ends; one that comes
   * back with the last event's id is answered 204. Listeners that are behind can still come back for the rest.
   * @throws {ServerError} (as a rejection) what {@link publish} throws; the channel is then not closed
   */
  async close(final?: EventFields): Promise<void> {
    if (this.#closing) return;
    const last = final ? this.publish(final) : undefined;
    this.#closing = true;
    try {
      await last;
    } catch (error) {
      // The last word was refused: the channel goes on, and can be closed with another.
      this.#closing = false;
      throw error;
    }
    await this.#stored;
    this.#finalSeq = this.#log.head().seq;
    this.#fanOut.finish(this.#finalSeq);
  }

  /**
   * Sends every listener away, those to come included, to come back after 1 s to 1 s + `windowMs`. Resolves when everything that was
   * published has been stored; a log of the channel's own is then closed.
   * @param windowMs milliseconds, 0 to 86,400,000
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
   */
  async drain(windowMs = 5000): Promise<void> {
    checkInteger('windowMs', windowMs, 0, 86_400_000);
    tell('drain', () => ({ channel: this, listeners: this.listeners, windowMs }));
    this.#closing = true;
    this.#drained = true;
    this.#stopSweeping();
    this.#fanOut.drain(windowMs);
    await this.#stored;
    if (this.#options.ownsLog) await this.#log.close();
  }

  async #answer(request: RequestHead): Promise<ChannelAnswer> {
    const { method } = request;
    const { headers, coding } = negotiateCoding(request, this.#options.headers, this.#options.compression);
    if (method !== 'GET' && method !== 'HEAD') return this.#refuse(request, 'method');
    // Nobody is asked any more: whoever comes is only told when to come back.
    if (this.#drained) {
      const start = (sink: Sink): void => void this.#fanOut.subscribe(sink, { ...VIEW, coding }, { type: 'now' });
      return method === 'HEAD' ? { status: 200, headers } : { status: 200, headers, start };
    }
    const key = this.#options.key?.(request);
    // Also before the hook, which may be costly to ask.
    const full = this.#places.full(key);
    if (full) return this.#refuse(request, full);
    const grant = await this.#authorize(request);
    if (!grant.allow) return this.#refuse(request, 'forbidden', grant);
    const lastEventId = lastEventIdOf(request);
    const start = await findStart(this.#log, SELECTION, { lastEventId });
    const complete = this.#finalSeq !== undefined && (start.type === 'now' || start.after >= this.#finalSeq);
    if (complete) return this.#refuse(request, 'complete');
    if (method === 'HEAD') return { status: 200, headers };
    // From here to the promise nothing else can happen, so no more are let in than there may be.
    const fullByNow = this.#places.full(key);
    if (fullByNow) return this.#refuse(request, fullByNow);
    const place = this.#places.promise(key);
    const admission: Admission = { request, lastEventId, grant, start, coding, place };
    return {
      status: 200,
      headers,
      start: (sink) => this.#start(sink, admission),
      abandon: () => this.#places.abandon(place),
    };
  }

  async #authorize(request: RequestHead): Promise<Grant | Refusal> {
    const { authorize, fanOut } = this.#options;
    return authorize ? checkAuthorization(await authorize(request), fanOut.now()) : { allow: true };
  }

  #refuse(request: RequestHead, reason: RefuseReason, refusal?: Refusal): ChannelAnswer {
    const { headers, ...usual } = REFUSALS[reason];
    const { status = usual.status, body = usual.body } = refusal ?? {};
    this.#refused[reason] += 1;
    tell('refuse', () => ({ channel: this, request, status, reason }));
    const answer = { status, headers: joinHeaders(headers, refusal?.headers) };
    return body === undefined ? answer : { ...answer, body };
  }

  #start(sink: Sink, { request, lastEventId, grant, start, coding, place }: Admission): void {
    this.#places.take(place);
    const since = this.#options.fanOut.now();
    const visible = this.#options.visibleHeartbeat || ASKS_FOR_HEARTBEAT.test(request.url);
    let lease = FOREVER;
    const listener = this.#fanOut.subscribe(sink, this.#view(grant, visible, coding), start, (reason) => {
      lease.end();
      this.#places.free(place);
      const durationMs = this.#options.fanOut.now() - since;
      tell('unsubscribe', () => ({ channel: this, reason, durationMs, listeners: this.listeners }));
    });
    if (!listener) return;
    lease = this.#lease(listener, request, grant, visible);
    tell('subscribe', () => ({ channel: this, lastEventId, listeners: this.listeners }));
    this.#sweepLater();
  }

  /** The listeners without a filter, and those with filters of the same key, are one cohort. */
  #view({ filter, filterKey }: Grant, visibleHeartbeat: boolean, coding: ContentCoding | undefined): View {
    if (!filter) return { ...(visibleHeartbeat ? VISIBLY_KEPT_ALIVE : VIEW), coding };
    const own = filterKey === undefined ? `own ${(this.#filters += 1)}` : `key ${filterKey}`;
    return {
      key: `filter ${visibleHeartbeat ? 'visible' : 'silent'} ${own}`,
      selection: SELECTION,
      visibleHeartbeat,
      coding,
      accepts: (entry) => {
        const accepted: unknown = filter(this.#reader.read(entry));
        // A promise would be taken for a yes.
        if (typeof accepted === 'boolean') return accepted;
        throw new TypeError(`Cannot filter events: the filter returned ${String(accepted)}, but must return a boolean`);
      },
    };
  }

  // Only here is the request kept: where rights do not expire, it is let go with its head.
  #lease(listener: Listener, request: RequestHead, { expiresAt }: Grant, visible: boolean): Pick<Lease, 'end'> {
    if (expiresAt === undefined || expiresAt === Number.POSITIVE_INFINITY) return FOREVER;
    const lease = new Lease(this.#options.fanOut.now, () => void this.#renew(lease, listener, request, visible));
    lease.runUntil(expiresAt);
    return lease;
  }

  /** Asks again whether a listener may listen. Until that is known it is given nothing; if it may, it has lost nothing. */
  async #renew(lease: Lease, listener: Listener, request: RequestHead, visible: boolean): Promise<void> {
    this.#fanOut.hold(listener);
    try {
      const grant = await this.#authorize(request);
      if (listener.state.phase === 'ended') return;
      // Broken off and not ended: it has not got everything. When it comes back it gets the refusal.
      if (!grant.allow) return this.#fanOut.breakOff(listener, 'expired');
      this.#fanOut.release(listener, this.#view(grant, visible, listener.cohort.view.coding));
      const { expiresAt = Number.POSITIVE_INFINITY } = grant;
      if (expiresAt < Number.POSITIVE_INFINITY) lease.runUntil(expiresAt);
    } catch (error) {
      this.#report(error);
      this.#fanOut.breakOff(listener, 'failed');
    }
  }

  #sweepLater(): void {
    const { fanOut, maxAgeMs } = this.#options;
    if (this.#sweeper !== undefined || this.#drained) return;
    const times = [fanOut.keepAliveMs, maxAgeMs ?? 0].filter((time) => time > 0);
    if (times.length === 0) return;
    this.#sweeper = setInterval(() => this.#sweep(), Math.max(1, Math.min(...times) / 4));
    // A channel that nobody uses any more must not keep the process alive.
    if (typeof this.#sweeper === 'object') this.#sweeper.unref();
  }

  #sweep(): void {
    this.#fanOut.sweep();
    // What has become too old is let go even where nobody publishes or reads.
    const empty = this.#options.maxAgeMs === undefined || [...this.#log.topics()].length === 0;
    if (this.listeners === 0 && empty) this.#stopSweeping();
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #report(error: unknown): void {
    tell('error', () => ({ channel: this, error }));
    try {
      this.#options.onError(error);
    } catch (failure) {
      // A handler that fails must not end the process, nor what goes on for others.
      // oxlint-disable-next-line no-console -- the one place that every runtime has for an error that has no caller
      console.error(failure);
    }
  }
}
