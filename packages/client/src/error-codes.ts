/** Every code of a try that failed or a connection that was lost. Codes never change their meaning. */
const FAILURE_CODES = [
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

export type ClientErrorCode = FailureCode | 'ERR_INVALID_EVENT' | 'ERR_INVALID_OPTION' | 'ERR_STORE';

/** Every code of a `ClientError`. */
export const CLIENT_ERROR_CODES: readonly ClientErrorCode[] = [
  ...FAILURE_CODES,
  'ERR_INVALID_EVENT',
  'ERR_INVALID_OPTION',
  'ERR_STORE',
];
