// The parts of a hub: a fan-out of a log, an audience, and the code between them and HTTP.
export type {
  Admission,
  AdmissionRequest,
  Admitted,
  AudienceObserver,
  AudienceStats,
  KnownListener,
  RefuseReason,
  Visit,
  Visited,
  VisitRequest,
} from './audience/admission.ts';
export { Audience } from './audience/audience.ts';
export { readEvent, type ReceivedEvent } from './audience/event-reader.ts';
export type { AudienceOptions } from './audience/options.ts';
export type { SharedPlaces } from './audience/places.ts';
export {
  allowedBy,
  checkRights,
  EXPIRED,
  may,
  type Action,
  type Authenticate,
  type Authentication,
  type Refusal,
  type Rights,
} from './audience/rights.ts';
export { type Clock, systemClock } from './clock.ts';
export { reported } from './channel/reported.ts';
export { codedFor } from './coding/coded-sink.ts';
export type { ContentCoding } from './coding/content-coding.ts';
export { EventIterators } from './events/event-iterators.ts';
export type { EventsOptions } from './events/options.ts';
export { hasNoBody, toResponse, type Answer } from './http/answer.ts';
export { answerOptions, checkCors, type Cors, type CorsOptions } from './http/cors.ts';
export { DURATION_FORM, formatDuration, parseDuration } from './http/duration.ts';
export {
  checkCompression,
  EVENT_STREAM_HEADERS,
  joinHeaders,
  negotiateCoding,
  type CodedHead,
  type HeadOptions,
} from './http/head.ts';
export {
  checkParameters,
  choice,
  duration,
  HISTORY_PARAMETERS,
  historyParameters,
  LISTEN_PARAMETERS,
  listenParameters,
  parameter,
  queryOf,
  wholeNumber,
  type ListenParameters,
} from './http/parameters.ts';
export { fetchHead, type RequestHead } from './http/request.ts';
export { parseTime, TIME_FORM } from './http/time.ts';
export type { View } from './live/cohort.ts';
export { FanOut } from './live/fan-out.ts';
export { news } from './live/news.ts';
export { type EventPage, type PageMemory, type PageRequest, readPage } from './live/page.ts';
export type { EndReason, Listener } from './live/listener.ts';
export type { Presence, PresenceObserver, PresencePage, PresenceWatch } from './live/presence.ts';
export { type Present, PresentList } from './live/present-list.ts';
export type { FanOutOptions } from './live/options.ts';
export type { FanOutObserver, FanOutStats } from './live/stats.ts';
export { findStart, isComplete, type Start, type StartAfter, type StartRequest } from './log/start.ts';
export type { EventStreamHandle } from './response/open-stream.ts';
export { pump, type PumpOptions, type PumpSource } from './response/pump.ts';
export { bodySink, type BodySink } from './sink/body-sink.ts';
export { DEFAULT_KEEP_ALIVE_MS, type Heartbeat } from './sink/keep-alive.ts';
export { SharedChunk } from './sink/shared-chunk.ts';
export type { Sink } from './sink/sink.ts';
export { turnAfter } from './turns.ts';
