import type { Clock } from '../clock.ts';
import type { ListenParameters } from '../http/parameters.ts';
import type { RequestHead } from '../http/request.ts';
import type { View } from '../live/cohort.ts';
import type { EndReason, OnEnd } from '../live/listener.ts';
import { endExpired } from '../live/control-events.ts';
import type { FanOut } from '../live/fan-out.ts';
import type { EventLog } from '../log/event-log.ts';
import { Selector } from '../log/selection.ts';
import { isComplete, type Start } from '../log/start.ts';
import type { Sink } from '../sink/sink.ts';
import {
  NONE_REFUSED,
  type Admission,
  type AdmissionRequest,
  type AudienceObserver,
  type AudienceStats,
  type KnownListener,
  type RefuseReason,
  type Visit,
  type Visited,
  type VisitRequest,
} from './admission.ts';
import { AdmittedListener, startSearch } from './admitted-listener.ts';
import { findBeginning } from './beginning.ts';
import { hasEnded } from './ended.ts';
import { Expiry } from './expiry.ts';
import { type CountedMatchers, countMatchers } from './matcher-memory.ts';
import { checkAudienceOptions, checkWhich, type AudienceOptions } from './options.ts';
import { Places, type SharedPlaces } from './places.ts';
import { TicketHolders } from './ticket-holders.ts';
import { Views } from './views.ts';
import { checkRights, type Authenticate, type Refusal, type Rights } from './rights.ts';

/** For a listener that has left, or has to come back. */
const GONE: Admission = { start: (sink) => sink.destroy(), abandon: () => {} };

const NO_PARAMETERS: ListenParameters = { lastEventId: '', last: undefined, heartbeat: undefined };

// The last bytes to a listener need some time to arrive.
const MIN_GRACE_MS = 100;

/** The listeners of a log. It decides which are let in, what each gets and until when, and it sends listeners away. */
export class Audience {
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #authenticate: Authenticate;
  readonly #key: ((request: RequestHead) => string | undefined) | undefined;
  readonly #clock: Clock;
  readonly #observer: AudienceObserver;
  readonly #places: Places<AdmittedListener>;
  readonly #views = new Views();
  readonly #tickets: TicketHolders;
  /** How many streams of the log have started. */
  #started = 0;
  readonly #refused: Record<RefuseReason, number> = { ...NONE_REFUSED };

  /**
   * @param shared counts the listeners with those of other processes, if there are any
   * @throws {ServerError} `ERR_INVALID_OPTION`
   */
  constructor(
    log: EventLog,
    fanOut: FanOut,
    options: AudienceOptions = {},
    observer: AudienceObserver = {},
    shared?: SharedPlaces,
  ) {
    const { authenticate, key, limits, clock } = checkAudienceOptions(options);
    this.#log = log;
    this.#fanOut = fanOut;
    this.#authenticate = authenticate;
    this.#key = key;
    this.#clock = clock;
    this.#observer = observer;
    this.#tickets = new TicketHolders((before) => this.#breakOff([before], 'kicked'), clock, observer);
    this.#places = new Places(limits, clock, shared);
  }

  /** Whether the limit of listeners is reached. This is cheaper than `authenticate` may be. */
  get isFull(): boolean {
    return this.#places.full(undefined) !== undefined;
  }

  /** Whether there is no listener, and none that is being let in. */
  get isEmpty(): boolean {
    return this.#places.isEmpty;
  }

