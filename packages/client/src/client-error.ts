import type { SchemaIssue } from './schema.ts';
import { type Failure, FAILURE_CODES, type FailureCode } from './failure.ts';

export type ClientErrorCode = FailureCode | 'ERR_INVALID_EVENT' | 'ERR_INVALID_OPTION' | 'ERR_STORE';

/** Every code of a {@link ClientError}. */
export const CLIENT_ERROR_CODES: readonly ClientErrorCode[] = [
  ...FAILURE_CODES,
  'ERR_INVALID_EVENT',
  'ERR_INVALID_OPTION',
  'ERR_STORE',
];

/** The base of every error that this package throws. `code` is stable, messages are not. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An option was refused, before any request was made. Its code is `ERR_INVALID_OPTION`. */
export class InvalidOptionError extends ClientError {
  override readonly name: string = 'InvalidOptionError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_INVALID_OPTION', message, options);
  }
}

/** A try to connect failed, or an open connection was lost. */
export class ConnectionError extends ClientError {
  override readonly name: string = 'ConnectionError';
  declare readonly code: FailureCode;
  /** The URL that was asked, without credentials. */
  readonly url: string;
  /** The number of the try in its row, from 1. */
  readonly attempt: number;
  /** Whether another try follows. */
  readonly willRetry: boolean;
  /** The status of the response, where there was one that was no event stream. */
  readonly status: number | undefined;

  constructor(failure: Failure, details: { url: string; attempt: number; willRetry: boolean }) {
    const options = failure.cause === undefined ? undefined : { cause: failure.cause };
    super(failure.code, `could not listen to ${details.url}: ${failure.message}`, options);
    this.url = details.url;
    this.attempt = details.attempt;
    this.willRetry = details.willRetry;
    this.status = failure.status;
  }
}

/** The data of an event was no JSON, or not what its schema allows. Its code is `ERR_INVALID_EVENT`. */
export class InvalidEventError extends ClientError {
  override readonly name: string = 'InvalidEventError';
  /** What the schema found, empty where the schema was not asked. */
  readonly issues: readonly SchemaIssue[];

  constructor(message: string, issues: readonly SchemaIssue[], options?: ErrorOptions) {
    super('ERR_INVALID_EVENT', message, options);
    this.issues = issues;
  }
}

/** The store of a subscription's position failed, see `cause`. Its code is `ERR_STORE`. */
export class StoreError extends ClientError {
  override readonly name: string = 'StoreError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_STORE', message, options);
  }
}
