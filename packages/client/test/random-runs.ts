/** Options for random runs, which print their seed. `TIDINGS_SEED=<seed> npx vitest run <file>` repeats them. */
export function randomRuns(numRuns: number): { readonly numRuns: number; readonly seed: number } {
  const seed = Number(process.env['TIDINGS_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`TIDINGS_SEED=${seed}`);
  return { numRuns, seed };
}
