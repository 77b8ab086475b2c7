/** What a time is, to complete the sentence "allowed is …" of an error. */
export const TIME_FORM: string = 'a time that exists, such as 2026-11-28T10:00:00Z, or a date such as 2026-11-28';

// A time without its distance from UTC would mean another one in each place.
const TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;

/**
 * Reads a time in ISO 8601 with its distance from UTC, or a date alone, which begins at midnight in UTC, in milliseconds since 1970. Returns undefined for
 * anything else, and for days that do not exist, which `Date` takes for days of the next month.
 */
export function parseTime(text: string): number | undefined {
  const [, year, month, day] = TIME.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const date = new Date(text.slice(0, 10));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? Date.parse(text) : undefined;
}
