export { codedStream } from './coding/coded-sink.ts';
export type { ContentCoding } from './coding/content-coding.ts';
export {
  checkCompression,
  EVENT_STREAM_HEADERS,
  joinHeaders,
  negotiateCoding,
  type CodedHead,
  type HeadOptions,
  type ResponseHead,
} from './http/head.ts';
export type { View } from './live/cohort.ts';
export { GAP_TYPE, HEARTBEAT_TYPE } from './live/control-events.ts';
export { FanOut } from './live/fan-out.ts';
export type { FanOutOptions } from './live/fan-out-options.ts';
export type { FanOutObserver, FanOutStats } from './live/fan-out-stats.ts';
export type { EndReason, Listener } from './live/listener.ts';
export { findStart, type Start, type StartAfter, type StartRequest } from './log/start.ts';
export { pump, type PumpOptions } from './response/pump.ts';
export { bodySink, type BodySink } from './sink/body-sink.ts';
export { DEFAULT_KEEP_ALIVE_MS } from './sink/keep-alive.ts';
export { SharedChunk } from './sink/shared-chunk.ts';
export type { Sink } from './sink/sink.ts';
