import { appendCases } from './append-cases.ts';
import { durabilityCases } from './durability-cases.ts';
import { epochCases } from './epoch-cases.ts';
import { followCases } from './follow-cases.ts';
import { keyCases } from './key-cases.ts';
import { locateCases } from './locate-cases.ts';
import type { LogCapability, LogCase } from './log-case.ts';
import { readCases } from './read-cases.ts';
import { retentionCases } from './retention-cases.ts';
import { selectionCases } from './selection-cases.ts';
import { topicCases } from './topic-cases.ts';

export type { LogCapability, LogCase } from './log-case.ts';
export type { LogFactory, LogHarness, LogHarnessOptions } from './log-probe.ts';
export { ManualClock } from './manual-clock.ts';
export type { FaultOptions } from './remote/faults.ts';
export type { RemoteLog } from './remote/remote-log.ts';
export { FAULTS, RemoteStore, type RemoteHarness, type RemoteLogOptions } from './remote/remote-store.ts';

const ALL: readonly LogCase[] = [
  ...appendCases,
  ...keyCases,
  ...followCases,
  ...readCases,
  ...selectionCases,
  ...locateCases,
  ...topicCases,
  ...retentionCases,
  ...epochCases,
  ...durabilityCases,
];

/** What an `EventLog` with those capabilities must do, as cases for any test framework. */
export function eventLogCases(capabilities: readonly LogCapability[]): readonly LogCase[] {
  return ALL.filter(({ needs }) => needs.every((capability) => capabilities.includes(capability)));
}
