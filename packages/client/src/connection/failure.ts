import type { FailureCode } from '../error-codes.ts';

/** Why a connection was lost, or why there will be no other. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly status?: number;
  readonly cause?: unknown;
  /**
   * How long to stay away at least, in milliseconds. `Infinity` is for good; below 0, the try does not count, and the next one
   * comes at once.
   * @default 0
   */
  readonly away?: number;
  /** Whether the lost connection begins a new row of failures however short it was. */
  readonly stayedUp?: boolean;
}
