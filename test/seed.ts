import { createHash, randomInt } from 'node:crypto';
import { env } from 'node:process';

/** The seed of this run's random choices: that of `TIDINGS_SEED`, or another one each time. */
export const SEED: number = env['TIDINGS_SEED'] === undefined ? randomInt(2 ** 31) : Number(env['TIDINGS_SEED']);

if (!Number.isInteger(SEED)) throw new Error(`TIDINGS_SEED must be an integer, and is ${env['TIDINGS_SEED']}`);

/** Prints with which seed a random run can be repeated. */
export function printSeed(name: string): void {
  console.log(`${name}: seed ${SEED}, which TIDINGS_SEED=${SEED} gives again`);
}

/** Random numbers from 0 to below 1, the same for the same seed. */
export function randomNumbers(seed: number = SEED): () => number {
  let count = 0;
  return () => {
    count += 1;
    return createHash('sha256').update(`${seed} ${count}`).digest().readUInt32BE() / 2 ** 32;
  };
}
