import type { EventFields } from '@tidings/wire';
import type { AudienceStats, KnownListener, RefuseReason } from '../audience/admission.ts';
import { Audience } from '../audience/audience.ts';
import { EXPIRED, may, type Refusal, type Rights } from '../audience/rights.ts';
import { systemClock } from '../clock.ts';
import type { ContentCoding } from '../coding/content-coding.ts';
import { checkInteger, checkNames, ServerError } from '../errors.ts';
import type { Gap, PublishedEvent } from '../events/event-item.ts';
import { EventIterators } from '../events/event-iterators.ts';
import type { EventsOptions } from '../events/options.ts';
import { toResponse, type Answer } from '../http/answer.ts';
import { answerOptions } from '../http/cors.ts';
import { joinHeaders, negotiateCoding } from '../http/head.ts';
import { historyParameters, listenParameters, queryOf, type ListenParameters } from '../http/parameters.ts';
import { checkHead } from '../http/request-check.ts';
import { fetchHead, type RequestHead } from '../http/request.ts';
import type { View } from '../live/cohort.ts';
import { FanOut } from '../live/fan-out.ts';
import type { EventLog } from '../log/event-log.ts';
import { EARLIEST } from '../log/position.ts';
import type { ItemIterator } from '../log/reading/iterator.ts';
import type { Start } from '../log/start.ts';
import type { Sink } from '../sink/sink.ts';
import { turnAfter } from '../turns.ts';
import { report } from './channel-diagnostics.ts';
import { checkChannelOptions, type ChannelOptions, type CheckedChannelOptions } from './channel-options.ts';
import { comeBackAnswer, EXPIRED_BODY, METHODS, REFUSALS } from './refusals.ts';
import { checkType } from './own-types.ts';
import { reported } from './reported.ts';

export interface PublishOptions {
  /**
   * The name of the value that the event updates, for a channel with `latest-by-key`. Other channels ignore it. 1 to 1,024 bytes
   * of UTF-8.
   * @default the event's type
   */
  readonly key?: string | undefined;
}

const PUBLISH_OPTIONS: Readonly<Record<keyof PublishOptions, true>> = { key: true };

/** Counts of what a channel has done since it was made, and of its present state. */
export interface ChannelStats extends AudienceStats {
  /** See {@link Channel.lastEventId}. */
  readonly lastEventId: string;
}

