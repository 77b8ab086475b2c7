/**
 * What a `Retry-After` asks for in milliseconds: seconds, or an HTTP date (RFC 9110 §10.2.3). The date is read against
 * the response's own `Date`, because the clocks of the two ends differ; `time` is ours, for where there is none.
 * 0 where it asks for nothing that can be understood.
 */
export function readRetryAfter(value: string | null, date: string | null, time: number): number {
  if (/^\d+$/.test(`${value}`)) return Number(value) * 1_000;
  return Math.max(readDate(value) - (readDate(date) || time), 0) || 0;
}

/**
 * `NaN` where it is none. Each of the three forms begins with the day of the week, and the oldest names no zone, which is GMT all
 * the same.
 */
function readDate(value: string | null): number {
  return Date.parse(`${value}`.replace(/^(?![A-Z]).*|( GMT)?$/, ' GMT'));
}
