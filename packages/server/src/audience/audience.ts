import type { Clock } from '../clock.ts';
import type { RequestHead } from '../http/request.ts';
import type { View } from '../live/cohort.ts';
import type { EndReason, Listener } from '../live/listener.ts';
import type { FanOut } from '../live/fan-out.ts';
import type { EventLog } from '../log/event-log.ts';
import { findStart, type Start } from '../log/start.ts';
import type { Sink } from '../sink/sink.ts';
import type {
  Admission,
  AdmissionRequest,
  AudienceObserver,
  AudienceStats,
  KnownListener,
  RefuseReason,
} from './admission.ts';
import { EventReader } from './event-reader.ts';
import { Expiry } from './expiry.ts';
import { checkAudienceOptions, type AudienceOptions } from './options.ts';
import { type PlaceHolder, Places } from './places.ts';
import { checkRights, type Authenticate, type Refusal, type Rights } from './rights.ts';

/** A listener that was let in, from its answer to its end. */
interface AdmittedListener extends PlaceHolder {
  subject: string | undefined;
  /** Its network address, or what has it. */
  readonly from: string | RequestHead['peer'];
  listener: Listener | undefined;
  /** Where the bytes of a stream go that is not of the log. */
  sink: Sink | undefined;
  /** Ends the rights; undefined where they do not expire. */
  expiry: Expiry | undefined;
}

// What listeners are sent last needs some time to get to them.
const MIN_GRACE_MS = 100;

