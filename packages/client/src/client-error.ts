import type { ClientErrorCode, FailureCode } from './error-codes.ts';
import type { Failure } from './failure.ts';
import type { SchemaIssue } from './schema.ts';

/** The base of every error that this package throws. `code` is stable, messages are not. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';
  declare readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A try to connect failed, or an open connection was lost. */
export class ConnectionError extends ClientError {
  override readonly name: string = 'ConnectionError';
  declare readonly code: FailureCode;
  /** The URL that was asked, without credentials. */
  declare readonly url: string;
  /** The number of the try in its row, from 1. */
  declare readonly attempt: number;
  /** Whether another try follows. */
  declare readonly willRetry: boolean;
  /** The status of the response, where there was one that was no event stream. */
  declare readonly status: number | undefined;

  constructor(failure: Failure, url: string, attempt: number, willRetry: boolean) {
    super(failure.code, `could not listen to ${url}: ${failure.message}`, failure);
    this.url = url;
    this.attempt = attempt;
    this.willRetry = willRetry;
    this.status = failure.status;
  }
}

/** An option was refused, before any request was made. Its code is `ERR_INVALID_OPTION`. */
export class InvalidOptionError extends ClientError {
  override readonly name: string = 'InvalidOptionError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_INVALID_OPTION', message, options);
  }
}

/** The data of an event was no JSON, or not what its schema allows. Its code is `ERR_INVALID_EVENT`. */
export class InvalidEventError extends ClientError {
  override readonly name: string = 'InvalidEventError';
  /** What the schema found, empty where the schema was not asked. */
  declare readonly issues: readonly SchemaIssue[];

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