  /**
   * Decides what the sender of a request may do. Rejects with the exception of the option `authenticate`.
   * @param authenticate decides in place of that option
   * @throws {ServerError} (as a rejection) `ERR_INVALID_RIGHTS`
   */
  async authenticate(request: RequestHead, authenticate: Authenticate = this.#authenticate): Promise<Rights | Refusal> {
    return checkRights(await authenticate(request), this.#clock.time());
  }

  /** Keeps a place for a listener, or returns why it gets none. The caller counts a refusal with {@link countRefusal}. */
  async admit(admission: AdmissionRequest): Promise<Admission> {
    const { request, rights, isOver } = admission;
    const own = rights.allow ? this.#views.of(admission, rights) : undefined;
    if (!rights.allow || !own) return { refused: 'forbidden' };
    const view = this.#fanOut.shared(own);
    const matchers = countMatchers(Selector.of(view.selection));
    // It counts from here on, because the place where it begins may have to be looked for.
    const admitted = await this.#promise(request, rights, matchers);
    if (typeof admitted === 'string')
      return { refused: (await hasEnded(this.#log, this.#fanOut, view.selection, admission)) ? 'complete' : admitted };
    const parts = { log: this.#log, fanOut: this.#fanOut, places: this.#places };
    const start = await findBeginning(parts, admitted, view, admission);
    if (!start) return GONE;
    if (isComplete(start) || isOver?.(start)) {
      this.#places.abandon(admitted);
      return { refused: 'complete' };
    }
    return {
      start: (sink) => this.#start(admitted, admission, { sink, rights, view, start }),
      abandon: () => this.#places.abandon(admitted),
    };
  }

  /**
   * Keeps a place for a stream that does not come from the log, for as long as `run` is under way. When the rights expire, the stream is told so and ends, so
   * that its listener comes back and its rights are decided anew.
   * @param run writes the stream to its sink
   */
  async reserve(request: RequestHead, rights: Rights, run: (sink: Sink) => Promise<unknown>): Promise<Admission> {
    const admitted = await this.#promise(request, rights, undefined);
    if (typeof admitted === 'string') return { refused: admitted };
    return {
      start: (sink) => {
        this.#places.take(admitted);
        this.#tickets.take(admitted);
        admitted.sink = sink;
        if (rights.expiresAt !== undefined) {
          admitted.expiry = new Expiry(this.#clock, () => endExpired(sink));
          admitted.expiry.runUntil(rights.expiresAt);
        }
        const free = (): void => {
          admitted.expiry?.end();
          this.#tickets.free(admitted);
          this.#places.free(admitted);
        };
        run(sink).then(free, free);
      },
      abandon: () => this.#places.abandon(admitted),
    };
  }

  /**
   * Keeps a place for a request while its answer, which is no stream, is being made. Returns the answer, why the request was refused, or undefined if its
   * sender has left, was sent away, or had rights that expired meanwhile.
   */
  async visit<T>(admission: VisitRequest, work: (visit: Visit) => Promise<T>): Promise<Visited<T> | undefined> {
    const { request, rights } = admission;
    const view = this.#views.of({ ...admission, parameters: NO_PARAMETERS }, rights);
    if (!view) return { refused: 'forbidden' };
    const matchers = countMatchers(Selector.of(view.selection));
    const admitted = await this.#promise(request, rights, matchers);
    if (typeof admitted === 'string') return { refused: admitted };
    const { signal, end } = startSearch(this.#places, admitted, request);
    this.#tickets.take(admitted);
    const expiry = new Expiry(this.#clock, () => admitted.search?.abort());
    expiry.runUntil(rights.expiresAt ?? Number.POSITIVE_INFINITY);
    try {
      await this.#fanOut.ready(signal);
      const answer = await work({ view, signal });
      return signal.aborted ? undefined : { answer };
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      expiry.end();
      this.#tickets.free(admitted);
      end();
    }
  }

  /** Counts a refused request. */
  countRefusal(reason: RefuseReason): void {
    this.#refused[reason] += 1;
  }

  /**
   * Breaks off the streams of the listeners that `which` chooses. Their rights are decided anew when they come back. Returns how many there were.
   * @throws {ServerError} `ERR_INVALID_OPTION`
   */
  kick(which: (listener: KnownListener) => boolean): number {
    checkWhich(which);
    const chosen = [...this.#places.taken].filter(({ subject, key, address, credential }) => {
      return which({ subject, key, address, credential });
    });
    this.#breakOff(chosen, 'kicked');
    return chosen.length;
  }

  /**
   * Breaks off the listener that has come with a ticket, if that was before a time by the clock's `now`: another one has taken its place, at another
   * process.
   */
  dropTicket(ticket: string, before: number): void {
    this.#tickets.drop(ticket, before);
  }

  /** Resolves when no listener is left. Listeners that are left after this many milliseconds are broken off. */
  async gone(ms: number): Promise<void> {
    const { taken } = this.#places;
    if (taken.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(() => this.#breakOff(taken, 'drained'), Math.max(ms, MIN_GRACE_MS));
      this.#places.onEmpty = () => {
        this.#clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  #breakOff(listeners: Iterable<AdmittedListener>, reason: EndReason): void {
    for (const each of listeners) {
      const { listener, sink, search } = each;
      if (search) search.abort();
      else if (listener) this.#fanOut.breakOff(listener, reason);
      else if (sink) sink.destroy();
      // It is not known yet where it begins.
      else this.#places.free(each);
    }
  }

  /** Returns counts of what was done and of the present state. The cost grows with the number of listeners. */
  stats(): AudienceStats {
    return { ...this.#fanOut.stats(), refused: { ...this.#refused } };
  }

  #keyOf(request: RequestHead, rights: Rights): string | undefined {
    return this.#key && (rights.key ?? this.#key(request));
  }

  /**
   * Promises a place. Resolves to the limit that refuses it, if one does. Whoever comes back with a ticket may find that its own place is the one too many: that of its
   * stream before, whose end nobody has noticed yet.
   */
  async #promise(
    request: RequestHead,
    rights: Rights,
    matchers: CountedMatchers | undefined,
  ): Promise<AdmittedListener | 'full' | 'full-for-key'> {
    const key = this.#keyOf(request, rights);
    const admitted = new AdmittedListener(request, rights, { key, since: this.#clock.now(), matchers });
    let refused = await this.#places.ask(admitted);
    if (refused && this.#tickets.leave(rights.credential?.ticket)) refused = await this.#places.ask(admitted);
    return refused ?? admitted;
  }

  #start(
    admitted: AdmittedListener,
    admission: AdmissionRequest,
    stream: { readonly sink: Sink; readonly rights: Rights; readonly view: View; readonly start: Start },
  ): void {
    this.#places.take(admitted);
    this.#tickets.take(admitted);
    admitted.onEnd = admission.onEnd;
    // Its rights may have expired while it was let in. Then it gets nothing before they are renewed.
    const isHeld = (stream.rights.expiresAt ?? Infinity) <= this.#clock.time();
    admitted.number = this.#started += 1;
    const listener = this.#fanOut.listen(stream.sink, stream.view, stream.start, this.#onEnd, isHeld, admitted);
    if (!listener) return;
    admitted.listener = listener;
    // Who was let in while listeners were chosen to be broken off was not among them.
    if (admission.holds?.() === false) return this.#fanOut.breakOff(listener, 'kicked');
    this.#expire(admitted, admission, stream.rights);
    this.#observer.onListen?.({ lastEventId: admission.parameters.lastEventId }, admitted, admission.request);
  }

  /** What is done when a stream has ended: one function for all, because one for each would take as much memory as what is known of a listener. */
  readonly #onEnd: OnEnd = (reason, admitted) => {
    if (!(admitted instanceof AdmittedListener)) return;
    admitted.expiry?.end();
    this.#tickets.free(admitted);
    admitted.listener = undefined;
    this.#places.free(admitted);
    admitted.onEnd?.();
    this.#observer.onLeave?.({ reason, durationMs: this.#clock.now() - admitted.since }, admitted);
  };

  // The request is kept only here: if the rights do not expire, it can be freed after the head.
  #expire(admitted: AdmittedListener, admission: AdmissionRequest, { expiresAt }: Rights): void {
    if (expiresAt === undefined) return;
    admitted.expiry ??= new Expiry(this.#clock, () => void this.#renew(admitted, admission));
    admitted.expiry.runUntil(expiresAt);
  }

  /** Decides again what a listener may do. Meanwhile it gets nothing. If it may go on, it has lost nothing. */
  async #renew(admitted: AdmittedListener, admission: AdmissionRequest): Promise<void> {
    const { listener } = admitted;
    if (!listener) return;
    this.#fanOut.hold(listener);
    try {
      const rights = await this.authenticate(admission.request, admission.authenticate);
      // The listener may have left meanwhile.
      if (!admitted.listener) return;
      const view = rights.allow ? this.#views.of(admission, rights) : undefined;
      // It has not got all events. When it comes back, it gets the refusal.
      if (!rights.allow || !view) return this.#fanOut.expire(listener);
      admitted.subject = rights.subject;
      admitted.credential = rights.credential;
      this.#places.rekey(admitted, this.#keyOf(admission.request, rights));
      this.#fanOut.release(listener, view);
      this.#expire(admitted, admission, rights);
    } catch (error) {
      if (!admitted.listener) return;
      this.#observer.onError?.(error);
      this.#fanOut.breakOff(listener, 'failed');
    }
  }
}
