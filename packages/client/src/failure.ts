/** Every code of a try that failed or a connection that was lost. Codes never change their meaning. */
export const FAILURE_CODES = [
  'ERR_ABORTED',
  'ERR_CONNECT_TIMEOUT',
  'ERR_CONTENT_TYPE',
  'ERR_EVENT_TOO_LARGE',
  'ERR_FIRST_BYTE_TIMEOUT',
  'ERR_IDLE_TIMEOUT',
  'ERR_LAST_EVENT_ID',
  'ERR_NETWORK',
  'ERR_REQUEST',
  'ERR_STATUS',
  'ERR_STREAM_ENDED',
  'ERR_SUSPENDED',
  'ERR_URL_SCHEME',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

/** Why a connection was lost, or why there will be no other. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly status?: number;
  readonly cause?: unknown;
}
