import type { LogRetention } from '../keeping/retention.ts';
import { LogProbe, type LogFactory } from './log-probe.ts';

/** A capability that not every log has. A case names the capabilities that it needs, and is for logs that have all of them. */
export type LogCapability = (typeof CAPABILITIES)[number];

export const CAPABILITIES = [
  /** The log is in this process: it calls `onStart` within `follow`, and hands a batch over before its append resolves. */
  'local',
  /** The log takes its time from the harness's clock. */
  'time',
  /** It has `trim`. */
  'trim',
  /** It has a `directory`. */
  'directory',
  /** It has `totals`. */
  'totals',
  /** It has states of topics: `topics`. */
  'states',
  /** It keeps small values: `values`. */
  'values',
  /** Its `trimmedIsExact` is true. */
  'exact',
  /** It can be opened again: the harness has `reopen`. */
  'durable',
  /** It can begin a new epoch: the harness has `beginEpoch`. */
  'epochs',
  /** Its connection to the store can be cut: the harness has `cut`. */
  'cut',
] as const;

/** One rule that every log must obey, or every log with some capabilities. */
export interface LogCase {
  /** The rule, as a sentence. */
  readonly name: string;
  readonly needs: readonly LogCapability[];
  /** Rejects with an AssertionError if the log breaks the rule. */
  run(make: LogFactory): Promise<void>;
}

export interface LogCaseOptions {
  readonly needs?: readonly LogCapability[] | undefined;
  /** @default everything is kept */
  readonly retention?: LogRetention | undefined;
}

export function logCase(
  name: string,
  run: (probe: LogProbe) => Promise<void>,
  { needs = [], retention }: LogCaseOptions = {},
): LogCase {
  return { name, needs, run: (make) => LogProbe.use(make, retention, run) };
}
