import { checkChoice, ServerError, shown } from '../../errors.ts';
import { appendCases } from './cases/append-cases.ts';
import { clockCases } from './cases/clock-cases.ts';
import { conditionCases } from './cases/condition-cases.ts';
import { createCases } from './cases/create-cases.ts';
import { deleteCases } from './cases/delete-cases.ts';
import { durabilityCases } from './cases/durability-cases.ts';
import { epochCases } from './cases/epoch-cases.ts';
import { followCases } from './cases/follow-cases.ts';
import { forgetCases } from './cases/forget-cases.ts';
import { keyCases } from './cases/key-cases.ts';
import { latestCases } from './cases/latest-cases.ts';
import { latestLifeCases } from './cases/latest-life-cases.ts';
import { leaseCases } from './cases/lease-cases.ts';
import { leaseEndCases } from './cases/lease-end-cases.ts';
import { leaseListCases } from './cases/lease-list-cases.ts';
import { locateCases } from './cases/locate-cases.ts';
import { CAPABILITIES, type LogCapability, type LogCase } from './log-case.ts';
import { readCases } from './cases/read-cases.ts';
import { retentionCases } from './cases/retention-cases.ts';
import { selectionCases } from './cases/selection-cases.ts';
import { sinceCases } from './cases/since-cases.ts';
import { stateCases } from './cases/state-cases.ts';
import { topicCases } from './cases/topic-cases.ts';
import { trimCases } from './cases/trim-cases.ts';
import { valueCases } from './cases/value-cases.ts';

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
  ...sinceCases,
  ...topicCases,
  ...retentionCases,
  ...latestCases,
  ...latestLifeCases,
  ...forgetCases,
  ...trimCases,
  ...clockCases,
  ...epochCases,
  ...durabilityCases,
  ...stateCases,
  ...createCases,
  ...conditionCases,
  ...leaseCases,
  ...leaseEndCases,
  ...leaseListCases,
  ...deleteCases,
  ...valueCases,
];

/**
 * Returns the cases that an `EventLog` with these capabilities must pass, for any test framework. Run each case with a factory that opens an empty log.
 * @throws {ServerError} `ERR_INVALID_OPTION` for an unknown capability, whose cases would otherwise be left out silently, and if they
 * are not an array
 */
export function eventLogCases(capabilities: readonly LogCapability[]): readonly LogCase[] {
  if (!Array.isArray(capabilities)) {
    const found = `The capabilities of the log are ${shown(capabilities)}`;
    const allowed = CAPABILITIES.join(', ');
    throw new ServerError('ERR_INVALID_OPTION', `${found}, but must be an array with any of ${allowed}`);
  }
  for (const capability of capabilities) checkChoice('capabilities', capability, CAPABILITIES);
  return ALL.filter(({ needs }) => needs.every((capability) => capabilities.includes(capability)));
}
