import { checkChoice, checkInteger, checkNames, ServerError } from '../../errors.ts';
import type { AppendOptions } from '../event-log.ts';
import type { TopicCondition } from '../topic-states.ts';

/** The most leases that are given with an append, and the most conditions. It guards other publishers, who wait while they are looked at. */
const MAX_ASKS = 1000;

/**
 * Checks the leases and conditions of an append. Empty lists count as none.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkAsks({ leases, conditions }: AppendOptions): Pick<AppendOptions, 'leases' | 'conditions'> {
  checkList('leases', leases, 'tokens');
  checkList('conditions', conditions, 'conditions');
  for (const token of leases ?? []) {
    if (typeof token !== 'string')
      throw invalid(`The option leases has a ${typeof token}, but must be an array of strings`);
  }
  for (const condition of conditions ?? []) checkCondition(condition);
  return {
    leases: leases?.length === 0 ? undefined : leases,
    conditions: conditions?.length === 0 ? undefined : conditions,
  };
}

function checkCondition(condition: TopicCondition): void {
  checkNames(condition, { topic: true, state: true, lastSeq: true }, 'conditions.');
  const { topic, state, lastSeq } = condition;
  if (typeof topic !== 'string') throw invalid(`The option conditions.topic is ${typeof topic}, but must be a string`);
  if (state !== undefined) checkChoice('conditions.state', state, ['open', 'closed', 'unknown'] as const);
  if (lastSeq !== undefined) checkInteger('conditions.lastSeq', lastSeq, 0, Number.MAX_SAFE_INTEGER);
}

function checkList(name: string, list: unknown, what: string): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) throw invalid(`The option ${name} is a ${typeof list}, but must be an array of ${what}`);
  if (list.length <= MAX_ASKS) return;
  throw invalid(`The option ${name} has ${list.length} ${what}; at most ${MAX_ASKS} are allowed`);
}

function invalid(message: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', message);
}
