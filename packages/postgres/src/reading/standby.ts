import type { Clock } from '@tidings/server/log';
import { PostgresError } from '../errors.ts';
import type { Reports } from '../reports.ts';
import type { Ask } from '../store/connection.ts';
import type { Readers } from './readers.ts';

// For how long one that has failed is not tried, in milliseconds.
const REST_MS = 1000;

/** A standby, which is asked before the database itself. Whoever asks does not learn that it failed. */
export class Standby {
  readonly #readers: Readers;
  readonly #clock: Clock;
  readonly #reports: Reports;
  #restUntil = 0;

  /** @param readers those of the standby, which do not wait for it */
  constructor(readers: Readers, clock: Clock, reports: Reports) {
    this.#readers = readers;
    this.#clock = clock;
    this.#reports = reports;
  }

  /** Asks once. Undefined if there is no answer: then it is not asked again for a while. Rejects with the signal's reason when that is aborted. */
  async ask<T>(question: (ask: Ask) => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    if (this.#readers.isClosed || this.#clock.now() < this.#restUntil) return undefined;
    try {
      const answer = await this.#readers.ask(question, signal);
      this.#reports.reached('standby', undefined);
      return answer;
    } catch (error) {
      signal?.throwIfAborted();
      if (this.#readers.isClosed) return undefined;
      this.#restUntil = this.#clock.now() + REST_MS;
      this.#reports.reached('standby', failureOf(error));
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#readers.close();
  }
}

function failureOf(error: unknown): PostgresError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  const message = `Cannot read from the standby of replicaUrl: ${why}. Pages are read from the database itself meanwhile`;
  return new PostgresError('ERR_REPLICA_AWAY', message, { cause });
}
