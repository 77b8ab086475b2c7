import type { PublishErrorCode } from '../errors.ts';

import type { NewEvent } from './event.ts';
import { HubError } from './hub-error.ts';

/**
 * An event that was given to a `Publisher` was not published, or it is not known whether it was.
 *
 * - `ERR_REFUSED`: the hub has refused it, and would refuse it again. It is not stored.
 * - `ERR_QUEUE_FULL`: there was no room for it. It was not sent.
 * - `ERR_CLOSED`: the publisher was closed, or has ended for the reason in `cause`, before it sent it, or its lease was over. With a store, what the
 *   store had accepted is still there.
 * - `ERR_UNCONFIRMED`: it was sent, and no answer came that says whether it is stored. With a store, the code is given only to an event that will
 *   not be sent again.
 */
export class PublishError extends HubError {
  override readonly name: string = 'PublishError';
  declare readonly code: PublishErrorCode;
  /** The topic that the event was for. */
  declare readonly topic: string;
  /** The event as it was to be sent: `publish` takes it again. */
  declare readonly event: NewEvent;
}
