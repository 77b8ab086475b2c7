import { encodeEvent, type EventFields } from '@tidings/wire';

/** The most bytes of UTF-8 that the data of an event may have (PROTOCOL §11). */
export const MAX_DATA_BYTES: number = 1024 * 1024;

/** An event as it goes into a request. */
export interface OutgoingEvent {
  readonly block: string;
  /** The length of the block in bytes of UTF-8. */
  readonly bytes: number;
}

/** Whether a text is more data than an event may have. */
export function isTooLong(data: string): boolean {
  // No UTF-16 code unit takes more than 3 bytes, so most texts need no counting.
  return data.length * 3 > MAX_DATA_BYTES && Buffer.byteLength(data) > MAX_DATA_BYTES;
}

/** @throws {EventStreamError} `ERR_INVALID_FIELD` */
export function outgoingEvent(fields: EventFields): OutgoingEvent {
  const block = encodeEvent(fields);
  return { block, bytes: Buffer.byteLength(block) };
}
