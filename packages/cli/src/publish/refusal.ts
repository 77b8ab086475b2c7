import type { ConnectionError } from '@tidings/client';
import { PublishError } from '@tidings/client/publisher';
import { describeFailure } from '../http/failure.ts';
import { describeRefusal } from '../http/request.ts';

/** Why something was not published. */
export interface Reason {
  readonly text: string;
  /** The status of the hub's answer; undefined if it did not answer. */
  readonly status: number | undefined;
}

/** Says what a hub has answered, or why it did not. */
export function describeReason(error: unknown): Reason {
  const { status, headers, body = '' } = error as Partial<ConnectionError>;
  if (status === undefined) {
    // Where the whole publisher has ended, its reason is the cause.
    const { cause } = error as { readonly cause?: unknown };
    if (error instanceof PublishError && cause !== undefined) return describeReason(cause);
    return { text: describeFailure(error), status };
  }
  const fields = {
    'content-type': headers?.get('content-type') ?? undefined,
    location: headers?.get('location') ?? undefined,
  };
  return { text: describeRefusal({ status, headers: fields, text: body }), status };
}
