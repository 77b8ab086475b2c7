export { type Clock, systemClock } from '../clock.ts';
export { counted, ServerError, type ServerErrorCode, shown, suggestion } from '../errors.ts';
export { type EarlierEpoch, Epochs, newestFor } from './epochs.ts';
export type { LogEntry, NewEvent } from './entry.ts';
export { logProblem } from './log-check.ts';
export type {
  AppendOptions,
  AppendReceipt,
  AskOptions,
  EventLog,
  FollowStart,
  GapReason,
  LogFollower,
  LogFollowing,
  LogPage,
  Place,
  ReadRequest,
  Since,
  TopicDirectory,
  TopicPage,
  TopicPageRequest,
  TopicSummary,
} from './event-log.ts';
export type {
  CreateOptions,
  EventPlace,
  StatusOptions,
  TopicCondition,
  TopicLease,
  TopicOptions,
  TopicPhase,
  TopicStates,
  TopicStatus,
} from './topic-states.ts';
export { TopicBook, type TopicDraft, type TopicRecord } from './keeping/topic-book.ts';
export {
  checkLease,
  checkTopicOptions,
  closingEvent,
  concernsStates,
  createTopic,
  endLease,
  type FactsOf,
  finalOf,
  isKnownPublicly,
  leaseTopic,
  newToken,
  noteEmptied,
  noteEvent,
  refusalOf,
  releaseTopic,
  statusOf,
  type TopicFacts,
} from './keeping/topic-rules.ts';
export { checkBatch, checkBounds, type CheckedBounds, KEY_LIFETIME_MS, type LogBounds } from './keeping/bounds.ts';
export { compileInTurns } from './keeping/compile.ts';
export { Followers } from './keeping/followers.ts';
export { checkTopic, deletionOf, MAX_NAME_BYTES, placeEvent, prepareBatch } from './keeping/frame.ts';
export type { PreparedBatch, PreparedEvent } from './keeping/prepared.ts';
export { type BatchPlace, idsOf, repeatOf, type KeyedAppend } from './keeping/keyed-append.ts';
export { FORGOTTEN_MS, isReplaceable, latestNameOf, type NamedEntry } from './keeping/latest-name.ts';
export { DISORDER_MS, LogTime, type LogTimeRecord } from './keeping/log-time.ts';
export { type LaterSource, mergeBySeq, mergeFalling } from './keeping/merge.ts';
export { MemoryLog } from './memory/memory-log.ts';
export type { MemoryLogOptions } from './memory/memory-log-options.ts';
export { compilePattern, compilePatterns, type TopicPattern } from './pattern.ts';
export { EARLIEST, formatCursor, newEpoch, parseCursor, type Position } from './position.ts';
export { entries, type EntriesOptions } from './reading/entries.ts';
export type { EntryGap } from './reading/entry-reader.ts';
export { entryAt, type EntryAtOptions } from './reading/entry-at.ts';
export { fieldsOf } from './reading/fields.ts';
export type { ItemIterator } from './reading/iterator.ts';
export { RecentTopics } from './keeping/recent-topics.ts';
export {
  checkRetention,
  exceeds,
  type Keep,
  type Kept,
  type LogRetention,
  type Retention,
  TopicBounds,
  type TopicRetention,
} from './keeping/retention.ts';
export { isSelected } from './keeping/scan.ts';
export { EVERYTHING, type Matcher, type Selection, Selector, type TopicSet, TopicTest } from './selection.ts';
export {
  type FindNewest,
  hasNewest,
  type KeptSummary,
  type PublicPage,
  publicPart,
  PublicTopics,
  type TopicNames,
  withEvent,
  withoutEvent,
  withTimes,
} from './keeping/topic-summary.ts';
export { type SearchedTopic, type SelectedTopic, TopicSearch, TopicSearches } from './keeping/topic-search.ts';
export { DEFAULT_SCAN_MS, ENTRY_STEPS, MAX_SCAN_MS, type ScanOptions, Turn, Turns } from './keeping/turns.ts';
export { TrimLedger, type Trimmed, type TrimPlan } from './keeping/trim-ledger.ts';
