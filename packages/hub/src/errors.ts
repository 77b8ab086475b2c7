/** The codes of {@link HubError}. */
export type HubErrorCode =
  /** An option is missing, unknown, of the wrong type or out of range. */
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

/**
 * Refuses other names: a misspelled option would change nothing, and nobody would notice.
 * @param prefix what stands before the names, such as `limits.`
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function checkNames(prefix: string, options: object, names: object): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const allowed = Object.keys(names)
      .map((each) => prefix + each)
      .join(', ');
    throw new HubError('ERR_INVALID_OPTION', `There is no option ${prefix}${name}; allowed are ${allowed}`);
  }
}
