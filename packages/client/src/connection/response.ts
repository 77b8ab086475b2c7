/** [spec] The MIME essence has to be exactly text/event-stream, in any case. Parameters are allowed. */
export function isEventStream(contentType: string): boolean {
  // The essence of the last MIME type that can be parsed ([fetch] "extract a MIME type").
  const essence = contentType.replace(/^(?:.*,)?[\t ]*([\w!#-'*+.^`|~-]+\/[\w!#-'*+.^`|~-]+)[\t ]*(?:[;,].*)?$/, '$1');
  return essence.toLowerCase() === 'text/event-stream';
}

/**
 * The wait that a `Retry-After` header asks for, in milliseconds. Its value is a number of seconds or an HTTP date (RFC 9110
 * §10.2.3). A date is compared with the `Date` of the same response, because the clocks of the two ends differ, or with `time`,
 * our own time of day, where the response has none. The wait is 0 where the value cannot be understood.
 */
export function readRetryAfter(value: string | null, date: string | null, time: number): number {
  if (/^\d+$/.test(`${value}`)) return Number(value) * 1_000;
  return Math.max(readDate(value) - (readDate(date) || time), 0) || 0;
}

/**
 * An HTTP date in milliseconds since 1970, `NaN` where the value is not one. Each of the three forms begins with the day of the
 * week. The oldest form names no zone, and is in GMT all the same.
 */
function readDate(value: string | null): number {
  return Date.parse(`${value}`.replace(/^(?![A-Z]).*|( GMT)?$/, ' GMT'));
}
