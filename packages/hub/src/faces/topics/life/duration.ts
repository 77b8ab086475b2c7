const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The units of durations, for messages. */
export const DURATION_EXAMPLES = 'a number with a unit (ms, s, m, h, d), such as 30s or 24h';

/** Reads a duration such as `30s` in milliseconds; undefined if the text is none. */
export function durationOf(text: unknown): number | undefined {
  const [, count, unit = ''] = (typeof text === 'string' && /^([0-9]{1,12})(ms|s|m|h|d)$/.exec(text)) || [];
  return count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 1);
}

/** Writes a duration in the largest unit that leaves no remainder, such as `24h`. */
export function formatDuration(ms: number): string {
  const [unit = 'ms', length = 1] = Object.entries(UNITS).findLast(([, each]) => ms % each === 0) ?? [];
  return `${ms / length}${unit}`;
}
