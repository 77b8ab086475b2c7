import { ServerError, shown } from '../errors.ts';
import { Runs } from '../runs/index.ts';

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkRuns(runs: Runs): Runs {
  if (runs instanceof Runs) return runs;
  throw new ServerError('ERR_INVALID_OPTION', `The option runs is ${shown(runs)}, but must be a Runs`);
}
