import { messageOf, type PublishErrorCode } from '../errors.ts';
import { report } from '../platform/report.ts';
import { isFunction } from '../subscription/option-checks.ts';
import { judge, type Unstored } from './answer.ts';
import { type BatchSize, grow, shrink } from './batch-size.ts';
import { Delivery } from './delivery.ts';
import { byteLength } from './event.ts';
import { failed } from './failed.ts';
import { Journal } from './journal.ts';
import { callSafely, keptEntry } from './kept.ts';
import type { PublisherSettings, PublisherState } from './options.ts';
import type { OutboxContent } from './outbox.ts';
import type { Pending } from './publication.ts';
import { type Batch, createBatch, type Entry, Queue } from './queue.ts';
import { Signal } from './signal.ts';

/** What a publisher does: from the queue to the hub, one batch after the other, until everything is settled. */
export class Dispatch {
  readonly #settings: PublisherSettings;
  readonly #delivery: Delivery;
  readonly #journal: Journal;
  readonly queue: Queue;
  readonly #most: BatchSize;
  #size: BatchSize;
  #state: PublisherState;
  /** What was given before the store was open, to be added behind what it holds. */
  #early: (() => void)[] | undefined;
  #lastSeq = 0;
  /** The last event that may be sent: the store has all up to it. */
  #sendableSeq = 0;
  /** The batch under way. */
  #batch: Batch | undefined;
  /** The last event of the batches that were refused for one of several topics. */
  #doubtfulSeq = 0;
  #isClosing = false;
  /** Why the dispatch has ended before everything was settled, and the first event that was not. */
  #failure: { readonly reason: unknown; readonly firstSeq: number } | undefined;
  /** Fires when there may be something to send. */
  readonly #work = new Signal();
  /** Fires when events are settled, and at the end. */
  readonly #progress = new Signal();
  /** Resolves when everything has come to its end, and the store is closed. */
  readonly ended: Promise<void>;

  constructor(settings: PublisherSettings) {
    const { store, maxBatchEvents, maxBatchBytes } = settings;
    this.#settings = settings;
    this.#delivery = new Delivery(settings);
    this.#journal = new Journal(store);
    this.queue = new Queue(settings);
    this.#size = this.#most = { events: maxBatchEvents, bytes: maxBatchBytes };
    this.#early = store && [];
    this.#state = { phase: store ? 'opening' : 'idle', attempt: 1 };
    this.ended = this.#run(store !== undefined);
  }

  get state(): PublisherState {
    return this.#state;
  }

  get failure(): { readonly reason: unknown } | undefined {
    return this.#failure;
  }

