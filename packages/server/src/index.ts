export { bodySink, type BodySink } from './body-sink.ts';
export { Channel, type ChannelAnswer, type ChannelOptions } from './channel.ts';
export type { View } from './cohort.ts';
export { GAP_TYPE, HEARTBEAT_TYPE, type GapReason } from './control-events.ts';
export { ServerError, type ServerErrorCode } from './errors.ts';
export { eventStream } from './event-stream.ts';
export { FanOut, type FanOutOptions } from './fan-out.ts';
export { MAX_NAME_BYTES, placeEvent, prepareEvent, type PreparedEvent } from './frame.ts';
export { EVENT_STREAM_HEADERS } from './head.ts';
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
export { KEY_LIFETIME_MS, MemoryLog, type MemoryLogOptions } from './memory-log.ts';
export { formatCursor, newEpoch, parseCursor, type Position } from './position.ts';
export { pump, type EventSourceFunction, type EventStreamOptions, type EventStreamSource } from './pump.ts';
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
export { Tails } from './tails.ts';
export { TrimLedger, type Trimmed, type TrimPlan } from './trim-ledger.ts';
