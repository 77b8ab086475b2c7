import { CliError } from '../errors.ts';
import { visible } from '../terminal/output.ts';
import { nearestOf } from './usage-error.ts';

const PREFIX = 'TIDINGS_';

/**
 * The value of a variable of a command that talks to a hub. Shells make it easy to set an empty variable, so an empty one counts as none.
 * @throws {CliError} `ERR_USAGE` if there is none, but one with a name so like it that it was meant
 */
export function variable(name: 'TIDINGS_HUB' | 'TIDINGS_KEY' | 'TIDINGS_JWT_SECRET'): string | undefined {
  const text = process.env[name] ?? '';
  if (text !== '') return text;
  const misspelled = Object.keys(process.env).find(
    (other) =>
      other !== name &&
      other.startsWith(PREFIX) &&
      process.env[other] !== '' &&
      nearestOf(other.slice(PREFIX.length), [name.slice(PREFIX.length)]) !== undefined,
  );
  if (misspelled === undefined) return undefined;
  const found = `The environment has ${visible(misspelled)}, which no command knows`;
  throw new CliError('ERR_USAGE', `${found}: did you mean ${name}? Rename it, or take it out`);
}
