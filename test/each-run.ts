import { randomInt } from 'node:crypto';

/** Before the first test: random choices take their seed from `TIDINGS_SEED`, in every process of the run. */
export function setup(): void {
  process.env['TIDINGS_SEED'] ??= String(randomInt(2 ** 31));
  console.log(`Random choices are those of TIDINGS_SEED=${process.env['TIDINGS_SEED']}\n`);
}
