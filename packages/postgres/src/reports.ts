import { PostgresError, type PostgresErrorCode } from './errors.ts';

/** Tells of failures of which no caller learns, each once until it is over. */
export class Reports {
  readonly #onError: (error: PostgresError) => void;
  readonly #told = new Map<string, string>();

  /** @param onError @default a warning of the process */
  constructor(onError: ((error: PostgresError) => void) | undefined) {
    this.#onError = onError ?? ((error) => process.emitWarning(error));
  }

  /** Something can reach the database, or cannot. */
  reached(who: string, failure: PostgresError | undefined): void {
    this.#tell(who, failure);
  }

  /** Something that is done from time to time has failed, or has been done. */
  done(who: string, code: PostgresErrorCode, what: string, cause: unknown): void {
    if (cause === undefined) return this.#tell(who, undefined);
    const why = cause instanceof Error ? cause.message : 'of an unknown reason';
    this.#tell(who, new PostgresError(code, `${what}: ${why}. It is tried again`, { cause }));
  }

  /** Something that will not be tried again. */
  tell(error: PostgresError): void {
    this.#onError(error);
  }

  #tell(who: string, failure: PostgresError | undefined): void {
    if (!failure) {
      this.#told.delete(who);
      return;
    }
    const { code } = failure;
    // What is out of reach may say so in other words each time.
    const said = code === 'ERR_STORE_AWAY' || code === 'ERR_REPLICA_AWAY' ? code : failure.message;
    // All who cannot reach the database have one reason.
    const isTold = code === 'ERR_STORE_AWAY' ? [...this.#told.values()].includes(code) : this.#told.get(who) === said;
    this.#told.set(who, said);
    if (!isTold) this.#onError(failure);
  }
}
