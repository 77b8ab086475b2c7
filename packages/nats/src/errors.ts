/** The codes of {@link NatsError}. */
export type NatsErrorCode =
  /** An option is missing, unknown, of the wrong type or out of range. */
  | 'ERR_INVALID_OPTION'
  /** No server could be reached, none of them let the log in, or JetStream did not answer. */
  | 'ERR_STORE_AWAY'
  /** The server, or the user's account on it, does not allow what the log needs: JetStream, permissions, storage, or large enough messages. */
  | 'ERR_STORE_LIMITS'
  /** The stream is not one of a log, or was written by a version with another format. */
  | 'ERR_STORE_FORMAT';

/** The reason why a log cannot be opened. The `code` is stable, and the `message` is a sentence for the person who opens it. */
export class NatsError extends Error {
  override readonly name = 'NatsError';
  readonly code: NatsErrorCode;

  constructor(code: NatsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
