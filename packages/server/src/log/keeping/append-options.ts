import { checkChoice, checkInteger, checkNames, counted, ServerError, shown } from '../../errors.ts';
import type { AppendOptions } from '../event-log.ts';
import type { TopicCondition } from '../topic-states.ts';

/** The longest key of an append or a lease, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1536;

/** The longest digest of an append, in bytes of UTF-8: every log keeps one with each key. */
const MAX_DIGEST_BYTES = 128;

/** The most leases that are given with an append, and the most conditions. It guards other publishers, who wait while they are looked at. */
const MAX_ASKS = 1000;

const NAMES: Readonly<Record<keyof AppendOptions, true>> = {
  key: true,
  digest: true,
  leases: true,
  conditions: true,
};

const encoder = new TextEncoder();

/**
 * Checks the options of an append. Empty lists count as none.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkAppendOptions(options: AppendOptions): AppendOptions {
  if (typeof options === 'string') {
    throw invalid(`The options of an append are ${shown(options)}, but must be an object such as { key: 'k1' }`);
  }
  checkNames(options, NAMES);
  const { key, digest, leases, conditions } = options;
  if (key !== undefined) checkKey('an append', key);
  if (digest !== undefined) {
    checkLength('an append', 'digest', digest, MAX_DIGEST_BYTES);
    // Whoever gives one means to append once.
    if (key === undefined) throw invalid('The option digest of an append needs key: it stands for what has that key');
  }
  checkList('leases', leases, 'tokens');
  checkList('conditions', conditions, 'conditions');
  for (const token of leases ?? []) {
    if (typeof token !== 'string')
      throw invalid(`The option leases has ${kindOf(token)}, but must be an array of strings`);
  }
  for (const condition of conditions ?? []) checkCondition(condition);
  return {
    key,
    digest,
    leases: leases?.length === 0 ? undefined : leases,
    conditions: conditions?.length === 0 ? undefined : conditions,
  };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` for what is no key of an append or a lease */
export function checkKey(what: string, key: unknown): void {
  checkLength(what, 'key', key, MAX_KEY_BYTES);
}

function checkLength(what: string, name: string, text: unknown, max: number): void {
  const allowed = `a string of 1 to ${max} bytes of UTF-8`;
  if (typeof text !== 'string')
    throw invalid(`The option ${name} of ${what} is ${shown(text)}, but must be ${allowed}`);
  const bytes = encoder.encode(text).length;
  if (bytes >= 1 && bytes <= max) return;
  const found = bytes === 0 ? 'empty' : `${counted(bytes, 'byte')} long`;
  throw invalid(`The option ${name} of ${what} is ${found}, but must be ${allowed}`);
}

function checkCondition(condition: TopicCondition): void {
  checkNames(condition, { topic: true, state: true, lastSeq: true }, 'conditions.');
  const { topic, state, lastSeq } = condition;
  if (typeof topic !== 'string') throw invalid(`The option conditions.topic is ${shown(topic)}, but must be a string`);
  if (state !== undefined) checkChoice('conditions.state', state, ['open', 'closed', 'unknown'] as const);
  if (lastSeq !== undefined) checkInteger('conditions.lastSeq', lastSeq, 0, Number.MAX_SAFE_INTEGER);
  if (state !== undefined || lastSeq !== undefined) return;
  throw invalid(
    `The option conditions has one for ${shown(topic)} without state and lastSeq, but must have one of them: it would always hold`,
  );
}

function checkList(name: string, list: unknown, what: string): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) throw invalid(`The option ${name} is ${kindOf(list)}, but must be an array of ${what}`);
  if (list.length <= MAX_ASKS) return;
  throw invalid(`The option ${name} has ${list.length} ${what}; at most ${MAX_ASKS} are allowed`);
}

/** What kind of value it is, and not which: it may be the token of a lease. */
function kindOf(value: unknown): string {
  return typeof value === 'object' ? shown(value) : `a ${typeof value}`;
}

function invalid(message: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', message);
}
