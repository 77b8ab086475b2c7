export { decodeEventStream } from './decode-event-stream.ts';
export type { EventStreamDecoderOptions, EventStreamOptions } from './decoder-options.ts';
export { EventStreamDecoderStream } from './decoder-stream.ts';
export { EventStreamDecoder } from './decoder.ts';
export { encodeEvent } from './encoder.ts';
export { EventStreamError, type EventStreamErrorCode } from './errors.ts';
export type { EventFields, EventMessage } from './event.ts';
export { DEFAULT_MAX_EVENT_BYTES } from './line-reader.ts';
