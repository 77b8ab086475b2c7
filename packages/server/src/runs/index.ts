export type { Clock } from '../clock.ts';
export { ServerError, type ServerErrorCode } from '../errors.ts';
export type { Answer } from '../http/answer.ts';
export type { RequestHead } from '../http/request.ts';
export type { ItemIterator } from '../log/reading/iterator.ts';
export type { HubHeaders } from './hub/hub-headers.ts';
export type { ResumeOptions, RunsOptions, StartOptions } from './options.ts';
export type { RespondOptions } from './respond.ts';
export { Runs, type StartedRun } from './runs.ts';
export type { RunStops, Stoppable } from './run-stops.ts';
export type { RunContext, RunProducer } from './source.ts';
export type { NewChunk, NewRunEvent, RunChunk, RunEnd, RunGap, RunItem, RunState, RunStatus } from './store/run.ts';
export type {
  AcquireOptions,
  ReadOptions,
  RunLease,
  RunOutcome,
  RunStore,
  StopRequest,
  StopWatch,
} from './store/run-store.ts';
