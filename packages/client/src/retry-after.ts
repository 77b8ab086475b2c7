/**
 * What a `Retry-After` asks for in milliseconds: seconds, or an HTTP date (RFC 9110 §10.2.3). The date is read against
 * the response's own `Date`, because the clocks of the two ends differ; `time` is ours, for where there is none.
 * `undefined` where it asks for nothing that can be understood.
 */
export function readRetryAfter(value: string | null, date: string | null, time: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const until = readDate(value);
  return until === undefined ? undefined : Math.max(until - (readDate(date) ?? time), 0);
}

/** Every form of an HTTP date begins with the day of the week; `Date.parse` alone would take much else for a date. */
function readDate(value: string | null): number | undefined {
  if (value === null || !/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return undefined;
  const time = Date.parse(value.endsWith('GMT') ? value : `${value} GMT`);
  return Number.isNaN(time) ? undefined : time;
}
