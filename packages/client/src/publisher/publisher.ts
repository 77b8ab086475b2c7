/// <reference lib="esnext.disposable" preserve="true" />
import { allowListeners, reasonOf } from '#runtime';
import type { UrlLike } from '../globals.ts';
import { Dispatch } from './dispatch.ts';
import { encodeEvent, type NewEvent } from './event.ts';
import { failed } from './failed.ts';
import { closedError } from './lease-request.ts';
import type { Lease, PublishLeased } from './lease.ts';
import type { LeaseOptions, PublisherOptions, PublisherState } from './options.ts';
import { createPublication, type Publication } from './publication.ts';
import { type PublisherSettings, readLeaseOptions, readPublisherOptions } from './settings.ts';

/**
 * Publishes events to a hub: each once, and in the order of the calls. What waits goes together in one request. A request that is not answered is sent
 * again with the same idempotency key until it is.
 * @example
 * const publisher = new Publisher('https://example.org/', { headers: { authorization: `Bearer ${key}` } });
 * try {
 *   const id = await publisher.publish('orders/42', { type: 'paid', data: { cents: 1250 } });
 * } finally {
 *   await publisher.close();
 * }
 */
export class Publisher implements AsyncDisposable {
  readonly #settings: PublisherSettings;
  readonly #dispatch: Dispatch;
  #isClosing = false;

  /**
   * @param hubUrl - the URL of the hub, above `topics`, which its path may not contain. In a browser it may be relative to the page
   * @throws InvalidOptionError
   */
  constructor(hubUrl: string | UrlLike, options: PublisherOptions = {}) {
    this.#settings = readPublisherOptions(hubUrl, options);
    this.#dispatch = new Dispatch(this.#settings);
    const { signal } = this.#settings;
    if (!signal) return;
    const abort = (): void => this.#dispatch.stop(reasonOf(signal));
    if (signal.aborted) abort();
    allowListeners(signal as AbortSignal);
    signal.addEventListener('abort', abort, { once: true });
    void this.#dispatch.ended.then(() => signal.removeEventListener('abort', abort));
  }

  /** What the publisher is doing: the value that `onState` was last called with. */
  get state(): PublisherState {
    return this.#dispatch.state;
  }

  /** How many events were given to the publisher and are neither stored nor refused. */
  get pendingEvents(): number {
    return this.#dispatch.size;
  }

  /**
   * Publishes an event. The promise resolves to its id when the hub has stored it. It rejects with a `PublishError` when it is not stored, and with an
   * `InvalidOptionError` when it is no event. Events are published in the order of the calls; one that is refused does not keep back those behind it.
   */
  publish(topic: string, event: NewEvent): Publication {
    return this.#publish(topic, event);
  }

  /**
   * Leases a topic, so that this publisher is its one producer: the hub takes its events only with the lease. With a `token` it takes up a lease of an earlier
   * run. The lease renews itself until it is closed, released or left, or the publisher is closed. It is asked for until the hub answers.
   * @throws LeaseError if another has the lease (`ERR_REFUSED` with the problem `leased`), the lease with the token is over (`lease-lost`), the hub refuses it,
   * or the publisher has ended
   * @throws InvalidOptionError
   * @example
   * const run = await publisher.lease('runs/42', { ttl: '30s' });
   * run.signal.addEventListener('abort', () => stopWorking(run.signal.reason));
   * try {
   *   for await (const step of work()) await run.publish({ type: 'step', data: step });
   *   await run.close({ type: 'done', data: '' });
   * } catch (error) {
   *   await run.close({ type: 'failed', data: String(error) }).catch(() => {});
   *   throw error;
   * }
   */
  async lease(topic: string, options: LeaseOptions = {}): Promise<Lease> {
    const settings = readLeaseOptions(options);
    if (this.#isClosing) throw closedError(topic, 'the publisher is closed');
    return await this.#dispatch.leases.acquire(topic, settings, (...event) => this.#publish(...event));
  }

  #publish(topic: string, event: NewEvent, how?: Parameters<PublishLeased>[2]): Publication {
    const pending = createPublication(how?.onSettled);
    try {
      const line = encodeEvent(topic, event);
      const { failure, isFull } = this.#dispatch;
      const { refusal } = how ?? {};
      if (refusal) throw failed({ topic, line }, 'ERR_CLOSED', refusal.found, refusal);
      if (failure) throw failed({ topic, line }, 'ERR_CLOSED', 'the publisher has ended', { cause: failure.reason });
      if (this.#isClosing) throw failed({ topic, line }, 'ERR_CLOSED', 'the publisher is closed');
      if (isFull && this.#settings.whenFull === 'reject') {
        throw failed(
          { topic, line },
          'ERR_QUEUE_FULL',
          `found ${this.pendingEvents} events in the queue, which is full`,
        );
      }
      this.#dispatch.add(topic, line, event, pending);
    } catch (error) {
      pending.onFailed(error);
    }
    return pending.publication;
  }

  /**
   * Resolves when everything that was published before is stored or refused. The promises of `publish` tell which.
   * @throws what has ended the publisher before that
   */
  flush(): Promise<void> {
    return this.#dispatch.flush();
  }

  /**
   * Takes no more events, publishes those that wait, and ends. Leases that it still holds are left: the hub closes their topics when they run out. It resolves
   * when that is done and the store is closed, and never rejects: the promises of `publish` tell what became of the events.
   * @param options - `patienceMs`: for how long it tries to publish what waits, in milliseconds, for ever by default. What is left then fails, or stays in the
   * store if there is one
   */
  async close({ patienceMs = Infinity }: { readonly patienceMs?: number | undefined } = {}): Promise<void> {
    this.#isClosing = true;
    this.#dispatch.finish();
    const { clock } = this.#settings;
    const giveUp = (): void =>
      this.#dispatch.stop(new Error(`it could not publish everything within ${patienceMs} ms`));
    const timer = patienceMs < Infinity ? clock.setTimeout(giveUp, patienceMs) : undefined;
    await this.#dispatch.ended;
    clock.clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
