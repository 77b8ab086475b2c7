import { shown, suggestion } from '@tidings/server/log';

/** The codes of {@link HubError}. */
export type HubErrorCode =
  /** An option is missing, unknown, of the wrong type or out of range. */
  | 'ERR_INVALID_OPTION'
  /** A hub without a key may listen on loopback addresses only, and not behind a proxy. */
  | 'ERR_NOT_LOOPBACK';

/** The reason why a hub cannot start. The `code` is stable, and the `message` is a sentence for the person who starts the hub. */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly code: HubErrorCode;

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Refuses unknown names, because a misspelled option would have no effect and nobody would notice.
 * @param prefix the text before the names, such as `limits.`
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function checkNames(prefix: string, options: unknown, names: object): void {
  const allowed = Object.keys(names)
    .map((each) => prefix + each)
    .join(', ');
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const which = prefix === '' ? 'The options are' : `The option ${prefix.slice(0, -1)} is`;
    throw new HubError(
      'ERR_INVALID_OPTION',
      `${which} ${shown(options)}, but must be an object with any of ${allowed}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const nearest = suggestion(name, Object.keys(names));
    throw new HubError('ERR_INVALID_OPTION', `There is no option ${prefix}${name}; allowed are ${allowed}${nearest}`);
  }
}
