const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const DURATION_NAMES: readonly (readonly [number, string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1_000, 'second'],
];

const SIZE_NAMES = ['TiB', 'GiB', 'MiB', 'KiB', 'TB', 'GB', 'MB', 'kB'] as const;

/** Reads a size such as `500MB` or `1GiB` in bytes. Returns undefined for any other text, also for a number without a unit, and for 0. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text) ?? [];
  if (number === undefined || unit === undefined || !Object.hasOwn(BYTES, unit)) return undefined;
  const value = Math.round(Number(number) * (BYTES[unit] ?? Number.NaN));
  return Number.isSafeInteger(value) && value >= 1 ? value : undefined;
}

/** Reads an integer written in digits. Returns undefined for any other text and for a number outside of the range. */
export function parseInteger(text: string, min: number, max: number): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/** Writes a duration in the largest unit that leaves no remainder: `7 days`, `90 minutes`. */
export function formatDuration(milliseconds: number): string {
  for (const [length, name] of DURATION_NAMES) {
    if (milliseconds % length === 0) return formatCount(milliseconds / length, name);
  }
  return formatCount(milliseconds, 'millisecond');
}

/** Writes a size in the largest unit that leaves no remainder: `1 GiB`, `500 MB`. */
export function formatSize(bytes: number): string {
  for (const name of SIZE_NAMES) {
    const size = BYTES[name];
    if (size !== undefined && bytes >= size && bytes % size === 0) return `${bytes / size} ${name}`;
  }
  return formatCount(bytes, 'byte');
}

/** Writes a number with its noun: `1 event`, `1,234 events`. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
