import { parameter } from '@tidings/server/live';
import { Problem } from './problem.ts';

/**
 * Whether a query parameter that has no value, such as `close`, is given. `true` is allowed as its value, too (PROTOCOL §4.1).
 * @throws {Problem} `invalid-parameter` for another value, because `close=false` would close a topic if only the name counted
 * @throws {ServerError} `ERR_INVALID_PARAMETER` if it is given twice
 */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = parameter(query, name);
  if (value === undefined || value === '' || value === 'true') return value !== undefined;
  throw new Problem(
    'invalid-parameter',
    `The query parameter ${name} is ${JSON.stringify(value)}; allowed is ${name} without a value, or ${name}=true. Leave it out otherwise`,
  );
}
