import { isLate, isUndecided } from './problem.ts';

// How long the servers of a cluster may take to agree on a leader, in milliseconds. They need 4 to 10 seconds.
const ELECTION_MS = 15_000;

const RETRY_MS = 200;

/**
 * Asks a store that is being opened until its answer counts: servers that agree on a leader give other answers before.
 * @param isCluster whether there may be several servers
 * @param lateMs how long it is asked again if no answer comes in time, in milliseconds
 */
export async function untilSettled<T>(ask: () => Promise<T>, isCluster: boolean, lateMs: number): Promise<T> {
  const begun = performance.now();
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const ms = isLate(error) ? lateMs : isUndecided(error, isCluster) ? ELECTION_MS : 0;
      if (performance.now() - begun >= ms) throw error;
    }
    await new Promise((resolve) => void setTimeout(resolve, RETRY_MS));
  }
}
