/** The codes of {@link ServerError}. */
export type ServerErrorCode =
  /** An option is missing, of the wrong type or out of range. */
  | 'ERR_INVALID_OPTION'
  /** An event cannot be published as it is: a field, topic or batch is not allowed. */
  | 'ERR_INVALID_EVENT'
  /** A batch has more events than a log takes at once; nothing was appended. */
  | 'ERR_BATCH_TOO_LARGE'
  /** More waits to be stored than a log has room for; nothing was appended. It can be tried again soon. */
  | 'ERR_TOO_MUCH_WAITS'
  /** A URL pattern is malformed, too large, or has what is not allowed in patterns of topics. */
  | 'ERR_INVALID_PATTERN'
  /** The log could not store a batch; nothing of it was published. */
  | 'ERR_NOT_STORED'
  /** The log, channel or fan-out has been closed. */
  | 'ERR_CLOSED'
  /** A source sent more than `maxBacklogBytes` that its listener has not taken, without waiting; the response was broken off. */
  | 'ERR_BACKLOG_EXCEEDED'
  /** A query parameter of a request is malformed, or is given more than once. */
  | 'ERR_INVALID_PARAMETER'
  /** What `authenticate` answered cannot be used. */
  | 'ERR_INVALID_RIGHTS';

/** The one error class of this package. `code` is stable, `cause` is the error underneath where there is one. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  readonly code: ServerErrorCode;

  constructor(code: ServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Checks that an object of options has only these names. A misspelled option would change nothing, and nobody would notice.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkNames(options: object, names: Readonly<Record<string, true>>, prefix: string = ''): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const allowed = Object.keys(names).join(', ');
    const found = JSON.stringify(`${prefix}${name}`);
    throw new ServerError('ERR_INVALID_OPTION', `There is no option ${found}; allowed are ${allowed}`);
  }
}

/**
 * Checks a numeric option at the door.
 * @throws {ServerError} `ERR_INVALID_OPTION` unless it is an integer from `min` to `max`
 */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `The option ${name} is ${String(value)}, but must be an integer from ${min} to ${max}`,
    );
  }
  return value;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is one of the allowed ones */
export function checkChoice<T>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  const choices = allowed.map((choice) => JSON.stringify(choice)).join(', ');
  throw new ServerError('ERR_INVALID_OPTION', `The option ${name} is ${String(value)}, but must be one of ${choices}`);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is a function or undefined */
export function checkFunction<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value;
  throw new ServerError('ERR_INVALID_OPTION', `The option ${name} is ${String(value)}, but must be a function`);
}
