/** The codes of {@link PostgresError}. */
export type PostgresErrorCode =
  /** An option is missing, unknown, of the wrong type or out of range. */
  | 'ERR_INVALID_OPTION'
  /** The database cannot be reached. An open log goes on by itself when it can be reached again. */
  | 'ERR_STORE_AWAY'
  /** The standby of `replicaUrl` cannot be reached or used. Pages are read from the database itself until it can be. */
  | 'ERR_REPLICA_AWAY'
  /** The database cannot hold the log: it is too old, has another encoding than UTF-8, is read-only, or its role lacks a right. */
  | 'ERR_STORE_UNFIT'
  /** The tables were made by a newer version of this package. */
  | 'ERR_STORE_NEWER'
  /** Events that retention no longer keeps could not be removed. It is tried again. */
  | 'ERR_NOT_TRIMMED'
  /** An event of the outbox could not be published. It is kept, with the reason, in the table of those that were refused. */
  | 'ERR_OUTBOX_REFUSED';

/** The reason why a log cannot be opened, or what an open log reports. The `code` is stable, and the `message` is a sentence for the person who opens it. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly code: PostgresErrorCode;

  constructor(code: PostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
