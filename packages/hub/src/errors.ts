/** The codes of {@link HubError}. */
export type HubErrorCode =
  /** An option is missing, of the wrong type or out of range. */
  | 'ERR_INVALID_OPTION'
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
