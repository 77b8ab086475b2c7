import { appendCases } from './testing/append-cases.ts';
import { durabilityCases } from './testing/durability-cases.ts';
import { keyCases } from './testing/key-cases.ts';
import type { LogCase } from './testing/log-case.ts';
import { readCases } from './testing/read-cases.ts';
import { retentionCases } from './testing/retention-cases.ts';
import { tailCases } from './testing/tail-cases.ts';

export type { LogCase } from './testing/log-case.ts';
export type { LogFactory, LogHarness } from './testing/log-probe.ts';

/** What every `EventLog` must do, as cases for any test framework. */
export const eventLogContract: readonly LogCase[] = [
  ...appendCases,
  ...keyCases,
  ...tailCases,
  ...readCases,
  ...retentionCases,
  ...durabilityCases,
];
