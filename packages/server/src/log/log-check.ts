import { ServerError, shown } from '../errors.ts';
import type { EventLog } from './event-log.ts';

/** The methods that every log has. */
const METHODS = ['append', 'read', 'locate', 'locateLast', 'locateSince', 'follow', 'close'] as const;

/** Says in words what keeps a value from being an {@link EventLog}, as the end of a message about an option; undefined if it has all methods of a log. */
export function logProblem(value: unknown): string | undefined {
  const isObject = typeof value === 'object' && value !== null;
  const members = (isObject ? value : {}) as Readonly<Record<string, unknown>>;
  const lacking = METHODS.filter((name) => typeof members[name] !== 'function');
  if (lacking.length === 0) return undefined;
  const but = 'but must be an event log';
  if (typeof members['then'] === 'function') return `is a promise, ${but}; await it first`;
  if (isClassOfLogs(value)) return `is the class ${value.name}, ${but}; give it an instance of the class`;
  if (typeof value === 'function') return `is a function, ${but}; give it what the function returns`;
  if (!isObject || lacking.length === METHODS.length) return `is ${shown(value)}, ${but}`;
  return `is ${shown(value)} without ${lacking.join(', ')}, ${but} with ${METHODS.join(', ')}`;
}

function isClassOfLogs(value: unknown): value is { readonly name: string } {
  if (typeof value !== 'function') return false;
  const { prototype } = value as { readonly prototype?: Readonly<Record<string, unknown>> };
  return typeof prototype?.['append'] === 'function';
}

/**
 * Checks that an option is a log.
 * @throws {ServerError} `ERR_INVALID_OPTION` unless it has all methods of one
 */
export function checkLog(name: string, value: EventLog): EventLog {
  const problem = logProblem(value);
  if (problem === undefined) return value;
  throw new ServerError('ERR_INVALID_OPTION', `The option ${name} ${problem}`);
}
