import { messageOf, type PublishErrorCode } from '../errors.ts';
import { report } from '../platform/report.ts';
import { type Failure, judge } from './answer.ts';
import { type Batch, batchRequest, createBatch } from './batch.ts';
import { type BatchSize, grow, shrink } from './batch-size.ts';
import { byteLength, type NewEvent } from './event.ts';
import { failed } from './failed.ts';
import { Journal } from './journal.ts';
import { callSafely, keptEntry } from './kept.ts';
import { Leases } from './leases.ts';
import { momentOf } from './moment.ts';
import type { PublisherState } from './options.ts';
import type { OutboxContent } from './outbox.ts';
import type { Pending } from './publication.ts';
import { type Entry, Queue } from './queue.ts';
import { Refusals } from './refusals.ts';
import { type LastFailure, Sender } from './sender.ts';
import type { PublisherSettings } from './settings.ts';
import { Signal } from './signal.ts';

/** What a publisher does: from the queue to the hub, one batch after the other, until everything is settled. */
export class Dispatch {
  readonly #settings: PublisherSettings;
  readonly #sender: Sender;
  readonly #journal: Journal;
  readonly queue: Queue;
  readonly leases: Leases;
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
  readonly #refusals: Refusals;
  /** How many times events were settled and those who wait for them do not know yet. */
  #untold = 0;
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
    this.#sender = new Sender(settings);
    this.leases = new Leases(settings);
    this.#journal = new Journal(store);
    this.queue = new Queue(settings);
    this.#refusals = new Refusals(this.queue);
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

  add(topic: string, line: string, { lease, close = false }: NewEvent, pending: Pending): void {
    const { onAccepted, onStored, onFailed } = pending;
    const add = (): void => {
      const entry: Entry = {
        seq: ++this.#lastSeq,
        topic,
        lease,
        closes: close,
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
    const isLeft = (): boolean => this.#untold > 0 || (this.queue.first?.seq ?? Infinity) <= last;
    while (!this.#failure && isLeft()) await this.#progress.next();
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
    const isSent = this.#batch?.sentAt !== undefined || this.#sender.isSending;
    const sent = new Set(isSent && !this.#settings.store ? this.#batch?.entries : []);
    // Without its store, it is not known what there was to publish.
    const firstSeq = this.#early ? 0 : (this.queue.first?.seq ?? this.#lastSeq + 1);
    this.#failure = { reason, firstSeq };
    for (const add of this.#takeEarly()) add();
    const entries = this.queue.takeAll();
    this.#sender.stop();
    this.leases.stop(reason);
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
      if (!this.#failure && !this.leases.isEmpty) {
        if (this.#state.phase !== 'idle') this.#report({ phase: 'idle', attempt: 1 });
        // They wait until it is told what became of their events.
        await this.#journal.flush();
        await this.leases.leave();
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
    this.#sender.stop();
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
    const { clock, retryStatus, maxUnconfirmedMs, url } = this.#settings;
    this.#batch = batch;
    let sent = momentOf(clock);
    // A hub answers a batch that it has already, and does not renew its leases again.
    let stored: typeof sent | undefined;
    const answer = await this.#sender.settle(batchRequest(batch, url), {
      begin: async (attempt) => {
        sent = momentOf(clock);
        if (batch.sentAt !== undefined && sent.time - batch.sentAt > maxUnconfirmedMs) {
          this.#reject(batch.entries, 'ERR_UNCONFIRMED', `no answer came for ${maxUnconfirmedMs} ms`);
          return false;
        }
        await this.#journal.begin(batch, sent.time);
        if (this.#failure) return false;
        this.#report({ phase: 'sending', attempt, ...(attempt > 1 && { error: this.#state.error }) });
        return true;
      },
      judge: (failure, canRefresh) => {
        if (failure.maybe) {
          batch.sentAt ??= sent.time;
          stored ??= sent;
        }
        return judge(failure, { retryStatus, canRefresh, maybe: batch.sentAt !== undefined });
      },
      onWait: ({ attempt, waitMs, error }) =>
        this.#report({ phase: 'waiting', attempt, retryAt: Math.round(clock.time() + waitMs), error }),
    });
    if (!answer || this.#failure) return;
    if (answer.type === 'failure') return await this.#refuse(batch, answer);
    this.#size = grow(this.#size, this.#most);
    this.leases.renewed(batch.entries, stored ?? sent);
    this.#settle(batch.entries, ({ onStored }, at) => onStored(answer.value[at] ?? ''));
  }

  /** Rejects what a failure is for. @throws the failure, if it ends the publisher */
  async #refuse(batch: Batch, answer: LastFailure): Promise<void> {
    const { store, stopAtRefusal } = this.#settings;
    const { verdict, error } = answer;
    if (verdict === 'retry' || verdict === 'refresh') throw error;
    // Everything else would be refused, too: in the store it is safe until that is mended.
    if (verdict === 'all' && (store || stopAtRefusal)) throw error;
    const isUnknown = verdict === 'unknown' || (verdict === 'all' && batch.sentAt !== undefined);
    const refused = isUnknown ? batch.entries : this.#refusals.of(batch.entries, verdict, answer);
    // What comes before it is still to be published.
    if (refused.length > 0 && (!stopAtRefusal || refused[0] === batch.entries[0])) {
      this.leases.refused(refused, answer);
      this.#reject(refused, isUnknown ? 'ERR_UNCONFIRMED' : 'ERR_REFUSED', answer.message, answer);
      if (stopAtRefusal) {
        // Who is told of the end may end the program.
        await this.#journal.flush();
        throw error;
      }
    }
    this.#batch = undefined;
    if (refused.length < batch.entries.length) this.#size = shrink(this.#size, batch.entries, answer);
  }

  #reject(entries: readonly Entry[], code: PublishErrorCode, found: string, answer?: Failure): void {
    this.#settle(entries, (entry) => entry.onFailed(failed(entry, code, found, answer)));
  }

  /** Tells what became of events once the store has forgotten them: otherwise a program that ends at what it is told would be told again for ever. */
  #settle(entries: readonly Entry[], tell: (entry: Entry, at: number) => void): void {
    this.#batch = undefined;
    this.queue.remove(entries);
    this.#untold++;
    this.#journal.settle(entries, (isWritten) => {
      this.#untold--;
      // What is still in the store is told of in the next run.
      for (const [at, entry] of entries.entries()) if (isWritten || !entry.isKept) tell(entry, at);
      this.#progress.fire();
    });
  }

  #report(state: PublisherState): void {
    this.#state = state;
    callSafely(() => this.#settings.onState?.(state));
  }
}
