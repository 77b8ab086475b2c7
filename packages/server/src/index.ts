export { bodySink, type BodySink } from './body-sink.ts';
export type { Authorization, Authorize, Grant, Refusal } from './authorization.ts';
export { Channel, type ChannelStats, type PublishOptions } from './channel.ts';
export type { ChannelAnswer } from './channel-answer.ts';
export type { ChannelDiagnostics, RefuseReason } from './channel-diagnostics.ts';
export type { ChannelEvent } from './channel-event.ts';
export type { ChannelOptions, Overflow } from './channel-options.ts';
export { codedStream } from './coded-sink.ts';
export type { View } from './cohort.ts';
export type { ContentCoding } from './content-coding.ts';
export { GAP_TYPE, HEARTBEAT_TYPE, type GapReason } from './control-events.ts';
export type { CorsOptions } from './cors.ts';
export { ServerError, type ServerErrorCode } from './errors.ts';
export { eventStream, type FetchEventStreamOptions } from './event-stream.ts';
export { FanOut } from './fan-out.ts';
export type { FanOutOptions } from './fan-out-options.ts';
export type { FanOutObserver, FanOutStats } from './fan-out-stats.ts';
export { MAX_NAME_BYTES, placeEvent, prepareEvent, type PreparedEvent } from './frame.ts';
export {
  checkCompression,
  EVENT_STREAM_HEADERS,
  joinHeaders,
  negotiateCoding,
  type CodedHead,
  type HeadOptions,
  type ResponseHead,
} from './head.ts';
export type { PlainTotal } from './plain-total.ts';
export { fetchHead, type RequestHead } from './request-head.ts';
export type {
  AppendOptions,
  AppendReceipt,
  EventLog,
  LogEntry,
  LogPage,
  LogTail,
  NewEvent,
  ReadRequest,
  Selection,
  TopicSummary,
} from './log.ts';
export { DEFAULT_KEEP_ALIVE_MS } from './keep-alive.ts';
export { KEY_LIFETIME_MS, MemoryLog, type MemoryLogOptions } from './memory-log.ts';
export { formatCursor, newEpoch, parseCursor, type Position } from './position.ts';
export type { EventStreamHandle } from './open-stream.ts';
export {
  pump,
  type EventSourceFunction,
  type EventStreamOptions,
  type EventStreamSource,
  type PumpOptions,
} from './pump.ts';
export {
  checkRetention,
  exceeds,
  type Kept,
  type LogRetention,
  type Retention,
  type TopicRetention,
} from './retention.ts';
export { SharedChunk } from './shared-chunk.ts';
export type { Sink } from './sink.ts';
export { EARLIEST, findStart, type Start, type StartAfter, type StartRequest } from './start.ts';
export type { EndReason, Subscriber } from './subscriber.ts';
export { Tails } from './tails.ts';
export { TrimLedger, type Trimmed, type TrimPlan } from './trim-ledger.ts';
