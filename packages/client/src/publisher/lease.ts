/// <reference lib="esnext.disposable" preserve="true" />
import { type Alarm, createAlarm } from '../platform/alarm.ts';
import type { PlatformSignal } from '../globals.ts';
import { judge } from './answer.ts';
import type { NewEvent } from './event.ts';
import { fieldsOf } from './failed.ts';
import { LeaseError } from './lease-error.ts';
import { leaseError, type LeaseTarget, release, renewal, renewalMs } from './lease-request.ts';
import { type Moment, momentOf } from './moment.ts';
import type { Publication } from './publication.ts';
import { type LastFailure, Sender } from './sender.ts';
import type { PublisherSettings } from './settings.ts';
import { Signal } from './signal.ts';

/** An event that is published with a lease. */
export type LeaseEvent = Omit<NewEvent, 'lease'>;

/**
 * The lease of a topic: its holder is the one producer. It is renewed by each event that is published with it, and by itself otherwise, which keeps the
 * program running. It ends in one of three ways: `close` closes the topic, `release` hands the topic over, and a lease that is left runs out, so that the hub
 * closes the topic with `lease-expired`. The end of an `await using` block leaves a lease that was neither closed nor released: it takes no more events, is
 * renewed until those that were published with it are settled, and not any more then.
 */
export interface Lease extends AsyncDisposable {
  readonly topic: string;
  /** Proves who holds the lease (PROTOCOL §12.5). */
  readonly token: string;
  /**
   * Aborts when the lease is lost: the hub has said so, or nothing has renewed it in the time that it lasts. Its reason is a `LeaseError`. It does not abort
   * after `close` or `release`.
   */
  readonly signal: PlatformSignal;
  /**
   * Publishes an event to the topic as its one producer, in the order of all calls of the publisher. It rejects as `publish` of the publisher does: with
   * the problem `lease-lost` if the hub knows the lease no more, and with `ERR_CLOSED` after `close` and `release`, and when the lease is lost.
   */
  publish(event: LeaseEvent): Publication;
  /**
   * Publishes the final event, which closes the topic and ends the lease.
   * @param event - by default the hub's own `tidings-closed`
   */
  close(event?: LeaseEvent): Publication;
  /**
   * Takes no more events, waits until those that were published with the lease are settled, and gives it back. The topic stays open for all. It resolves at
   * once if the lease is over.
   * @throws LeaseError if the hub could not be told in time
   */
  release(): Promise<void>;
}

const CLOSING = 'the lease was ended by a final event';

/** What publishes an event for a lease. */
export type PublishLeased = (
  topic: string,
  event: NewEvent,
  how: {
    /** Why the event is not taken. */
    readonly refusal: { readonly found: string; readonly cause?: unknown } | undefined;
    readonly onSettled: (error?: unknown) => void;
  },
) => Publication;

/** A lease that a publisher holds, until it is over. */
export class HeldLease implements Lease {
  readonly topic: string;
  readonly token: string;
  readonly #target: LeaseTarget;
  readonly #settings: PublisherSettings;
  readonly #publish: PublishLeased;
  readonly #onOver: () => void;
  readonly #controller = new AbortController();
  readonly #renewals: Sender;
  readonly #releases: Sender;
  /** It is due when the lease has to be renewed, or is lost. */
  readonly #alarm: Alarm;
  /** When the lease ends for all that is known here: counted from when the newest request was sent that has renewed it. */
  #until: Moment;
  #isRenewing = false;
  #isGivingBack = false;
  /** Why no events are taken any more, although the lease is not over. */
  #ending: string | undefined;
  /** How the lease has ended. */
  #over: { readonly lost?: LeaseError } | undefined;
  /** How many events of the lease are not settled. */
  #pending = 0;
  /** Fires when one of them is, and when the lease is over. */
  readonly #progress = new Signal();
  #release: Promise<void> | undefined;

  /** @param sent - when the request was sent that has made it */
  constructor(
    target: LeaseTarget,
    token: string,
    sent: Moment,
    settings: PublisherSettings,
    hooks: { readonly publish: PublishLeased; readonly onOver: () => void },
  ) {
    this.topic = target.topic;
    this.token = token;
    this.#target = target;
    this.#settings = settings;
    this.#publish = hooks.publish;
    this.#onOver = hooks.onOver;
    this.#renewals = new Sender(settings);
    this.#releases = new Sender(settings);
    // After a sleep the time of day tells that it is late.
    this.#alarm = createAlarm(settings.clock, () => this.#look());
    this.#until = this.#end(sent);
    this.#look();
  }

  get signal(): PlatformSignal {
    return this.#controller.signal;
  }