  /** How many events are in the queue, or wait for it. */
  get size(): number {
    return this.queue.size + (this.#early?.length ?? 0);
  }

  get isFull(): boolean {
    return this.#early ? this.#early.length >= this.#settings.maxQueuedEvents : this.queue.isFull;
  }

  add(topic: string, line: string, { onAccepted, onStored, onFailed }: Pending): void {
    const add = (): void => {
      const entry: Entry = {
        seq: ++this.#lastSeq,
        topic,
        line,
        bytes: byteLength(line),
        isKept: false,
        onAdmitted: () => this.#keep(entry, onAccepted),
        onStored,
        onFailed,
      };
      this.queue.add(entry);
    };
    if (this.#early) this.#early.push(add);
    else add();
  }

  /** Resolves when everything that was added before is settled. @throws what has ended the publisher before that */
  async flush(): Promise<void> {
    while (this.#early && !this.#failure) await this.#progress.next();
    const last = this.#lastSeq;
    while (!this.#failure && (this.queue.first?.seq ?? Infinity) <= last) await this.#progress.next();
    if (this.#failure && this.#failure.firstSeq <= last) throw this.#failure.reason;
  }

  /** Ends when everything is settled. */
  finish(): void {
    this.#isClosing = true;
    this.#work.fire();
  }

  /** Ends now. What is not settled fails, or stays in the store. */
  stop(reason: unknown): void {
    if (this.#failure || this.#state.phase === 'closed') return;
    // In the store is what was accepted, and will be sent again.
    const isSent = this.#batch?.sentAt !== undefined || this.#delivery.isSending;
    const sent = new Set(isSent && !this.#settings.store ? this.#batch?.entries : []);
    // Without its store, it is not known what there was to publish.
    const firstSeq = this.#early ? 0 : (this.queue.first?.seq ?? this.#lastSeq + 1);
    this.#failure = { reason, firstSeq };
    for (const add of this.#takeEarly()) add();
    const entries = this.queue.takeAll();
    this.#delivery.stop();
    this.#report({ phase: 'closed', attempt: 1, error: reason });
    for (const entry of entries) {
      if (entry.isKept) continue;
      const [code, found] = sent.has(entry)
        ? (['ERR_UNCONFIRMED', 'it was sent and not answered'] as const)
        : (['ERR_CLOSED', 'the publisher has ended'] as const);
      entry.onFailed(failed(entry, code, `${found}: ${messageOf(reason)}`, { cause: reason }));
    }
    this.#work.fire();
    this.#progress.fire();
  }

  async #run(hasStore: boolean): Promise<void> {
    try {
      if (hasStore) await this.#open();
      while (!this.#failure) {
        const entries = this.queue.oldest(this.#size.events, this.#size.bytes, this.#sendableSeq);
        if (entries.length > 0) await this.#deliver(createBatch(entries));
        else if (this.#isClosing && this.queue.size === 0) break;
        else await this.#idle();
      }
    } catch (error) {
      this.stop(error);
    }
    try {
      await this.#journal.close();
    } catch (error) {
      // A write that has failed has ended the publisher, and was told.
      if (!this.#failure) report(error);
    }
    this.#delivery.stop();
    if (!this.#failure) this.#report({ phase: 'closed', attempt: 1 });
    this.#progress.fire();
  }

  async #open(): Promise<void> {
    const content = await this.#journal.open();
    if (this.#failure) return;
    const batch = content && this.#restore(content);
    for (const add of this.#takeEarly()) add();
    this.#progress.fire();
    if (batch) await this.#deliver(batch);
    else this.#report({ phase: 'idle', attempt: 1 });
  }

  #takeEarly(): readonly (() => void)[] {
    const early = this.#early ?? [];
    this.#early = undefined;
    return early;
  }

  /** Takes over what an earlier run has left. Returns the batch that it may have sent. */
  #restore({ events, batch }: OutboxContent): Batch | undefined {
    for (const event of events) {
      this.queue.addKept(keptEntry(event, this.#settings.onKept));
      this.#lastSeq = this.#sendableSeq = event.seq;
    }
    if (!batch) return undefined;
    const entries = this.queue.oldest(Infinity, Infinity, batch.last);
    return entries.length > 0 ? { entries, key: batch.key, sentAt: batch.sentAt } : undefined;
  }

  /** There is room for an event. It may be sent once the store has it. */
  #keep(entry: Entry, onAccepted: () => void): void {
    if (this.#failure) return;
    const onKept = (): void => {
      this.#sendableSeq = entry.seq;
      onAccepted();
      this.#work.fire();
    };
    if (this.#settings.store) this.#journal.keep(entry).then(onKept, (error: unknown) => this.stop(error));
    else onKept();
  }

  async #idle(): Promise<void> {
    if (this.#state.phase !== 'idle') this.#report({ phase: 'idle', attempt: 1 });
    const work = this.#work.next();
    await this.#journal.flush();
    await work;
  }

  /** Sends a batch until it is answered. What is refused only in part is left to the next batches. */
  async #deliver(batch: Batch): Promise<void> {
    const { clock, headers, retryStatus, backoff, maxUnconfirmedMs, store, stopAtRefusal } = this.#settings;
    this.#batch = batch;
    let unauthorized = false;
    for (let attempt = 1; ; attempt++) {
      const now = clock.time();
      if (batch.sentAt !== undefined && now - batch.sentAt > maxUnconfirmedMs) {
        return this.#reject(batch.entries, 'ERR_UNCONFIRMED', `no answer came for ${maxUnconfirmedMs} ms`);
      }
      await this.#journal.begin(batch, now);
      if (this.#failure) return undefined;
      const { error } = this.#state;
      this.#report({ phase: 'sending', attempt, ...(attempt > 1 && { error }) });
      const answer = await this.#delivery.send(batch, { attempt, unauthorized });
      if (this.#failure) return undefined;
      if (answer.type === 'stored') {
        this.#size = grow(this.#size, this.#most);
        this.#settle(batch.entries);
        for (const [at, { onStored }] of batch.entries.entries()) onStored(answer.ids[at] ?? '');
        return undefined;
      }

      if (answer.maybe) batch.sentAt ??= now;
      const maybe = batch.sentAt !== undefined;
      const canRefresh = isFunction(headers) && !unauthorized;
      const verdict = judge(answer, { retryStatus, canRefresh, maybe });
      unauthorized = answer.status === 401;
      if (verdict === 'refresh') continue;
      if (verdict === 'retry') {
        const waitMs = backoff(attempt, 0, clock.random(), this.#delivery.retryAfterMs(answer));
        const willRetry = waitMs < Infinity;
        const failure = this.#delivery.errorOf(answer, attempt, willRetry);
        if (!willRetry) throw failure;
        const retryAt = Math.round(clock.time() + waitMs);
        this.#report({ phase: 'waiting', attempt: attempt + 1, retryAt, error: failure });
        await this.#delivery.wait(waitMs);
        if (this.#failure) return undefined;
        continue;
      }
      const failure = this.#delivery.errorOf(answer, attempt, false);
      // Everything else would be refused, too: in the store it is safe until that is mended.
      if (verdict === 'all' && (store || stopAtRefusal)) throw failure;
      if (verdict === 'unknown' || (verdict === 'all' && maybe)) {
        this.#reject(batch.entries, 'ERR_UNCONFIRMED', answer.message, answer);
        if (stopAtRefusal) throw failure;
        return undefined;
      }
      const refused = this.#refusedOf(batch.entries, verdict, answer);
      // What comes before it is still to be published.
      if (refused.length > 0 && (!stopAtRefusal || refused[0] === batch.entries[0])) {
        this.#reject(refused, 'ERR_REFUSED', answer.message, answer);
        if (stopAtRefusal) throw failure;
      }
      this.#batch = undefined;
      const good = answer.line === undefined ? undefined : answer.line - 1;
      if (refused.length < batch.entries.length)
        this.#size = shrink(this.#size, batch.entries, answer.status === 413, good);
      return undefined;
    }
  }

  /** The events that a refusal is for, as far as it can be known: none if another batch, of fewer events, has to tell. */
  #refusedOf(entries: readonly Entry[], verdict: 'event' | 'topic' | 'all', { line = 0 }: Unstored): readonly Entry[] {
    if (verdict === 'all') return entries;
    const named = entries[line - 1];
    if (verdict === 'event') return named ? [named] : entries.length === 1 ? entries : [];
    const topic = (named ?? entries[0])?.topic;
    if (!named && entries.some((entry) => entry.topic !== topic)) {
      this.#doubtfulSeq = Math.max(this.#doubtfulSeq, entries.at(-1)?.seq ?? 0);
      return [];
    }
    // Those that were in the same refused batch at first are refused with it.
    const last = Math.max(this.#doubtfulSeq, entries.at(-1)?.seq ?? 0);
    return this.queue.oldest(Infinity, Infinity, last).filter((entry) => entry.topic === topic);
  }

  #reject(entries: readonly Entry[], code: PublishErrorCode, found: string, answer?: Unstored): void {
    this.#settle(entries);
    for (const entry of entries) entry.onFailed(failed(entry, code, found, answer));
  }

  #settle(entries: readonly Entry[]): void {
    this.#batch = undefined;
    this.#journal.settle(entries);
    this.queue.remove(entries);
    this.#progress.fire();
  }

  #report(state: PublisherState): void {
    this.#state = state;
    callSafely(() => this.#settings.onState?.(state));
  }
}
