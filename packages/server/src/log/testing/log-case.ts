import type { LogRetention } from '../retention.ts';
import { LogProbe, type LogFactory } from './log-probe.ts';

/** One thing that every log must do. */
export interface LogCase {
  /** A sentence. */
  readonly name: string;
  /** Whether it is for logs that can be opened again; without `reopen` such a case is to be skipped, and shown as skipped. */
  readonly durable: boolean;
  /** Rejects with an AssertionError where the log does something else. */
  run(make: LogFactory): Promise<void>;
}

export interface LogCaseOptions {
  readonly durable?: boolean;
  /** @default everything is kept */
  readonly retention?: LogRetention;
}

export function logCase(
  name: string,
  run: (probe: LogProbe) => Promise<void>,
  { durable = false, retention }: LogCaseOptions = {},
): LogCase {
  return { name, durable, run: (make) => LogProbe.use(make, retention, run) };
}
