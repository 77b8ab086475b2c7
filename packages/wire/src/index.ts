export type { ByteReader, ByteSource, ByteStream } from './byte-source.ts';
export { decodeEventStream, EventStreamDecoderStream } from './decode-event-stream.ts';
export type { EventStreamDecoderOptions, EventStreamOptions } from './decoder-options.ts';
export { EventStreamDecoder } from './decoder.ts';
export { encodeEvent } from './encoder.ts';
export { EventStreamError, type EventStreamErrorCode } from './errors.ts';
export {
  CLOSED_TYPE,
  EXPIRED_TYPE,
  FORGOTTEN_TYPE,
  GAP_TYPE,
  HEARTBEAT_TYPE,
  isOwnType,
  LISTENER_CLOSED_TYPE,
  LISTENER_OPENED_TYPE,
  LISTENERS_TYPE,
  OWN_TYPE_PREFIX,
  type EventFields,
  type EventMessage,
} from './event.ts';
export { decodeEvent, EventFieldsDecoder, type EventFieldsDecoderOptions } from './fields-decoder.ts';
export { DEFAULT_MAX_EVENT_BYTES } from './parser.ts';
