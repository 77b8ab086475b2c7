import { HubError } from './hub-error.ts';

/**
 * A topic could not be leased, or its lease is lost or was not given back.
 *
 * - `ERR_REFUSED`: the hub has refused it; `problem` says why. With `leased`, another has the lease of the topic, until `leasedUntil`. With `lease-lost` or
 *   `topic-closed`, the lease is over.
 * - `ERR_UNCONFIRMED`: no answer came in time, so that the lease may be over. Or none came to the request for a lease, also if the hub was never reached:
 *   `cause` says why. A lease that was given all the same runs out.
 * - `ERR_CLOSED`: the publisher was closed, or has ended for the reason in `cause`.
 */
export class LeaseError extends HubError {
  override readonly name: string = 'LeaseError';
  declare readonly code: 'ERR_CLOSED' | 'ERR_REFUSED' | 'ERR_UNCONFIRMED';
  declare readonly topic: string;
  /** When the lease of another ends unless it is renewed, in milliseconds since 1970 (UTC), to the second. It is there with the problem `leased` only. */
  declare readonly leasedUntil: number | undefined;
}
