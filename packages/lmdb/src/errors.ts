/** The codes of {@link LmdbError}. */
export type LmdbErrorCode =
  /** An option is missing, of the wrong type or out of range. */
  | 'ERR_INVALID_OPTION'
  /** The data folder cannot be created, read or written. */
  | 'ERR_DATA_FOLDER'
  /** A file of the data folder was cut, torn or changed, or another program made it, or an event was changed on disk. */
  | 'ERR_DATA_DAMAGED'
  /** Another log has the data folder open. */
  | 'ERR_DATA_IN_USE'
  /** The data folder was written by a version with another format. */
  | 'ERR_DATA_FORMAT'
  /** Events that retention no longer keeps could not be removed, or the time of the log could not be stored. It is tried again. */
  | 'ERR_NOT_TRIMMED';

/** The reason why a log cannot be opened, or what an open log reports. The `code` is stable, and the `message` is a sentence for the person who opens it. */
export class LmdbError extends Error {
  override readonly name = 'LmdbError';
  readonly code: LmdbErrorCode;

  constructor(code: LmdbErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
