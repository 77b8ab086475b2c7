import { isOwnType, OWN_TYPE_PREFIX, type EventFields } from '@tidings/wire';
import { ServerError } from '../errors.ts';

/** @throws {ServerError} `ERR_INVALID_EVENT` for a type that only the channel itself may send */
export function checkType(fields: EventFields): void {
  if (typeof fields?.event !== 'string' || !isOwnType(fields.event)) return;
  const found = `found the type ${JSON.stringify(fields.event)}`;
  throw new ServerError(
    'ERR_INVALID_EVENT',
    `Cannot publish: ${found}, allowed are types that do not begin with ${OWN_TYPE_PREFIX}, which are the channel's own`,
  );
}
