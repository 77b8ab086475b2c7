import { messageOf, StoreError } from '../errors.ts';
import { type Batch, recordOf } from './batch.ts';
import type { Outbox, OutboxChange, OutboxContent } from './outbox.ts';
import type { Entry } from './queue.ts';

/** How much older than it is a batch may be in the store, in milliseconds. It saves a write for each attempt while a hub is away. */
const SLACK_MS = 3_600_000;

/** What the store of a publisher is told, in order. Without a store it does nothing. */
export class Journal {
  readonly #store: Outbox | undefined;
  /** What is in the next write: all that comes while another one is under way. */
  #next: OutboxChange[] = [];
  #nextWrite: Promise<void> | undefined;
  #lastWrite: Promise<void> = Promise.resolve();
  /** What is settled. It is written with the next batch, or when there is none. */
  #settled: OutboxChange[] = [];
  /** Who waits until that is written. */
  #onWritten: ((isWritten: boolean) => void)[] = [];
  /** The batch that the store has, and the time that it has for it. */
  #recorded: { readonly batch: Batch; readonly sentAt: number } | undefined;

  constructor(store: Outbox | undefined) {
    this.#store = store;
  }

  /** @throws StoreError */
  async open(): Promise<OutboxContent | undefined> {
    return this.#try('open', () => this.#store?.open());
  }

  /** Resolves when the event will survive. @throws StoreError */
  async keep({ seq, line }: Entry): Promise<void> {
    if (this.#store) await this.#write([{ type: 'event', seq, line }]);
  }

  /** Resolves when the batch may be sent, which is now or was before. @throws StoreError */
  async begin(batch: Batch, now: number): Promise<void> {
    const { sentAt = now } = batch;
    if (!this.#store || (this.#recorded?.batch === batch && sentAt - this.#recorded.sentAt < SLACK_MS)) return;
    await this.#writeSettled([{ type: 'batch', batch: recordOf(batch, sentAt) }]);
    this.#recorded = { batch, sentAt };
  }

  /**
   * Events are published or refused, in the order of their numbers.
   * @param onWritten - called when the store has forgotten them, or could not be told
   */
  settle(entries: readonly Entry[], onWritten: (isWritten: boolean) => void): void {
    if (!this.#store) return onWritten(true);
    this.#onWritten.push(onWritten);
    let first: number | undefined;
    for (const [at, { seq }] of entries.entries()) {
      first ??= seq;
      if (entries[at + 1]?.seq === seq + 1) continue;
      this.#settled.push({ type: 'settled', first, last: seq });
      first = undefined;
    }
  }

  /** Resolves when everything is written. @throws StoreError */
  async flush(): Promise<void> {
    if (this.#settled.length > 0) await this.#writeSettled([]);
    await this.#lastWrite;
  }

  /** Writes what it can, and gives the store up. @throws StoreError */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#try('close', () => this.#store?.close());
    }
  }

  async #writeSettled(more: readonly OutboxChange[]): Promise<void> {
    const changes = [...this.#settled, ...more];
    const waiting = this.#onWritten;
    this.#settled = [];
    this.#onWritten = [];
    let isWritten = false;
    try {
      await this.#write(changes);
      isWritten = true;
    } finally {
      for (const tell of waiting) tell(isWritten);
    }
  }

  /** After one failure every write fails. */
  #write(changes: readonly OutboxChange[]): Promise<void> {
    for (const change of changes) this.#next.push(change);
    // Behind the write under way, and not before the end of this tick.
    this.#nextWrite ??= this.#writeNext(this.#lastWrite);
    this.#lastWrite = this.#nextWrite;
    return this.#lastWrite;
  }

  async #writeNext(last: Promise<void>): Promise<void> {
    await last;
    const next = this.#next;
    this.#next = [];
    this.#nextWrite = undefined;
    await this.#try('write to', () => this.#store?.write(next));
  }

  async #try<T>(action: string, run: () => Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await run();
    } catch (cause) {
      throw new StoreError({ code: 'ERR_STORE', message: `could not ${action} the store: ${messageOf(cause)}`, cause });
    }
  }
}
