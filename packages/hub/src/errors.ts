/** The codes of {@link HubError}. */
export type HubErrorCode =
  /** An option is missing, of the wrong type or out of range. */
  | 'ERR_INVALID_OPTION'
  /** The data folder cannot be created, read or written. */
  | 'ERR_DATA_FOLDER'
  /** Another hub has the data folder open. */
  | 'ERR_DATA_IN_USE'
  /** The data folder was written by a version with another format. */
  | 'ERR_DATA_FORMAT'
  /** A hub without a key may listen on loopback addresses only. */
  | 'ERR_NOT_LOOPBACK';

/** What stops a hub from starting. `code` is stable, `message` is a sentence for the person who started it. */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly code: HubErrorCode;

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
