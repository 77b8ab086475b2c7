const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What a duration is, to complete the sentence "allowed is …" of an error. */
export const DURATION_FORM: string = `a number with a unit (${Object.keys(UNITS).join(', ')}), such as 30s`;

/** Reads a duration such as `30s` or `1.5h` in whole milliseconds from 0. Returns undefined for anything else. */
export function parseDuration(text: unknown): number | undefined {
  const [, count, unit = ''] =
    (typeof text === 'string' && /^([0-9]{1,16}(?:\.[0-9]{1,9})?)([a-z]{1,2})$/.exec(text)) || [];
  const length = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (count === undefined || length === undefined) return undefined;
  const ms = Math.round(Number(count) * length);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** Writes a duration in the largest unit that leaves no remainder, such as `24h`. It is in days and not in weeks. */
export function formatDuration(ms: number): string {
  const [unit = 'ms', length = 1] =
    Object.entries(UNITS).findLast(([each, size]) => each !== 'w' && ms % size === 0) ?? [];
  return `${ms / length}${unit}`;
}