/** The listeners of a log: who is let in, what each is given, until when, and who is sent away. */
export class Audience {
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #authenticate: Authenticate;
  readonly #key: ((request: RequestHead) => string | undefined) | undefined;
  readonly #clock: Clock;
  readonly #observer: AudienceObserver;
  readonly #places: Places<AdmittedListener>;
  readonly #reader = new EventReader();
  readonly #refused: Record<RefuseReason, number> = {
    method: 0,
    parameter: 0,
    forbidden: 0,
    full: 0,
    'full-for-key': 0,
    complete: 0,
  };
  /** Makes the keys of filters that have none. */
  #filters = 0;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(log: EventLog, fanOut: FanOut, options: AudienceOptions = {}, observer: AudienceObserver = {}) {
    const { authenticate, key, limits, clock } = checkAudienceOptions(options);
    this.#log = log;
    this.#fanOut = fanOut;
    this.#authenticate = authenticate;
    this.#key = key;
    this.#clock = clock;
    this.#observer = observer;
    this.#places = new Places(limits, clock);
  }

  /** Whether there are as many listeners as there may be. It is cheaper to ask than `authenticate` may be. */
  get isFull(): boolean {
    return this.#places.full(undefined) !== undefined;
  }

  /**
   * What the sender of a request may do. Rejects with what the option `authenticate` throws.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_RIGHTS`
   */
  async authenticate(request: RequestHead): Promise<Rights | Refusal> {
    return checkRights(await this.#authenticate(request), this.#clock.time());
  }

  /** Keeps a place for a listener, or says why it gets none. Whoever answers the request counts that with {@link countRefusal}. */
  async admit(admission: AdmissionRequest): Promise<Admission> {
    const { request, rights, parameters, isOver } = admission;
    const view = rights.allow ? this.#viewOf(admission, rights) : undefined;
    if (!rights.allow || !view) return { refused: 'forbidden' };
    await this.#fanOut.ready();
    const start = await findStart(this.#log, view.selection, parameters);
    if (isOver?.(start)) return { refused: 'complete' };
    const key = this.#keyOf(request, rights);
    // From here to the promise nothing else can happen, so no more are let in than there may be.
    const full = this.#places.full(key);
    if (full) return { refused: full };
    const admitted = this.#promise(request, rights, key);
    return {
      start: (sink) => this.#start(admitted, admission, { sink, rights, view, start }),
      abandon: () => this.#places.abandon(admitted),
    };
  }

  /**
   * Keeps a place for a stream that is not of the log, for as long as `run` is under way. When the rights expire the stream is broken off, so
   * that its listener comes back and asks for its rights anew.
   * @param run writes the stream to its sink
   */
  reserve(request: RequestHead, rights: Rights, run: (sink: Sink) => Promise<unknown>): Admission {
    const key = this.#keyOf(request, rights);
    const full = this.#places.full(key);
    if (full) return { refused: full };
    const admitted = this.#promise(request, rights, key);
    const { expiresAt } = rights;
    return {
      start: (sink) => {
        this.#places.take(admitted);
        admitted.sink = sink;
        if (expiresAt !== undefined) {
          admitted.expiry = new Expiry(this.#clock, () => sink.destroy());
          admitted.expiry.runUntil(expiresAt);
        }
        const free = (): void => {
          admitted.expiry?.end();
          this.#places.free(admitted);
        };
        run(sink).then(free, free);
      },
      abandon: () => this.#places.abandon(admitted),
    };
  }

  /** Counts a request that was not let in, whoever refused it. */
  countRefusal(reason: RefuseReason): void {
    this.#refused[reason] += 1;
  }

  /** Breaks off the listeners that are chosen; each asks for its rights anew when it comes back. Returns how many they were. */
  kick(which: (listener: KnownListener) => boolean): number {
    const chosen = [...this.#places.taken].filter(({ subject, key, from }) =>
      which({ subject, key, address: typeof from === 'object' ? from.remoteAddress : from }),
    );
    this.#breakOff(chosen, 'kicked');
    return chosen.length;
  }

  /** Resolves when no listener is left. Who is left after so many milliseconds is broken off. */
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
    for (const { listener, sink } of listeners) {
      if (listener) this.#fanOut.breakOff(listener, reason);
      else sink?.destroy();
    }
  }

  /** What was done and how it stands. Costs a look at every listener. */
  stats(): AudienceStats {
    return { ...this.#fanOut.stats(), refused: { ...this.#refused } };
  }

  #keyOf(request: RequestHead, rights: Rights): string | undefined {
    return this.#key && (rights.key ?? this.#key(request));
  }

  #promise(request: RequestHead, rights: Rights, key: string | undefined): AdmittedListener {
    const admitted: AdmittedListener = {
      subject: rights.subject,
      key,
      from: request.peer ?? request.address,
      since: this.#clock.now(),
      listener: undefined,
      sink: undefined,
      expiry: undefined,
    };
    this.#places.promise(admitted);
    return admitted;
  }

  #start(
    admitted: AdmittedListener,
    admission: AdmissionRequest,
    stream: { readonly sink: Sink; readonly rights: Rights; readonly view: View; readonly start: Start },
  ): void {
    this.#places.take(admitted);
    const onEnd = (reason: EndReason): void => {
      admitted.expiry?.end();
      admitted.listener = undefined;
      this.#places.free(admitted);
      this.#observer.onLeave?.({ reason, durationMs: this.#clock.now() - admitted.since });
    };
    // Its rights may have ended while it was let in: then it is given nothing before they are renewed.
    const { expiresAt = Number.POSITIVE_INFINITY } = stream.rights;
    const isHeld = expiresAt <= this.#clock.time();
    const listener = this.#fanOut.listen(stream.sink, stream.view, stream.start, onEnd, isHeld);
    if (!listener) return;
    admitted.listener = listener;
    this.#expire(admitted, admission, stream.rights);
    this.#observer.onListen?.({ lastEventId: admission.parameters.lastEventId });
  }

  // Only here is the request kept: where rights do not expire, it is let go with its head.
  #expire(admitted: AdmittedListener, admission: AdmissionRequest, { expiresAt }: Rights): void {
    if (expiresAt === undefined) return;
    admitted.expiry ??= new Expiry(this.#clock, () => void this.#renew(admitted, admission));
    admitted.expiry.runUntil(expiresAt);
  }

  /** Asks again what a listener may do. Until that is known it is given nothing; if it may go on, it has lost nothing. */
  async #renew(admitted: AdmittedListener, admission: AdmissionRequest): Promise<void> {
    const { listener } = admitted;
    if (!listener) return;
    this.#fanOut.hold(listener);
    try {
      const rights = await this.authenticate(admission.request);
      // It may have left meanwhile.
      if (!admitted.listener) return;
      const view = rights.allow ? this.#viewOf(admission, rights) : undefined;
      // Broken off and not ended: it has not got everything. When it comes back it gets the refusal.
      if (!rights.allow || !view) return this.#fanOut.breakOff(listener, 'expired');
      admitted.subject = rights.subject;
      this.#places.rekey(admitted, this.#keyOf(admission.request, rights));
      this.#fanOut.release(listener, view);
      this.#expire(admitted, admission, rights);
    } catch (error) {
      if (!admitted.listener) return;
      this.#observer.onError?.(error);
      this.#fanOut.breakOff(listener, 'failed');
    }
  }

  /** The view that was asked for, with the filter of the rights and the heartbeat that was asked for. */
  #viewOf({ view, parameters }: AdmissionRequest, rights: Rights): View | undefined {
    const base = view(rights);
    if (!base) return undefined;
    const visible = parameters.heartbeat === 'event';
    const kept: View = visible ? { ...base, key: `visible ${base.key}`, visibleHeartbeat: true } : base;
    return rights.filter ? this.#filtered(kept, rights.filter, rights.filterKey) : kept;
  }

  /** Listeners with filters of the same key are one cohort; a filter without a key is the listener's own. */
  #filtered(view: View, filter: NonNullable<Rights['filter']>, filterKey: string | undefined): View {
    const own = filterKey === undefined ? `own ${(this.#filters += 1)}` : `key ${filterKey}`;
    return {
      ...view,
      key: JSON.stringify(['filter', view.key, own]),
      accepts: (entry) => {
        if (view.accepts?.(entry) === false) return false;
        const accepted: unknown = filter(this.#reader.read(entry));
        // A promise would be taken for a yes.
        if (typeof accepted === 'boolean') return accepted;
        throw new TypeError(`Cannot filter events: the filter returned ${String(accepted)}, but must return a boolean`);
      },
    };
  }
}
