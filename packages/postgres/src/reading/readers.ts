import { ServerError, type Clock } from '@tidings/server/log';
import { Connection, isAway, type Ask, type StorePlace } from '../store/connection.ts';

// How long a reader waits before it tries again to reach a database, in milliseconds: at first, and at most.
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

// For how long one that has failed is not tried, in milliseconds.
const REST_MS = 1000;

/** A small number of connections for those who read. Who finds none free waits for one, in the order of the calls. */
export class Readers {
  readonly #place: StorePlace;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #queue: (() => void)[] = [];
  readonly #pauses = new Set<() => void>();
  #isClosed = false;
  #restUntil = 0;

  constructor(place: StorePlace, clock: Clock, max: number) {
    this.#place = place;
    this.#clock = clock;
    this.#max = max;
  }

  /**
   * Asks something that changes nothing. While the database cannot be reached, it is asked again and again: an empty answer would be taken for an empty log.
   * Rejects with the signal's reason when that is aborted, and with `ERR_CLOSED`.
   */
  async ask<T>(question: (ask: Ask) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (!signal) return await this.#ask(question, signal);
    signal.throwIfAborted();
    // The answer may be long in coming, and nobody waits for it then.
    let leave = (): void => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason as Error);
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([this.#ask(question, signal), left]);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Asks once. Undefined if there is no answer: then it is not asked again for a while. */
  async tryOnce<T>(question: (ask: Ask) => Promise<T>): Promise<T | undefined> {
    if (this.#isClosed || this.#clock.now() < this.#restUntil) return undefined;
    const connection = await this.#acquire();
    try {
      return await question(await connection.open());
    } catch {
      connection.drop();
      this.#restUntil = this.#clock.now() + REST_MS;
      return undefined;
    } finally {
      this.#release(connection);
    }
  }

  async #ask<T>(question: (ask: Ask) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let failures = 0; ; failures += 1) {
      signal?.throwIfAborted();
      const connection = await this.#acquire();
      try {
        if (this.#isClosed) throw closed();
        const answer = await question(await connection.open());
        signal?.throwIfAborted();
        return answer;
      } catch (error) {
        if (this.#isClosed) throw closed();
        if (error instanceof ServerError || signal?.aborted === true) throw error;
        connection.drop();
        if (!isAway(error)) throw error;
      } finally {
        this.#release(connection);
      }
      if (failures > 0) await this.#pause(Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS), signal);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#pauses) end();
    for (const next of this.#queue.splice(0)) next();
    await Promise.all([...this.#all].map((connection) => connection.close()));
  }

  async #acquire(): Promise<Connection> {
    for (;;) {
      const free = this.#free.pop();
      if (free) return free;
      if (this.#all.size < this.#max) {
        const connection = new Connection(this.#place);
        this.#all.add(connection);
        return connection;
      }
      if (this.#isClosed) throw closed();
      await new Promise<void>((resolve) => void this.#queue.push(resolve));
    }
  }

  #release(connection: Connection): void {
    if (this.#isClosed) connection.drop();
    this.#free.push(connection);
    this.#queue.shift()?.();
  }

  #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#clock.clearTimeout(timer);
        this.#pauses.delete(end);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#clock.setTimeout(end, ms);
      this.#pauses.add(end);
      signal?.addEventListener('abort', end, { once: true });
      if (this.#isClosed) end();
    });
  }
}

function closed(): ServerError {
  return new ServerError('ERR_CLOSED', 'Cannot read: the log has been closed');
}