/** A channel sends events to any number of listeners, each of which can come back and go on where it was. */
export class Channel {
  readonly #options: CheckedChannelOptions;
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #audience: Audience;
  readonly #iterators: EventIterators;
  /** The selection for a listener without rights to private events. */
  readonly #view: View;
  /** Settles when every event so far has been stored or refused. */
  #stored: Promise<void> = Promise.resolve();
  #finalSeq: number | undefined;
  #closing = false;
  #closed: Promise<void> | undefined;
  #drained: Promise<void> | undefined;
  /** Whether it is about to look whether it has no listener. */
  #isLooking = false;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: ChannelOptions = {}) {
    this.#options = checkChannelOptions(options);
    const { log, topic, fanOut, audience } = this.#options;
    this.#log = log;
    this.#iterators = new EventIterators(log, audience.clock ?? systemClock, 'channel');
    this.#view = { key: 'all', selection: { topics: [topic] } };
    this.#fanOut = new FanOut(log, fanOut, {
      onOverflow: (backlog) => report('overflow', () => ({ channel: this, backlog })),
      onEvict: (backlog) => report('evict', () => ({ channel: this, backlog })),
      onGap: (gap) => report('gap', () => ({ channel: this, ...gap })),
      onError: (error) => this.#onError(error),
    });
    this.#audience = new Audience(log, this.#fanOut, audience, {
      onListen: (event) => report('listen', () => ({ channel: this, ...event, listeners: this.listeners })),
      onLeave: (event) => {
        report('leave', () => ({ channel: this, ...event, listeners: this.listeners }));
        this.#looksEmpty();
      },
      onError: (error) => this.#onError(error),
    });
  }

  /** The present number of listeners. */
  get listeners(): number {
    return this.#fanOut.listeners;
  }

  /**
   * The id of the newest event, or a cursor if the channel has not seen an event. A listener that names it gets the events that are published from
   * now on.
   */
  get lastEventId(): string {
    return this.#fanOut.lastEventId;
  }

  /** Returns the id of the earliest event that is kept, or undefined if none is. */
  async earliest(): Promise<string | undefined> {
    const { head } = await this.#log.locate(EARLIEST);
    const selection = { topics: [this.#options.topic], private: 'all' } as const;
    const page = await this.#log.read({ selection, after: 0, through: head, maxBytes: 1 });
    return page.entries[0]?.id;
  }

  /** Returns counts of the channel. The cost grows with the number of listeners. */
  stats(): ChannelStats {
    return { ...this.#audience.stats(), lastEventId: this.lastEventId };
  }

  /**
   * Sends an event to every listener that may see it. Resolves to its id when it has been stored. Types that begin with `tidings-` belong to
   * the channel's own events, and are refused. A rejection that nobody waits for is given to `onError`. A program that publishes in a loop, and waits for
   * each event, leaves other work its turns.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_EVENT`, `ERR_EVENT_TOO_LARGE`, `ERR_INVALID_OPTION`, `ERR_TOPIC_CLOSED`, `ERR_LEASE_LOST`,
   * `ERR_TOO_MUCH_WAITS`, `ERR_NOT_STORED`, `ERR_CLOSED`
   */
  publish(fields: EventFields, options: PublishOptions = {}): Promise<string> {
    return reported(this.#publish(fields, options), (error) => this.#onError(error));
  }

  /**
   * Iterates over the events inside the program, without a socket: those that are kept after `lastEventId`, then those that are published, each once and in
   * order. A {@link Gap} comes in the place of events that are no longer kept. A consumer that is slow costs at most 64 KiB of memory, or one event, and is given the
   * rest from the log. It is not counted as a listener.
   *
   * It ends after the last event of a channel that was closed, with `return()`, which leaving the loop calls, and with its signal. {@link drain} ends it, too: with
   * `ERR_CLOSED`, if it has not got everything.
   * @throws {ServerError} `ERR_INVALID_OPTION`, `ERR_INVALID_RIGHTS`, `ERR_FORBIDDEN`, `ERR_CLOSED`
   * @example
   * for await (const event of channel.events({ lastEventId: 'earliest' })) {
   *   if (isGap(event)) console.warn('missed', event.reason);
   *   else console.log(event.id, event.data);
   * }
   */
  events(options: EventsOptions = {}): ItemIterator<PublishedEvent | Gap> {
    return this.#iterators.open([this.#options.topic], options);
  }

  async #publish(fields: EventFields, options: PublishOptions): Promise<string> {
    checkNames(options, PUBLISH_OPTIONS);
    const { key } = options;
    if (this.#closing) {
      const how = this.#drained ? 'drained' : 'closed';
      throw new ServerError('ERR_CLOSED', `Cannot publish: the channel has been ${how}`);
    }
    checkType(fields);
    const { topic } = this.#options;
    const append = this.#log.append([{ topics: [topic], fields, ...(key === undefined ? {} : { latestKey: key }) }]);
    this.#stored = Promise.allSettled([this.#stored, append]).then(() => {});
    const { id } = await append;
    report('publish', () => ({ channel: this, id }));
    await turnAfter(fields.data?.length ?? 0);
    return id;
  }

  /**
   * Decides the answer to a request. An adapter sends the head, and then the body or the stream that {@link Answer.start} begins. Rejects with what
   * `authenticate` or `key` throws.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION` if the request is no head of one
   */
  async answer(request: RequestHead): Promise<Answer> {
    checkHead(request);
    const { cors } = this.#options;
    try {
      if (request.method === 'OPTIONS') return answerOptions(request, METHODS, cors);
      const { headers, body, ...answer } = await this.#answer(request);
      const whole = { ...answer, headers: joinHeaders(headers, cors?.headers(request)) };
      return body === undefined || request.method === 'HEAD' ? whole : { ...whole, body };
    } finally {
      this.#looksEmpty();
    }
  }

  /**
   * Answers a request: with a stream of the events after its `Last-Event-ID`, else of those from now on, or with a refusal.
   * @param address the network address of the client, if your server knows it. A `Request` does not have it
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION` if the request is not one of the Fetch API. Requests of Node are answered by `respond` of
   * `@tidings/server/node`
   */
  async respond(request: Request, address?: string): Promise<Response> {
    const answer = await this.answer(fetchHead(request, address));
    return toResponse(answer, request.signal, request.method === 'HEAD');
  }

  /**
   * Breaks off the streams of the listeners that `which` chooses, by the subject or key of their rights or by their address. Each comes back, and is
   * refused if `authenticate` refuses it by then. Returns how many there were.
   * @throws {ServerError} `ERR_INVALID_OPTION` if `which` is no function
   */
  kick(which: (listener: KnownListener) => boolean): number {
    return this.#audience.kick(which);
  }

  /**
   * Ends the channel, with `final` as its last event if it is given. Every listener gets all events, then its response ends. A listener that comes
   * back with the id of the last event is answered 204. A listener that is behind can still come back for the rest. Every call returns the promise
   * of the first.
   * @throws {ServerError} (as a rejection) what {@link publish} throws; the channel is then not closed
   */
  close(final?: EventFields): Promise<void> {
    this.#closed ??= reported(this.#close(final), (error) => this.#onError(error));
    return this.#closed;
  }

  async #close(final: EventFields | undefined): Promise<void> {
    const last = final ? this.#publish(final, {}) : undefined;
    this.#closing = true;
    try {
      await last;
    } catch (error) {
      // The last event was refused: the channel goes on, and can be closed with another.
      this.#closing = this.#drained !== undefined;
      this.#closed = undefined;
      throw error;
    }
    await this.#stored;
    const { head } = await this.#log.locate(EARLIEST);
    this.#finalSeq = head;
    this.#fanOut.finish(head);
    this.#iterators.finish(head);
  }

  /**
   * Sends all present and later listeners away, to come back after 1 s and a random part of `windowMs`. From then on {@link publish} rejects with
   * `ERR_CLOSED`. Resolves when everything that was
   * published has been stored and all listeners have gone. A listener that does not read is broken off after `windowMs`. A log that the channel has
   * made is then closed. Every call returns the promise of the first.
   * @param windowMs milliseconds, 0 to 86,400,000 @default 5000
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
   */
  drain(windowMs = 5000): Promise<void> {
    return reported(this.#drainOnce(windowMs), (error) => this.#onError(error));
  }

  async #drainOnce(windowMs: number): Promise<void> {
    checkInteger('windowMs', windowMs, 0, 86_400_000);
    this.#drained ??= this.#drain(windowMs);
    return this.#drained;
  }

  async #drain(windowMs: number): Promise<void> {
    report('drain', () => ({ channel: this, listeners: this.listeners, windowMs }));
    this.#closing = true;
    this.#fanOut.drain(windowMs);
    this.#iterators.close();
    await Promise.all([this.#stored, this.#audience.gone(windowMs)]);
    if (this.#options.ownsLog) await this.#log.close();
  }

  async #answer(request: RequestHead): Promise<Answer> {
    const { method } = request;
    if (!METHODS.includes(method)) return this.#refuse(request, 'method');
    const { headers, coding } = negotiateCoding(request, this.#options.headers, this.#options.compression);
    const head = { status: 200, headers };
    // Rights do not matter any more: a new listener is only told when to come back.
    if (this.#drained) {
      const start = (sink: Sink): void => void this.#fanOut.listen(sink, { ...this.#view, coding }, { type: 'now' });
      return method === 'HEAD' ? head : { ...head, start };
    }
    const parameters = parametersOf(request, this.#options.historyParameters);
    if (parameters instanceof ServerError) {
      return this.#refuse(request, 'parameter', { allow: false, body: `${parameters.message}\n` });
    }
    // Before `authenticate`, which may be expensive. Who has got everything of a closed channel needs no place.
    if (this.#audience.isFull && this.#finalSeq === undefined) return this.#refuse(request, 'full');
    const rights = await this.#audience.authenticate(request);
    const { heartbeat = this.#options.heartbeat, types } = parameters;
    const admitted = this.#audience.admit({
      request,
      rights,
      parameters: { ...parameters, heartbeat },
      view: (granted) => this.#viewOf(granted, types, coding),
      isOver: (start) => this.#isOver(start),
    });
    const admission = await admitted.catch((error: unknown) => comeBackAnswer(error, this.#options.headers));
    if ('status' in admission) return admission;
    if ('refused' in admission) return this.#refuse(request, admission.refused, rights.allow ? undefined : rights);
    if (method !== 'GET') {
      admission.abandon();
      return head;
    }
    const abandon = (): void => {
      admission.abandon();
      this.#looksEmpty();
    };
    return { ...head, ...admission, abandon };
  }

  /** Tells the program if no listener is left, once what is under way is done. */
  #looksEmpty(): void {
    const { onEmpty } = this.#options;
    if (!onEmpty || this.#isLooking) return;
    this.#isLooking = true;
    queueMicrotask(() => {
      this.#isLooking = false;
      if (this.#drained || !this.#audience.isEmpty) return;
      try {
        onEmpty();
      } catch (error) {
        this.#onError(error);
      }
    });
  }

  #refuse(request: RequestHead, reason: RefuseReason, refusal?: Refusal): Answer {
    const { headers, ...usual } = REFUSALS[reason];
    const { status = usual.status, body = refusal === EXPIRED ? EXPIRED_BODY : usual.body } = refusal ?? {};
    this.#audience.countRefusal(reason);
    report('refuse', () => ({ channel: this, request, status, reason }));
    const answer = { status, headers: joinHeaders(headers, refusal?.headers) };
    return body === undefined ? answer : { ...answer, body };
  }

  #viewOf(rights: Rights, types: ListenParameters['types'], coding: ContentCoding | undefined): View | undefined {
    const { topic } = this.#options;
    if (!may(rights, 'listen', topic)) return undefined;
    if (rights.private === undefined && types === undefined) return { ...this.#view, coding };
    const selection = { topics: [topic], private: rights.private ?? [], types };
    return { key: JSON.stringify([selection.private, types]), selection, coding };
  }

  #isOver(start: Start): boolean {
    return this.#finalSeq !== undefined && (start.type === 'now' || start.after >= this.#finalSeq);
  }

  #onError(error: unknown): void {
    report('error', () => ({ channel: this, error }));
    try {
      this.#options.onError(error);
    } catch (failure) {
      // A handler that fails must end neither the process nor the work for other listeners.
      // oxlint-disable-next-line no-console -- the one place that every runtime has for an error that has no caller
      console.error(failure);
    }
  }
}

/** The parameters of a listener, or the error in them. */
function parametersOf(request: RequestHead, hasHistory: boolean): ListenParameters | ServerError {
  try {
    const query = queryOf(request.url);
    return { ...listenParameters(request, query), ...(hasHistory ? historyParameters(query) : {}) };
  } catch (error) {
    if (error instanceof ServerError) return error;
    throw error;
  }
}
