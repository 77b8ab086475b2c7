import { ServerError, type Clock } from '@tidings/server/log';
import { Connection, type Ask, type StorePlace } from '../store/connection.ts';
import { isOfStore, notAnswered } from '../store/failure.ts';

// How long a reader waits before it tries again to reach a database, in milliseconds: at first, and at most.
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

// For how long those who do not wait are refused at once when the database could not be reached, in milliseconds.
const RETRY_AFTER_MS = 500;

export interface ReadersOptions {
  readonly clock: Clock;
  /** The most connections. */
  readonly max: number;
  /** How long a question waits for a database that does not answer, in milliseconds. With 0 it is refused when that is known. */
  readonly waitMs: number;
}

/** A small number of connections for those who read. Who finds none free waits for one, in the order of the calls. */
export class Readers {
  readonly #place: StorePlace;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #waitMs: number;
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #queue: (() => void)[] = [];
  readonly #pauses = new Set<() => void>();
  #isClosed = false;
  /** Why the database did not answer last, and until when it is not tried again for those who do not wait. */
  #away: { readonly failure: unknown; readonly until: number } | undefined;

  constructor(place: StorePlace, { clock, max, waitMs }: ReadersOptions) {
    this.#place = place;
    this.#clock = clock;
    this.#max = max;
    this.#waitMs = waitMs;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The database has just answered somebody else, so that nobody is refused at once. */
  reached(): void {
    this.#away = undefined;
  }

  /**
   * Asks something that changes nothing. A database that does not answer is asked again for as long as may be waited: an empty answer would be taken for an empty log.
   * Rejects with `ERR_STORE_AWAY` then, with the signal's reason when that is aborted, and with `ERR_CLOSED`.
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

  async #ask<T>(question: (ask: Ask) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const until = this.#clock.now() + this.#waitMs;
    for (let failures = 0; ; failures += 1) {
      signal?.throwIfAborted();
      const connection = await this.#acquire();
      let failure: unknown;
      try {
        if (this.#waitMs === 0 && this.#away && this.#clock.now() < this.#away.until)
          throw notAnswered(this.#away.failure);
        const answer = await this.#askBy(connection, question, signal);
        signal?.throwIfAborted();
        return answer;
      } catch (error) {
        if (error instanceof ServerError || signal?.aborted === true || !isOfStore(error)) throw error;
        failure = error;
      } finally {
        this.#release(connection);
      }
      const now = this.#clock.now();
      this.#away = { failure, until: now + RETRY_AFTER_MS };
      if (now >= until) throw notAnswered(failure);
      await this.#pause(Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS, until - now), signal);
    }
  }

  /** Asks by a connection. One that was lost long ago is made anew once, at once, unless the database is known to be away. */
  async #askBy<T>(
    connection: Connection,
    question: (ask: Ask) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    for (let mayBeOld = !this.#away; ; mayBeOld = false) {
      try {
        if (this.#isClosed) throw closed();
        const answer = await question(await connection.open());
        this.#away = undefined;
        return answer;
      } catch (error) {
        if (this.#isClosed) throw closed();
        if (error instanceof ServerError || signal?.aborted === true) throw error;
        connection.drop();
        if (!mayBeOld || !isOfStore(error)) throw error;
      }
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
