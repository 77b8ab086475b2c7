import type { ClientErrorCode, FailureCode } from './error-codes.ts';
import type { SchemaIssue } from './subscription/schema.ts';

/** What becomes of it the properties of an error. */
interface ErrorFields {
  readonly code: ClientErrorCode;
  readonly message: string;
  readonly cause?: unknown;
  readonly url?: string;
  readonly attempt?: number;
  readonly willRetry?: boolean;
  readonly status?: number | undefined;
  readonly issues?: readonly SchemaIssue[];
}

/** The base of every error that this package throws. `code` is stable, messages are not. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';
  declare readonly code: ClientErrorCode;

  constructor(fields: ErrorFields) {
    super(fields.message, fields);
    Object.assign(this, fields);
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
}

/** An option was refused, before any request was made. Its code is `ERR_INVALID_OPTION`. */
export class InvalidOptionError extends ClientError {
  override readonly name: string = 'InvalidOptionError';
}

/** The data of an event was no JSON, or not what its schema allows. Its code is `ERR_INVALID_EVENT`. */
export class InvalidEventError extends ClientError {
  override readonly name: string = 'InvalidEventError';
  /** What the schema found, empty where the schema was not asked. */
  declare readonly issues: readonly SchemaIssue[];
}

/** The store of a subscription's position failed, see `cause`. Its code is `ERR_STORE`. */
export class StoreError extends ClientError {
  override readonly name: string = 'StoreError';
}
