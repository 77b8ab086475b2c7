import type { Option } from 'commander';
import { nearestOf } from '../command-line/usage-error.ts';
import { CliError } from '../errors.ts';
import { SUPERVISED } from '../supervise/messages.ts';
import { notice, visible } from '../terminal/output.ts';

const PREFIX = 'TIDINGS_';

/** Variables that are not of `serve`: those of the other commands, of its own processes, and of the tests of this project. */
const OTHERS: readonly string[] = ['HUB', 'KEY', 'SUPERVISED', 'WORKER_NUMBER', 'SEED', 'MISSING'];

/** The variable that an option has. */
export function environmentName(option: Option): string {
  return PREFIX + option.name().toUpperCase().replaceAll('-', '_');
}

/** The value of an option in the environment. Shells make it easy to set an empty variable, so an empty one counts as none. */
export function fromEnvironment(option: Option): string | undefined {
  const text = process.env[environmentName(option)] ?? '';
  return text.trim() === '' ? undefined : text;
}

/**
 * Looks for variables whose names begin as those of options do, and are of none. One that is a slip of the pen is refused: the hub would run without what
 * was meant, such as a limit. Of others it is only told, because not all are meant for the hub: Kubernetes sets `TIDINGS_SERVICE_HOST` beside a service that is called tidings.
 * @param options all that have a variable
 * @throws {CliError} `ERR_USAGE`
 */
export function checkEnvironment(options: readonly Option[]): void {
  const known = options.map(environmentName);
  const taken = new Set([...known, ...OTHERS.map((name) => PREFIX + name)]);
  for (const [name, text = ''] of Object.entries(process.env)) {
    if (!name.startsWith(PREFIX) || taken.has(name) || text.trim() === '') continue;
    // Without what they all begin with, which would make all of them alike.
    const nearest = nearestOf(
      name.slice(PREFIX.length),
      known.map((each) => each.slice(PREFIX.length)),
    );
    const found = `The environment has ${visible(name)}, which is no option of "tidings serve"`;
    if (nearest !== undefined) {
      throw new CliError('ERR_USAGE', `${found}: did you mean ${PREFIX}${nearest}? Rename it, or take it out`);
    }
    // Its supervisor has told it.
    if (process.env[SUPERVISED] === undefined) notice(`tidings: ${found} and is ignored`);
  }
}
