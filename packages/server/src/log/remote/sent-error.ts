import { ServerError, type ServerErrorCode } from '../../errors.ts';

/** An error as it is sent to another process. */
export interface SentError {
  /** That of a {@link ServerError}; undefined for another error. */
  readonly code?: ServerErrorCode | undefined;
  readonly message: string;
  readonly until?: number | undefined;
  readonly index?: number | undefined;
  /** What its cause says. */
  readonly cause?: string | undefined;
}

export function sentError(error: unknown): SentError {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ServerError)) return { message };
  const { code, until, index, cause } = error;
  return { code, message, until, index, cause: cause instanceof Error ? cause.message : undefined };
}

export function receivedError({ code, message, until, index, cause }: SentError): Error {
  const options = cause === undefined ? {} : { cause: new Error(cause) };
  return code === undefined
    ? new Error(message, options)
    : new ServerError(code, message, { ...options, until, index });
}

/** The store is in another process, which is away. */
export function storeAway(what: string, cause?: unknown): ServerError {
  return new ServerError('ERR_STORE_AWAY', `${what}: the process of the log is out of reach`, { cause });
}
