import { refuse } from '../subscription/option-checks.ts';
import { judge } from './answer.ts';
import { HeldLease, type Lease, type PublishLeased } from './lease.ts';
import { acquisition, closedError, leaseError, leaseTarget } from './lease-request.ts';
import { type Moment, momentOf } from './moment.ts';
import type { Entry } from './queue.ts';
import { type LastFailure, Sender } from './sender.ts';
import type { LeaseSettings, PublisherSettings } from './settings.ts';

/** Refusals that say that the lease which was named is over. */
const OVER: ReadonlySet<string | undefined> = new Set(['lease-lost', 'topic-closed']);

/** The leases of a publisher. */
export class Leases {
  readonly #settings: PublisherSettings;
  /** By their tokens. */
  readonly #held = new Map<string, HeldLease>();
  /** The requests for leases that are under way, and those who wait for them. */
  readonly #asking = new Map<Sender, Promise<unknown>>();
  #isClosing = false;
  /** Why the publisher has ended, if that was before its time. */
  #stopped: { readonly reason: unknown } | undefined;

  constructor(settings: PublisherSettings) {
    this.#settings = settings;
  }

  /** Whether none is held, or asked for. */
  get isEmpty(): boolean {
    return this.#held.size + this.#asking.size === 0;
  }

  /** Leases a topic, or takes up its lease with the token. @throws LeaseError @throws InvalidOptionError */
  async acquire(topic: string, { ttl, token: known }: LeaseSettings, publish: PublishLeased): Promise<Lease> {
    const target = leaseTarget(this.#settings.url, topic, ttl);
    if (this.#heldBy(known)) refuse('token is of a lease that this publisher has already');
    if (this.#stopped) throw closedError(topic, 'the publisher has ended', this.#stopped.reason);
    if (this.#isClosing) throw closedError(topic, 'the publisher is closed');
    const { clock, retryStatus } = this.#settings;
    const sender = new Sender(this.#settings);
    let sent = momentOf(clock);
    const asking = sender.settle(acquisition(target, known), {
      begin: async () => {
        sent = momentOf(clock);
        return true;
      },
      judge: (failure, canRefresh) => judge(failure, { retryStatus, canRefresh, maybe: false }),
      onWait: () => {},
    });
    const lease = asking.then((answer) => {
      sender.stop();
      this.#asking.delete(sender);
      if (!answer) throw closedError(topic, 'the publisher has ended', this.#stopped?.reason);
      if (answer.type === 'failure') throw leaseError(topic, answer, clock.time());
      const token = answer.value;
      const onOver = (): void => void this.#held.delete(token);
      const held = new HeldLease(target, token, sent, this.#settings, { publish, onOver });
      // It may have been answered too late.
      if (!held.signal.aborted) this.#held.set(token, held);
      return held;
    });
    this.#asking.set(
      sender,
      lease.catch(() => {}),
    );
    return await lease;
  }

  /** Events were stored by a batch that was sent then. */
  renewed(entries: readonly Entry[], sent: Moment): void {
    if (this.#held.size === 0) return;
    for (const token of new Set(entries.map(({ lease }) => lease))) this.#heldBy(token)?.renewed(sent);
  }

  /** Events of one topic were refused. */
  refused([first]: readonly Entry[], failure: LastFailure): void {
    if (OVER.has(failure.problem)) this.#heldBy(first?.lease)?.refused(failure);
  }

  /** Takes no more, and leaves what is held. Never rejects. */
  async leave(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#asking.values());
    await Promise.all(Array.from(this.#held.values(), (lease) => lease.leave()));
  }

  /** Ends them all, without giving them back. */
  stop(reason: unknown): void {
    this.#stopped = { reason };
    for (const sender of this.#asking.keys()) sender.stop();
    for (const lease of this.#held.values()) lease.lose(closedError(lease.topic, 'the publisher has ended', reason));
  }

  #heldBy(token: string | undefined): HeldLease | undefined {
    return token === undefined ? undefined : this.#held.get(token);
  }
}
