import { StoreError } from './client-error.ts';
import type { Clock } from './clock.ts';
import { describeException } from './exception-text.ts';
import type { PositionStore } from './position-store.ts';

/** Writes a position to its store: the newest one, not too often, and one write at a time. */
export class PositionKeeper {
  readonly #store: PositionStore;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onError: (error: StoreError) => void;
  #known = '';
  /** What is to be written; `undefined` where the store has the newest one. */
  #next: string | undefined;
  #timer: { readonly handle: unknown } | undefined;
  #writing: Promise<void> | undefined;
  #writtenAt = -Infinity;

  constructor(store: PositionStore, clock: Clock, intervalMs: number, onError: (error: StoreError) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onError = onError;
  }

  /** What the store holds, `''` where that is nothing. @throws StoreError */
  read(): string | Promise<string> {
    let found: ReturnType<PositionStore['get']>;
    try {
      found = this.#store.get();
    } catch (cause) {
      throw readFailure(cause);
    }
    if (!(found instanceof Promise)) return this.#know(found);
    return found.then(
      (id) => this.#know(id),
      (cause: unknown) => {
        throw readFailure(cause);
      },
    );
  }

  /** Has the position written soon: together with what else comes in this tick, and not before the interval is over. */
  keep(id: string): void {
    if (id === this.#known || id === '') return;
    this.#known = id;
    this.#next = id;
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    const wait = Math.max(this.#writtenAt + this.#intervalMs - this.#clock.now(), 0);
    this.#timer = { handle: this.#clock.setTimeout(() => void this.flush(), wait) };
  }

  /** Writes at once what is not written yet. Settles when it is, and never rejects. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
    this.#writing ??= this.#write();
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#next !== undefined) {
        const id = this.#next;
        this.#next = undefined;
        await this.#store.set(id);
      }
    } catch (cause) {
      this.#next = undefined;
      this.#onError(
        new StoreError(`could not write the position to the store: ${describeException(cause)}`, { cause }),
      );
    } finally {
      this.#writtenAt = this.#clock.now();
      this.#writing = undefined;
    }
  }

  #know(id: string | null | undefined): string {
    this.#known = id ?? '';
    return this.#known;
  }
}

function readFailure(cause: unknown): StoreError {
  return new StoreError(`could not read the position from the store: ${describeException(cause)}`, { cause });
}
