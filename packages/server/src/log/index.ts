export { type Clock, systemClock } from '../clock.ts';
export { counted, ServerError, type ServerErrorCode, shown, suggestion } from '../errors.ts';
export { type EarlierEpoch, Epochs, newestFor, wentTo } from './epochs.ts';
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
  PagePlan,
  Place,
  ReadRequest,
  Since,
  TopicDirectory,
  TopicPage,
  TopicPageRequest,
  TopicSummary,
  LogTotals,
  TopicTotals,
} from './event-log.ts';
export type {
  CreateOptions,
  EventPlace,
  LeaseOptions,
  StatusOptions,
  TopicCondition,
  HeldLease,
  TopicLease,
  TopicOptions,
  TopicPhase,
  TopicStates,
  TopicStatus,
} from './topic-states.ts';
export { type BookCounts, type KnownTopics, TopicBook, TopicDraft, type TopicRecord } from './keeping/topic-book.ts';
export {
  closingEvent,
  concernsStates,
  createTopic,
  endLease,
  type FactsOf,
  finalOf,
  isKnownPublicly,
  leaseTopic,
  noteEmptied,
  noteEvent,
  refusalOf,
  releaseTopic,
  type TopicFacts,
} from './keeping/topic-rules.ts';
export { statusOf } from './keeping/topic-status.ts';
export { checkLease, checkTopicOptions, newToken } from './keeping/topic-options.ts';
export { checkBatch, checkBounds, type CheckedBounds, KEY_LIFETIME_MS, type LogBounds } from './keeping/bounds.ts';
export { compileInTurns } from './keeping/compile.ts';
export { Followers } from './keeping/followers.ts';
export { checkTopic, deletionOf, MAX_NAME_BYTES, placeEvent, prepareBatch } from './keeping/frame.ts';
export type { PreparedBatch, PreparedEvent } from './keeping/prepared.ts';
export { type BatchPlace, idsOf, repeatOf, type KeyedAppend } from './keeping/keyed-append.ts';
export { FORGOTTEN_MS, isReplaceable, latestNameOf, type NamedEntry } from './keeping/latest-name.ts';
export { KeptValues, type ValueRecord, type ValuesHost } from './keeping/kept-values.ts';
export { listedTopics } from './keeping/listed-topics.ts';
export { DISORDER_MS, LogTime, type LogTimeRecord } from './keeping/log-time.ts';
export { mergeBySeq } from './keeping/merge.ts';
export { NewestFirst, type ReadFalling } from './keeping/newest-first.ts';
export { MemoryLog } from './memory/memory-log.ts';
export type { MemoryLogRecord } from './memory/memory-log-record.ts';
export type { MemoryLogOptions } from './memory/memory-log-options.ts';
export { toldGap, type ToldGap } from './page-gap.ts';
export { compilePattern, compilePatterns, isTemplate, type TopicPattern, URI_TEMPLATE } from './pattern.ts';
export {
  EARLIEST,
  formatCursor,
  formatMarked,
  isCursor,
  newEpoch,
  parseCursor,
  parseMarked,
  type Position,
} from './position.ts';
export { entries, type EntriesOptions } from './reading/entries.ts';
export type { EntryGap } from './reading/entry-reader.ts';
export { entryAt, type EntryAtOptions } from './reading/entry-at.ts';
export { fieldsOf } from './reading/fields.ts';
export type { ItemIterator } from './reading/iterator.ts';
export { RankedNames } from './keeping/ranked-names.ts';
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
export type { SetOptions, StoredValue, StoredValues, ValuesChange } from './stored-values.ts';
export { isSelected } from './keeping/scan.ts';
export { NO_TYPE } from './type-of.ts';
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
export { FoundEvents } from './keeping/found-events.ts';
export { LastSearch } from './keeping/last-search.ts';
export {
  isSearchedByTopic,
  ListSearch,
  MAX_LISTS_AT_ONCE,
  type SearchedTopic,
  type SelectedTopic,
  TopicSearch,
  TopicSearches,
} from './keeping/topic-search.ts';
export { DEFAULT_SCAN_MS, ENTRY_STEPS, MAX_SCAN_MS, type ScanOptions, Turn, Turns } from './keeping/turns.ts';
export { PrivateOthers } from './keeping/private-others.ts';
export { TrimLedger, type TrimPlan } from './keeping/trim-ledger.ts';
export type { RemovedEntry, Trimmed } from './keeping/trimmed.ts';