  publish(event: LeaseEvent): Publication {
    const refusal = this.#refusal();
    const closes = refusal === undefined && (event as LeaseEvent | null)?.close === true;
    // Before the call, which may fail at once.
    if (closes) this.#ending = CLOSING;
    this.#pending++;
    // What is no event is refused for that.
    const leased = Object(event) === event ? { ...event, lease: this.token } : (event as NewEvent);
    return this.#publish(this.topic, leased, {
      refusal,
      onSettled: (error) => {
        this.#pending--;
        if (closes && error === undefined) this.#finish({});
        else if (closes && this.#ending === CLOSING) this.#ending = undefined;
        this.#progress.fire();
      },
    });
  }

  close(event: LeaseEvent = { data: '' }): Publication {
    return this.publish(Object(event) === event ? { ...event, close: true } : event);
  }

  release(): Promise<void> {
    this.#release ??= this.#giveBack();
    return this.#release;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  /** Takes no more events, waits until those that were published are settled, and lets the lease run out. Never rejects. */
  async leave(): Promise<void> {
    if (this.#over) return;
    this.#ending = 'the lease was left';
    await this.#settled();
    // Who has called release() as well gets to know how that ends.
    await this.#release?.catch(() => {});
    if (!this.#over) this.#finish({});
  }

  /** A request has renewed the lease that was sent then. */
  renewed(sent: Moment): void {
    const { now, time } = this.#end(sent);
    if (now > this.#until.now) this.#until = { now, time };
    this.#look();
  }

  /** The hub has refused something because the lease is over. */
  refused(failure: LastFailure): void {
    const { topic } = this;
    const message = `the lease of the topic ${JSON.stringify(topic)} is lost: ${failure.message}`;
    this.lose(new LeaseError({ ...fieldsOf(failure), code: 'ERR_REFUSED', message, topic }));
  }

  /** The lease is over, or may be. */
  lose(error: LeaseError): void {
    if (this.#over) return;
    this.#finish({ lost: error });
    if (this.#ending === undefined) this.#controller.abort(error);
  }

  #finish(how: { readonly lost?: LeaseError }): void {
    this.#over ??= how;
    this.#alarm.clear();
    this.#renewals.stop();
    this.#releases.stop();
    this.#onOver();
    this.#progress.fire();
  }

  #end({ now, time }: Moment): Moment {
    return { now: now + this.#target.ttlMs, time: time + this.#target.ttlMs };
  }

  #refusal(): { readonly found: string; readonly cause?: unknown } | undefined {
    if (this.#over?.lost) return { found: 'the lease is lost', cause: this.#over.lost };
    return this.#ending === undefined ? undefined : { found: this.#ending };
  }

  /** Renews the lease if it is time, and loses it if it is late. */
  #look(): void {
    if (this.#over) return;
    const { now, time } = momentOf(this.#settings.clock);
    if (now >= this.#until.now) return this.#loseUnconfirmed();
    const aheadMs = this.#target.ttlMs - renewalMs(this.#target);
    const mayRenew = !this.#isRenewing && !this.#isGivingBack;
    if (mayRenew && (now >= this.#until.now - aheadMs || time >= this.#until.time - aheadMs)) {
      void this.#renew();
    }
    const dueAt = this.#until.now - (this.#isRenewing || this.#isGivingBack ? 0 : aheadMs);
    this.#alarm.set(Math.max(dueAt - now, 0), () => this.#look());
  }

  async #renew(): Promise<void> {
    const { clock, retryStatus } = this.#settings;
    this.#isRenewing = true;
    let sent = momentOf(clock);
    const answer = await this.#renewals.settle(renewal(this.#target, this.token), {
      begin: async () => {
        sent = momentOf(clock);
        return !this.#over;
      },
      judge: (failure, canRefresh) => judge(failure, { retryStatus, canRefresh, maybe: false }),
      // The machine has slept for so long that the lease may be over, and the hub cannot be asked.
      onWait: ({ error }) => {
        if (clock.time() >= this.#until.time) this.#loseUnconfirmed(error);
      },
    });
    this.#isRenewing = false;
    if (!answer || this.#over) return;
    if (answer.type === 'success') this.renewed(sent);
    else this.lose(leaseError(this.topic, answer, clock.time()));
  }

  #loseUnconfirmed(cause?: unknown): void {
    const { topic } = this;
    const message = `the lease of the topic ${JSON.stringify(topic)} is lost: nothing has renewed it for ${this.#target.ttl}`;
    this.lose(new LeaseError({ code: 'ERR_UNCONFIRMED', message, topic, cause }));
  }

  /** Resolves when no event of the lease is pending, or the lease is over. */
  async #settled(): Promise<void> {
    while (this.#pending > 0 && !this.#over) await this.#progress.next();
  }

  async #giveBack(): Promise<void> {
    if (this.#over) return;
    this.#ending = 'the lease was given back';
    await this.#settled();
    if (this.#over) return;
    this.#isGivingBack = true;
    this.#renewals.stop();
    const { clock, retryStatus } = this.#settings;
    const answer = await this.#releases.settle(release(this.#target, this.token), {
      begin: async () => true,
      judge: (failure, canRefresh) => judge(failure, { retryStatus, canRefresh, maybe: false }),
      onWait: () => {},
    });
    const { lost } = (this.#over ?? {}) as { readonly lost?: LeaseError };
    this.#finish({});
    if (lost) throw lost;
    // An answer that was lost may have given it back.
    if (answer?.type === 'failure' && answer.problem !== 'lease-lost')
      throw leaseError(this.topic, answer, clock.time());
  }
}
