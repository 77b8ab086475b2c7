import type { Backoff } from './connection-state.ts';

/**
 * Full jitter: how much of a wait is waited is left to chance, so that listeners do not come back together, and the wait
 * doubles with each failure in a row. Never less than the server asked for, be it by a reconnection time that it named or by
 * `away`, which gets some chance on top.
 */
export function fullJitter(initialMs: number, maxMs: number, maxAttempts: number): Backoff {
  return (failures, named, random, away) => {
    if (away < 0) return 0;
    if (failures >= maxAttempts) return Infinity;
    const reconnectionMs = named || initialMs;
    const longest = Math.max(reconnectionMs, Math.min(maxMs, reconnectionMs * 2 ** (failures - 1)));
    return Math.max(named + random * (longest - named), away && away + random * reconnectionMs);
  };
}
