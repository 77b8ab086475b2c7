import { createHash } from 'node:crypto';
import { env } from 'node:process';

/** The seed of this run's random choices, which `each-run.ts` has chosen. */
export const SEED: number = Number(env['TIDINGS_SEED']);

if (!Number.isInteger(SEED)) throw new Error(`TIDINGS_SEED must be an integer, and is ${env['TIDINGS_SEED']}`);

/** Random numbers from 0 to below 1, the same for the same seed. */
export function randomNumbers(seed: number = SEED): () => number {
  let count = 0;
  return () => {
    count += 1;
    return createHash('sha256').update(`${seed} ${count}`).digest().readUInt32BE() / 2 ** 32;
  };
}
