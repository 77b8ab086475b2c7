export interface Backoff {
  /** The longest wait in milliseconds that backing off leads to. A longer reconnection time is kept to all the same. */
  readonly maxBackoffMs: number;
  /**
   * How much of a wait is left to chance, so that listeners do not come back together. `full`: all of it, from the first
   * reconnect on. `half`: the upper half, from the second failure in a row on.
   */
  readonly jitter: 'full' | 'half';
}

/**
 * How long to wait after so many failures in a row, in milliseconds: twice as long each time. Never less than the server
 * asked for, be it by a reconnection time that it named or by `retryAfterMs`, which gets some chance on top.
 */
export function waitMs(
  failures: number,
  { reconnectionMs, isNamed }: { readonly reconnectionMs: number; readonly isNamed: boolean },
  retryAfterMs: number,
  { maxBackoffMs, jitter }: Backoff,
  random: number,
): number {
  const longest = Math.max(reconnectionMs, Math.min(maxBackoffMs, reconnectionMs * 2 ** (failures - 1)));
  const shortest = jitter === 'full' ? (isNamed ? reconnectionMs : 0) : Math.max(reconnectionMs, longest / 2);
  const wait = shortest + random * (longest - shortest);
  return Math.round(retryAfterMs === 0 ? wait : Math.max(wait, retryAfterMs + random * reconnectionMs));
}
