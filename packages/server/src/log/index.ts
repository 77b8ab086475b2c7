export { ServerError, type ServerErrorCode } from '../errors.ts';
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
} from './event-log.ts';
export { Tails } from './followers.ts';
export { MAX_NAME_BYTES, placeEvent, prepareEvent, type PreparedEvent } from './frame.ts';
export { KEY_LIFETIME_MS, MemoryLog, type MemoryLogOptions } from './memory/memory-log.ts';
export { formatCursor, newEpoch, parseCursor, type Position } from './position.ts';
export {
  checkRetention,
  exceeds,
  type Kept,
  type LogRetention,
  type Retention,
  type TopicRetention,
} from './retention.ts';
export { TrimLedger, type Trimmed, type TrimPlan } from './trim-ledger.ts';
