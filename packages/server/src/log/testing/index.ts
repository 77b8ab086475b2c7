import { appendCases } from './append-cases.ts';
import { durabilityCases } from './durability-cases.ts';
import { keyCases } from './key-cases.ts';
import type { LogCase } from './log-case.ts';
import { readCases } from './read-cases.ts';
import { retentionCases } from './retention-cases.ts';
import { tailCases } from './follow-cases.ts';

export type { LogCase } from './log-case.ts';
export type { LogFactory, LogHarness } from './log-probe.ts';

/** What every `EventLog` must do, as cases for any test framework. */
export const eventLogContract: readonly LogCase[] = [
  ...appendCases,
  ...keyCases,
  ...tailCases,
  ...readCases,
  ...retentionCases,
  ...durabilityCases,
];
