/** Every code of a `ClientError`. A code never changes its meaning. */
export const CLIENT_ERROR_CODES = [
  'ERR_ABORTED',
  'ERR_CLOSED',
  'ERR_CONNECT_TIMEOUT',
  'ERR_CONTENT_CODING',
  'ERR_CONTENT_TYPE',
  'ERR_EVENT_TOO_LARGE',
  'ERR_FIRST_BYTE_TIMEOUT',
  'ERR_IDLE_TIMEOUT',
  'ERR_INVALID_EVENT',
  'ERR_INVALID_OPTION',
  'ERR_LAST_EVENT_ID',
  'ERR_NETWORK',
  'ERR_QUEUE_FULL',
  'ERR_REFUSED',
  'ERR_REQUEST',
  'ERR_STATUS',
  'ERR_STORE',
  'ERR_STREAM_ENDED',
  'ERR_SUSPENDED',
  'ERR_UNCONFIRMED',
  'ERR_UNSUPPORTED',
  'ERR_URL_SCHEME',
] as const;

export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];

/** The codes of a `ConnectionError`. */
export type FailureCode = Exclude<
  ClientErrorCode,
  'ERR_INVALID_EVENT' | 'ERR_INVALID_OPTION' | 'ERR_STORE' | PublishErrorCode
>;

/** The codes of a `PublishError`. */
export type PublishErrorCode = 'ERR_CLOSED' | 'ERR_QUEUE_FULL' | 'ERR_REFUSED' | 'ERR_UNCONFIRMED';

/** One thing that a schema finds wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  /** Where in the value it is, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The headers of a response: the platform's `Headers`, or what a `fetch` of yours gave in their place. */
export interface ResponseHeaders {
  get(name: string): string | null;
}

/** The constructor copies each of these to the error. */
export interface ErrorFields {
  readonly code: ClientErrorCode;
  readonly message: string;
  readonly cause?: unknown;
  readonly url?: string;
  readonly attempt?: number;
  readonly willRetry?: boolean;
  readonly status?: number | undefined;
  readonly headers?: ResponseHeaders | undefined;
  readonly body?: string | undefined;
  readonly issues?: readonly SchemaIssue[];
  readonly topic?: string;
  readonly event?: unknown;
  readonly problem?: string | undefined;
  readonly leasedUntil?: number | undefined;
}

/** The base class of every error that this package throws. Its `code` is stable, its message is not. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';
  declare readonly code: ClientErrorCode;

  constructor(fields: ErrorFields) {
    super(fields.message, fields);
    Object.assign(this, fields);
  }
}

/** An attempt to connect failed, or an open connection was lost. */
export class ConnectionError extends ClientError {
  override readonly name: string = 'ConnectionError';
  declare readonly code: FailureCode;
  /** The URL of the attempt, without credentials; `''` if the function for it gave none. */
  declare readonly url: string;
  /** The number of the attempt that failed, counted from 1 in a row of attempts. */
  declare readonly attempt: number;
  /** Whether another attempt follows. */
  declare readonly willRetry: boolean;
  /** The status of a response that was not an event stream; `undefined` if there was no such response. */
  declare readonly status: number | undefined;
  /** The headers of that response. In browsers another origin has to expose those that are to be read. */
  declare readonly headers: ResponseHeaders | undefined;
  /**
   * The start of the body of that response, as UTF-8: at most 4,096 bytes, and what arrives in the first second after the head. It is
   * `undefined` where there is none, and for an `EventSource`, which does not wait for it.
   */
  declare readonly body: string | undefined;
}

/** An option was refused, before any request was made. The code is `ERR_INVALID_OPTION`. */
export class InvalidOptionError extends ClientError {
  override readonly name: string = 'InvalidOptionError';
}

/** The data of an event was not JSON, or its schema refused it. The code is `ERR_INVALID_EVENT`. */
export class InvalidEventError extends ClientError {
  override readonly name: string = 'InvalidEventError';
  /** What the schema found wrong. The list is empty where the data did not reach the schema. */
  declare readonly issues: readonly SchemaIssue[];
}

/** The store of a subscription or of a publisher failed; `cause` says why. The code is `ERR_STORE`. */
export class StoreError extends ClientError {
  override readonly name: string = 'StoreError';
}

/** An error that would come again with each attempt, such as one for what the platform, or a `fetch` that was given, lacks. */
export function lasting(code: FailureCode, found: string): ClientError {
  return new ClientError({ code, message: `found ${found}` });
}

/** The message of an exception, which may be anything. */
export function messageOf(exception: unknown): string {
  return String((exception as { message?: unknown } | null | undefined)?.message || exception);
}

/** An error of the store of a position, or of the code that keeps the position there. */
export function storeError(action: 'keep' | 'read' | 'write', cause: unknown): StoreError {
  return new StoreError({ code: 'ERR_STORE', message: `could not ${action} the position: ${messageOf(cause)}`, cause });
}
